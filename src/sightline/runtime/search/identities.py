"""Tracks of different streams that may be the same object: candidates, which nobody merges.

Knows vectors and times of tracks. What looks alike need not be the same: whoever uses this decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import sqlalchemy as sa

from sightline.runtime.search.searcher import Searcher
from sightline.runtime.search.stored import Narrowing, narrowed, unix_time
from sightline.sinks.schema import embeddings, streams, tracks
from sightline.types import Floats, Ints, Match

_BLOCK = 2048
"""Tracks of one stream that are compared with those of another at a time."""


@dataclass(frozen=True, slots=True)
class IdentityCandidate:
    """Two tracks of different streams that may be the same object.

    Args:
        first, second: the tracks; ``similarity`` of each is that of the two.
        score: the similarity, less the longer apart the tracks are in time.
        gap_s: seconds between the end of one track and the beginning of the other, 0 where they overlap; None
            where wall-clock times are not known.
        margin: how much the score is above that of the next best track of either stream: near 0, several
            look alike.
        mutual: each is the other's best.
    """

    first: Match
    second: Match
    score: float
    gap_s: float | None
    margin: float
    mutual: bool

    def to_dict(self) -> dict[str, Any]:
        """What stands in JSON."""
        return {
            "score": round(self.score, 4),
            "similarity": round(self.first.similarity, 4),
            "gap_s": None if self.gap_s is None else round(self.gap_s, 3),
            "margin": round(self.margin, 4),
            "mutual": self.mutual,
            "tracks": [self.first.to_dict(), self.second.to_dict()],
        }


@dataclass(frozen=True)
class _Tracks:
    """The tracks of one stream: ids of their embeddings, vectors, classes, and Unix times (NaN: not known)."""

    ids: Ints
    vectors: Floats
    classes: np.ndarray
    begin: np.ndarray
    end: np.ndarray


def identity_candidates(
    searcher: Searcher,
    least: float = 0.7,
    fade_s: float | None = None,
    narrowing: Narrowing | None = None,
    per_track: int = 3,
) -> list[IdentityCandidate]:
    """Pairs of tracks of different streams and one class that look alike, the likeliest first.

    Args:
        searcher: the database.
        least: the lowest score.
        fade_s: a similarity counts half where the tracks are so many seconds apart; pairs whose times are not
            known are left out then. None: when they were seen does not matter.
        narrowing: which tracks are compared; None: all.
        per_track: at most so many candidates of each track in each other stream.

    Raises SearchError.
    """
    by_stream = _tracks(searcher, narrowing or Narrowing())
    pairs = [
        found
        for one, other in combinations(by_stream.values(), 2)
        for found in _pairs(one, other, least, fade_s, per_track)
    ]
    ids = np.array([key for found in pairs for key in found[:2]], np.int64)
    similarities = np.repeat(np.array([found[3] for found in pairs], np.float32), 2)
    matches = searcher.stored.matches(ids, similarities)
    if len(matches) < len(ids):  # somebody has removed rows meanwhile
        return identity_candidates(searcher, least, fade_s, narrowing, per_track)
    return sorted(
        (
            IdentityCandidate(matches[2 * n], matches[2 * n + 1], score, gap, margin, mutual)
            for n, (_, _, score, _, gap, margin, mutual) in enumerate(pairs)
        ),
        key=lambda found: -found.score,
    )


_Pair = tuple[int, int, float, float, "float | None", float, bool]
"""Ids of two embeddings, score, similarity, gap, margin, and whether it is mutual."""


def _pairs(
    one: _Tracks, other: _Tracks, least: float, fade_s: float | None, per_track: int
) -> Iterator[_Pair]:
    for at in range(0, len(one.ids), _BLOCK):
        rows = slice(at, at + _BLOCK)
        similarities = one.vectors[rows] @ other.vectors.T
        gaps = np.maximum(
            one.begin[rows, None] - other.end[None], other.begin[None] - one.end[rows, None]
        )
        gaps = np.maximum(gaps, 0)  # NaN stays
        scores = similarities.astype(np.float64)
        if fade_s is not None:
            scores = np.where(np.isnan(gaps), -1.0, scores * fade_s / (fade_s + gaps))
        scores[one.classes[rows, None] != other.classes[None]] = -1.0
        best = np.argsort(-scores, axis=1, kind="stable")[:, :per_track]
        for row, column in zip(
            *np.nonzero(np.take_along_axis(scores, best, 1) >= least), strict=True
        ):
            place = int(best[row, column])
            score = float(scores[row, place])
            rivals = np.append(np.delete(scores[row], place), np.delete(scores[:, place], row))
            second = float(rivals.max(initial=0.0))
            gap = float(gaps[row, place])
            yield (
                int(one.ids[at + row]), int(other.ids[place]), score, float(similarities[row, place]),
                None if np.isnan(gap) else gap, score - max(0.0, second), score > second,
            )  # fmt: skip


def _tracks(searcher: Searcher, narrowing: Narrowing) -> dict[str, _Tracks]:
    """The tracks of each stream that have a vector."""
    e, t = embeddings.c, tracks.c
    same = sa.and_(t.stream_id == e.stream_id, t.track_id == e.track_id)
    found = (
        sa.select(e.id, e.vector, e["class"].label("kind"), streams.c.name, t.first_utc, t.last_utc)
        .select_from(embeddings)
        .join(streams, streams.c.id == e.stream_id)
        .join(tracks, same)
        .where(e.embedder_id == searcher.number)
        .order_by(e.id)
    )
    by_stream: dict[str, list[object]] = {}
    for row in searcher.stored.rows(narrowed(found, narrowing)):
        by_stream.setdefault(row.name, []).append(row)
    return {name: _of_rows(rows, searcher) for name, rows in by_stream.items()}


def _of_rows(rows: Sequence[Any], searcher: Searcher) -> _Tracks:
    stored = [(row.id, row.vector) for row in rows]
    return _Tracks(
        np.array([row.id for row in rows], np.int64),
        searcher.stored.read(stored, searcher.embedder.dimensions),
        np.array([row.kind for row in rows]),
        np.array([unix_time(row.first_utc) for row in rows], np.float64),  # None is NaN
        np.array([unix_time(row.last_utc) for row in rows], np.float64),
    )

"""Scores of tracks against ground truth: HOTA, CLEAR and IDF1, as TrackEval computes them.

Works on objects in memory and knows no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sightline.evaluation.clear import ClearCounts, count_clear
from sightline.evaluation.comparison import compare
from sightline.evaluation.hota import HotaCounts, count_hota
from sightline.evaluation.identity import IdentityCounts, count_identity
from sightline.types import Detections


@dataclass(frozen=True)
class TrackingScores:
    """How well objects were tracked. Shares are from 0 to 1 (MOTA may be negative).

    ``hota``, ``deta``, ``assa`` and ``loca`` are means over the overlaps 0.05 … 0.95; all others
    are for an overlap of 0.5. ``switches``, ``fragments``, ``false_positives`` and ``misses`` are
    counts over all frames, ``mostly_tracked`` and ``mostly_lost`` count true tracks.
    ``per_class`` is empty in the scores of a class. ``notes`` say what was left out of the files
    that were read, or taken otherwise than it stands there.
    """

    hota: float
    deta: float
    assa: float
    loca: float
    mota: float
    motp: float
    idf1: float
    idp: float
    idr: float
    switches: int
    fragments: int
    mostly_tracked: int
    mostly_lost: int
    false_positives: int
    misses: int
    per_class: Mapping[str, TrackingScores] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Frames = Sequence[Detections]
"""The objects of each frame of some footage, with their track ids."""


def score_tracks(truth: Frames, found: Frames) -> TrackingScores:
    """Score the tracks of one stretch of footage.

    Args:
        truth, found: the objects of each frame, equally many frames; scores are ignored. The
            same class id means the same class on both sides; names are the truth's.

    Raises:
        ValueError: the numbers of frames differ, an object has no track id, or a track is in one
            frame twice.

    An object matches one of its own class only. The scores over all weigh every object alike,
    whatever its class (TrackEval's detection-averaged combination).
    """
    return score_sequences({"": (truth, found)})[0]


def score_sequences(
    sequences: Mapping[str, tuple[Frames, Frames]],
) -> tuple[TrackingScores, dict[str, TrackingScores]]:
    """Score several stretches of footage: over all of them, and each by its name.

    Args:
        sequences: truth and what was found, by name; see ``score_tracks``, also for what it
            raises. Track ids of one sequence say nothing about another.

    The scores over all come from the sums of all counts, like TrackEval's combined sequence.
    """
    total: dict[str, _Counts] = {}
    each: dict[str, TrackingScores] = {}
    for name, (truth, found) in sequences.items():
        counts = _count(truth, found)
        each[name] = _scores(counts)
        for class_name, of_class in counts.items():
            total[class_name] = total[class_name] + of_class if class_name in total else of_class
    return _scores(total), each


@dataclass(frozen=True)
class _Counts:
    """What all scores are made of."""

    hota: HotaCounts
    clear: ClearCounts
    identity: IdentityCounts

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(
            self.hota + other.hota, self.clear + other.clear, self.identity + other.identity
        )

    @classmethod
    def of(cls, truth: Frames, found: Frames) -> _Counts:
        """The counts of one sequence: its true and its found objects, frame by frame."""
        comparison = compare(truth, found)
        return cls(count_hota(comparison), count_clear(comparison), count_identity(comparison))


def _count(truth: Frames, found: Frames) -> dict[str, _Counts]:
    """The counts of each class that is there, by its name."""
    if len(truth) != len(found):
        raise ValueError(f"truth has {len(truth)} frames, what was found has {len(found)}")
    classes = np.unique(np.concatenate([np.empty(0, np.int64), *_class_ids(truth, found)]))
    named = next((frame for frame in (*truth, *found) if frame.class_names), Detections.empty())
    return {
        named.class_name(int(class_id)): _Counts.of(_only(truth, class_id), _only(found, class_id))
        for class_id in classes
    }


def _class_ids(*sides: Frames) -> list[np.ndarray]:
    return [frame.class_ids for frames in sides for frame in frames]


def _only(frames: Frames, class_id: int) -> list[Detections]:
    return [frame[frame.class_ids == class_id] for frame in frames]


def _scores(classes: Mapping[str, _Counts]) -> TrackingScores:
    """Scores over all classes and of each."""
    total = _Counts.of((), ())
    for counts in classes.values():
        total += counts
    return _score(total, {name: _score(counts, {}) for name, counts in classes.items()})


def _score(counts: _Counts, per_class: Mapping[str, TrackingScores]) -> TrackingScores:
    hota, clear, identity = counts.hota, counts.clear, counts.identity
    return TrackingScores(
        hota=hota.hota,
        deta=hota.deta,
        assa=hota.assa,
        loca=hota.loca,
        mota=clear.mota,
        motp=clear.motp,
        idf1=identity.idf1,
        idp=identity.idp,
        idr=identity.idr,
        switches=clear.switches,
        fragments=clear.fragments,
        mostly_tracked=clear.mostly_tracked,
        mostly_lost=clear.mostly_lost,
        false_positives=clear.false_positives,
        misses=clear.misses,
        per_class=per_class,
    )

"""Candidates for one object in several streams: by looks, time and class; never one of the same stream."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.runtime.search.conftest import DIMENSIONS, embedding

from sightline.errors import SearchError
from sightline.runtime.search.identities import identity_candidates
from sightline.runtime.search.searcher import Searcher
from sightline.runtime.search.stored import Narrowing
from sightline.sinks.database import DatabaseSink
from sightline.types import Floats, Observation, StreamInfo

START = 1_795_852_800.0
Seen = dict[str, list[tuple[int, Floats, float | None, str]]]
"""Tracks of each stream: id, vector, seconds after START (None: nobody knows when), class."""


def axis(number: int, tilt: float = 0.0) -> Floats:
    """Vectors of two axes have nothing in common; ``tilt`` is the angle between a vector and its axis."""
    made = np.zeros(DIMENSIONS, np.float32)
    made[number], made[-1] = np.cos(tilt), np.sin(tilt)
    return made


@pytest.fixture
def search(
    observe: Callable[..., Observation], database: Path
) -> Iterator[Callable[[Seen], Searcher]]:
    opened: list[Searcher] = []

    def make(seen: Seen) -> Searcher:
        for stream, tracks in seen.items():
            sink = DatabaseSink(database)
            sink.open(StreamInfo(stream, 96, 64, 25.0))
            for index, (track, vector, at, kind) in enumerate(tracks):
                boxes = [(1, 1, 20, 20, 0.9, 2, track)]
                found = observe(stream=stream, index=index, boxes=boxes)
                if at is not None:
                    found.frame.utc, found.frame.clock = START + at, "start"
                told = embedding(vector, track, utc=found.frame.utc, class_name=kind)
                sink.write(Observation(found.frame, found.detections, embeddings=(told,)))
            sink.close()
        opened.append(Searcher(database, kind="exact"))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_a_damaged_vector_is_told(search: Callable[[Seen], Searcher], database: Path) -> None:
    searcher = search({"gate": [(1, axis(0), 0.0, "car")], "yard": [(2, axis(0), 0.0, "car")]})
    with sqlite3.connect(database) as db:
        db.execute("UPDATE embeddings SET vector = x'0011' WHERE id = 2")
    with pytest.raises(SearchError, match="embedding 2 has not 16 values"):
        identity_candidates(searcher)


def pairs(found: Any) -> list[tuple[str, int | None, str, int | None]]:
    return [(c.first.stream, c.first.track_id, c.second.stream, c.second.track_id) for c in found]


def test_what_looks_alike_in_two_streams(search: Callable[[Seen], Searcher]) -> None:
    seen: Seen = {
        "gate": [(1, axis(0), 0.0, "car"), (2, axis(1), 5.0, "car"), (3, axis(1), 6.0, "car")],
        "yard": [(1, axis(1, 0.2), 9.0, "car"), (7, axis(5), 0.0, "car")],
    }
    found = identity_candidates(search(seen))
    # Tracks 2 and 3 of the gate are alike, and nothing tells which of them it was.
    assert pairs(found) == [("gate", 2, "yard", 1), ("gate", 3, "yard", 1)]
    first = found[0]
    assert first.score == first.first.similarity == pytest.approx(np.cos(0.2), abs=2e-3)
    assert first.gap_s == pytest.approx(4, abs=0.01)
    assert first.margin == pytest.approx(0, abs=1e-3)
    assert not first.mutual
    assert first.to_dict()["tracks"][1]["stream"] == "yard"


def test_a_pair_without_a_rival(search: Callable[[Seen], Searcher]) -> None:
    seen: Seen = {
        "gate": [(1, axis(0), 0.0, "car"), (2, axis(1), 0.0, "car")],
        "yard": [(4, axis(0, 0.1), 0.0, "car"), (5, axis(1, 0.5), 0.0, "car")],
    }
    found = identity_candidates(search(seen))
    assert pairs(found) == [("gate", 1, "yard", 4), ("gate", 2, "yard", 5)]
    assert all(one.mutual and one.margin > 0.8 for one in found)


def test_time_apart_counts(search: Callable[[Seen], Searcher]) -> None:
    seen: Seen = {
        "gate": [(1, axis(0), 0.0, "car")],
        "yard": [(2, axis(0, 0.1), 600.0, "car"), (3, axis(0, 0.3), 10.0, "car")],
    }
    searcher = search(seen)
    assert [p[3] for p in pairs(identity_candidates(searcher))] == [2, 3]
    found = identity_candidates(searcher, 0.05, fade_s=60.0)
    assert [p[3] for p in pairs(found)] == [3, 2]
    assert found[0].score == pytest.approx(np.cos(0.3) * 60 / 70, abs=1e-2)
    assert pairs(identity_candidates(searcher, 0.7, fade_s=60.0)) == [("gate", 1, "yard", 3)]


def test_times_that_nobody_knows(search: Callable[[Seen], Searcher]) -> None:
    seen: Seen = {"gate": [(1, axis(0), None, "car")], "yard": [(2, axis(0), 0.0, "car")]}
    searcher = search(seen)
    (found,) = identity_candidates(searcher)
    assert found.gap_s is None
    assert found.to_dict()["gap_s"] is None
    assert identity_candidates(searcher, 0.1, fade_s=60.0) == []


def test_of_other_classes_nothing_is_told(search: Callable[[Seen], Searcher]) -> None:
    seen: Seen = {"gate": [(1, axis(0), 0.0, "car")], "yard": [(2, axis(0), 0.0, "bus")]}
    assert identity_candidates(search(seen)) == []


def test_tracks_of_one_stream_are_not_compared(search: Callable[[Seen], Searcher]) -> None:
    seen: Seen = {"gate": [(1, axis(0), 0.0, "car"), (2, axis(0), 0.0, "car")]}
    assert identity_candidates(search(seen)) == []


def test_only_some_are_compared(search: Callable[[Seen], Searcher]) -> None:
    track: list[tuple[int, Floats, float | None, str]] = [(1, axis(0), 0.0, "car")]
    searcher = search({"gate": track, "yard": track, "roof": track})
    assert len(identity_candidates(searcher)) == 3
    only = identity_candidates(searcher, narrowing=Narrowing(streams=("gate", "roof")))
    assert pairs(only) == [("gate", 1, "roof", 1)]


def test_at_most_a_few_of_each_track(search: Callable[[Seen], Searcher]) -> None:
    many: list[tuple[int, Floats, float | None, str]] = [
        (number, axis(0, 0.01 * number), 0.0, "car") for number in range(6)
    ]
    found = identity_candidates(search({"gate": [(9, axis(0), 0.0, "car")], "yard": many}))
    assert [p[3] for p in pairs(found)] == [0, 1, 2]

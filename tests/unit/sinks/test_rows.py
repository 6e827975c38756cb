"""Rows of a results database, in a database in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from sightline.errors import SinkError
from sightline.sinks.rows import StoredObservation, TrackLabels, insert
from sightline.types import Event, Label, Observation

Observe = Callable[..., Observation]
RED, BLUE, VAN = (
    Label("colour", "red", 0.75),
    Label("colour", "blue", 0.5),
    Label("kind", "van", 1.0),
)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Store:
    """Stores batches, and remembers what is there as the sink does."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.labels: Mapping[int, TrackLabels] = {}

    def __call__(self, *seen: Observation, stream: int = 1) -> None:
        rows = [StoredObservation.of(stream, one) for one in seen]
        self.labels = insert(self.connection, rows, self.labels)

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        return [tuple(row) for row in self.connection.exec_driver_sql(query)]


@pytest.fixture
def store(connection: sa.Connection) -> Store:
    return Store(connection)


def box(track: int, score: float = 0.5, class_id: int = 0) -> list[float]:
    return [1, 2, 30, 40, score, class_id, track]


TRACKS = (
    'SELECT track_id, "class", first_time, last_time, first_frame, last_frame, frames, best_score '
    "FROM tracks ORDER BY stream_id, track_id"
)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_tracks_are_summed_up_however_they_are_batched(
    observe: Observe, store: Store, batch: int
) -> None:
    seen = [
        observe(index=0, time=0.0, boxes=[box(7, 0.25, 0)]),
        observe(index=1, time=0.5, boxes=[box(7, 0.875, 2), box(8, 0.5, 1)]),
        observe(index=2, time=1.0, boxes=[box(-1, 1.0, 1)]),
        observe(index=3, time=1.5, boxes=[]),
        observe(index=4, time=2.0, boxes=[box(7, 0.875, 1), box(-1, 1.0, 1)]),
    ]
    for start in range(0, 5, batch):
        store(*seen[start : start + batch])
    assert store.rows(TRACKS) == [
        (7, "car", 0.0, 2.0, 0, 4, 3, 0.875),  # of two that are alike the first counts
        (8, "bicycle", 0.5, 0.5, 1, 1, 1, 0.5),
    ]
    assert store.rows("SELECT frame, objects FROM frames ORDER BY frame") == [
        (0, 1), (1, 2), (2, 1), (3, 0), (4, 2),
    ]  # fmt: skip


def test_streams_have_tracks_of_their_own(observe: Observe, store: Store) -> None:
    store(observe(boxes=[box(7, 0.5, 0)]), stream=1)
    store(observe(boxes=[box(7, 0.25, 2)]), stream=2)
    assert store.rows('SELECT stream_id, "class" FROM tracks ORDER BY 1') == [
        (1, "person"), (2, "car"),
    ]  # fmt: skip


LABELS = "SELECT track_id, attribute, value, frame FROM labels ORDER BY 1, 2"


@pytest.mark.parametrize("batch", [1, 9], ids=["one by one", "at once"])
@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param(
            [((7,), {7: (RED, VAN)})], [(7, "colour", "red", 0), (7, "kind", "van", 0)], id="two"
        ),
        pytest.param([((7,), {7: (RED,)})] * 3, [(7, "colour", "red", 0)], id="it stays"),
        pytest.param(
            [((7,), {7: (RED,)}), ((7,), {7: (BLUE,)})], [(7, "colour", "blue", 1)], id="it changes"
        ),
        pytest.param(
            [((8,), {7: (RED,)}), ((7,), {7: (RED,)})], [(7, "colour", "red", 1)],
            id="said while the track is not seen",
        ),
        pytest.param(
            [((7,), {7: (RED,)}), ((), {7: (BLUE,)}), ((7,), {7: (BLUE,)})],
            [(7, "colour", "blue", 2)], id="changed while the track is not seen",
        ),
        pytest.param([((8,), {7: (RED,)})], [], id="of a track that was never seen"),
    ],
)  # fmt: skip
def test_labels(
    observe: Observe, store: Store, batch: int, frames: list[Any], expected: list[Any]
) -> None:
    seen = [
        observe(index=i, boxes=[box(track) for track in tracks], labels=labels)
        for i, (tracks, labels) in enumerate(frames)
    ]
    for start in range(0, len(seen), batch):
        store(*seen[start : start + batch])
    assert store.rows(LABELS) == expected


def test_objects_with_and_without_shapes_in_one_batch(observe: Observe, store: Store) -> None:
    plain = observe(index=0, boxes=[box(1), box(2)])
    keypoints = np.array([[[1.5, 2.25, 0.5]]], np.float32)
    posed = observe(index=1, boxes=[box(3)])
    parts = replace(posed.detections, keypoints=keypoints, parent_ids=np.array([1]))
    store(plain, replace(posed, detections=parts))
    assert store.rows(
        "SELECT frame, number, track_id, keypoints, parent_id, mask, angle FROM objects ORDER BY 1, 2"
    ) == [
        (0, 0, 1, None, None, None, None),
        (0, 1, 2, None, None, None, None),
        (1, 0, 3, "[[1.5, 2.25, 0.5]]", 1, None, None),
    ]


def test_a_class_without_a_name_is_called_by_its_number(observe: Observe, store: Store) -> None:
    store(observe(boxes=[box(1, 0.5, 2), box(2, 0.5, 9)]))
    assert store.rows('SELECT "class" FROM objects ORDER BY number') == [("car",), ("9",)]


def test_times_and_events(observe: Observe, store: Store) -> None:
    one = observe(index=25, time=1.0, boxes=[box(7)])
    frame = replace(one.frame, utc=NOON.timestamp(), clock="rtcp")
    event = Event("line", 0.5, "cam", 7, {"zone": "gate", "speed": np.float32(1.5)})
    store(replace(one, frame=frame, events=(event, Event("end", 1.0, "cam"))))
    assert store.rows("SELECT utc, clock FROM frames") == [("2026-11-28 12:00:00.000000", "rtcp")]
    assert store.rows("SELECT frame, kind, time, utc, track_id, data FROM events ORDER BY id") == [
        (25, "line", 0.5, "2026-11-28 11:59:59.500000", 7, '{"zone": "gate", "speed": 1.5}'),
        (25, "end", 1.0, "2026-11-28 12:00:00.000000", None, None),
    ]
    assert store.rows("SELECT first_utc, last_utc FROM tracks") == [
        ("2026-11-28 12:00:00.000000",) * 2
    ]


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}], ids=["object", "NaN", "set"])
def test_an_event_without_a_json_form_is_named(observe: Observe, value: object) -> None:
    one = observe("cam", 3, events=(Event("line", 0.1, "cam", None, {"x": value}),))
    with pytest.raises(SinkError, match="the event 'line' in frame 3 of cam cannot be stored"):
        StoredObservation.of(1, one)

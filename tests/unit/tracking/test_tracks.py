"""Detections as trackers work with them, and tracks as parallel arrays."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.tracking.tracks import DetectionArrays, Tracks
from sightline.types import Detections

NAN, INF = float("nan"), float("inf")


def detections(*boxes: tuple[float, ...], embeddings: object = None) -> Detections:
    count = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.5, count, dtype=np.float32),
        np.arange(count),
        embeddings=None if embeddings is None else np.array(embeddings, np.float32),
    )


@pytest.mark.parametrize(
    ("box", "proper"),
    [
        pytest.param((1, 2, 3, 4), True, id="a box"),
        pytest.param((1, 2, 1, 2), True, id="a point"),
        pytest.param((3, 2, 1, 4), False, id="inside out"),
        pytest.param((1, 4, 3, 2), False, id="upside down"),
        pytest.param((NAN, 2, 3, 4), False, id="no number"),
        pytest.param((1, 2, INF, 4), False, id="without an end"),
        pytest.param((-INF, 2, 3, 4), False, id="without a beginning"),
    ],
)
def test_what_is_no_box_has_no_size_and_a_score_below_any(
    box: tuple[float, ...], proper: bool
) -> None:
    found = DetectionArrays.of(detections((5, 5, 9, 9), box))
    assert found.boxes[:, 0].tolist() == [5, 5, 9, 9]
    assert found.boxes[:, 1].tolist() == (list(box) if proper else [0, 0, 0, 0])
    assert found.scores.tolist() == pytest.approx([0.9, 0.5 if proper else -1])


def test_vectors_get_the_length_1() -> None:
    rows = [[3, 4], [0, 0], [NAN, 1], [1e30, 1e30], [0, -2]]
    found = DetectionArrays.of(detections(*[(0, 0, 1, 1)] * 5, embeddings=rows))
    assert found.embeddings is not None
    assert found.embeddings.tolist() == [
        pytest.approx([0.6, 0.8]), [0, 0], [0, 0], [0, 0], [0, -1],
    ]  # fmt: skip
    taken = found.taken(np.array([4, 0]))
    assert taken.class_ids.tolist() == [4, 0]
    assert taken.embeddings is not None
    assert taken.embeddings[0].tolist() == [0, -1]


def test_nothing_is_found_in_an_empty_frame() -> None:
    found = DetectionArrays.of(Detections.empty())
    assert (found.boxes.shape, found.scores.shape) == ((4, 0), (0,))
    assert len(Tracks.begin(found, 0.0)) == 0


def test_tracks_begin_meet_and_are_picked_and_joined() -> None:
    boxes = ((0, 0, 10, 10), (20, 0, 40, 10), (50, 0, 60, 10))
    tracks = Tracks.begin(DetectionArrays.of(detections(*boxes)), 2.0)
    assert (tracks.ids.tolist(), tracks.hits.tolist(), tracks.misses.tolist()) == (
        [0] * 3, [1] * 3, [0] * 3,
    )  # fmt: skip
    again = DetectionArrays.of(detections((51, 0, 61, 10), (1, 0, 11, 10)))
    tracks.meet(np.array([2, 0]), again, 3.0)
    assert tracks.hits.tolist() == [2, 1, 2]
    assert tracks.seen.tolist() == [3, 2, 3]
    assert tracks.class_ids.tolist() == [1, 1, 0]
    assert tracks.scores.tolist() == pytest.approx([0.5, 0.7, 0.9])
    some = tracks[np.array([True, False, True])]
    assert (len(some), some.class_ids.tolist()) == (2, [1, 0])
    both = some + tracks
    assert (len(both), both.hits.tolist()) == (5, [2, 2, 2, 1, 2])
    some.hits[:] = 99
    assert tracks.hits.max() == 2  # a copy

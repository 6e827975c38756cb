"""What OC-SORT adds to overlap: direction, where an object was last seen, and the way from there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.ocsort import OCSORT
from sightline.types import Detections

pytestmark = pytest.mark.filterwarnings("error")

Row = tuple[float, float, float, float, float]  # x1 y1 x2 y2 score


def detections(*rows: Row) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), np.zeros(len(rows), np.int64))


def person(x: float, y: float = 100, score: float = 0.9) -> Row:
    return (x, y, x + 40, y + 100, score)


def ids(tracked: Detections) -> list[int]:
    assert tracked.track_ids is not None
    return tracked.track_ids.tolist()


@pytest.mark.parametrize(
    ("momentum", "taken"),
    [
        pytest.param(0.0, (44, 82), id="overlap alone"),
        pytest.param(0.2, (52, 100), id="the one ahead"),
    ],
)
def test_what_is_ahead_counts_more(momentum: float, taken: tuple[float, float]) -> None:
    """Of somebody who walks right, one detection overlaps a little more, and is off to the side."""
    tracker = OCSORT(momentum=momentum)
    for n in range(11):
        tracker.update(detections(person(4 * n)), n / 30)
    tracked = tracker.update(detections(person(44, y=82), person(52)), 11 / 30)
    assert ids(tracked) == [1]  # the other one is not confirmed yet
    assert tuple(tracked.boxes[0, :2].tolist()) == taken


def lost_and_found(tracker: Any, away: int, back_at: float) -> list[int]:
    """A person walks 6 pixels a frame, is out of sight, and stands somewhere afterwards."""
    for n in range(20):
        tracker.update(detections(person(6 * n)), n / 30)  # the last one is at 114
    for n in range(20, 20 + away):
        tracker.update(Detections.empty(), n / 30)
    at = 20 + away
    return ids(tracker.update(detections(person(back_at)), at / 30))


def test_who_stopped_behind_something_is_found_where_he_was_last_seen() -> None:
    """After 15 frames he is expected 90 pixels on, more than his own width."""
    assert lost_and_found(OCSORT(), 15, back_at=118) == [1]
    assert lost_and_found(ByteTrack(), 15, back_at=118) != [1]


@pytest.mark.parametrize("away", [1, 5, 12])
def test_what_was_found_again_is_as_if_it_had_been_seen_on_the_way(away: int) -> None:
    """Re-update: the filter is that of a tracker which saw the object on a straight line between."""
    lost, never_lost = OCSORT(), OCSORT()
    assert lost_and_found(lost, away, back_at=120) == [1]
    for n in range(20):
        never_lost.update(detections(person(6 * n)), n / 30)
    for step in range(1, away + 2):
        at = 114 + 6 * step / (away + 1)
        never_lost.update(detections(person(at)), (19 + step) / 30)
    assert lost._tracks.motion == pytest.approx(never_lost._tracks.motion, abs=1e-4)


def test_a_gap_in_time_is_a_gap_in_frames() -> None:
    """At 5 frames a second, six of thirty pass between two: the way has as many steps."""
    tracker = OCSORT()
    for n in range(10):
        tracker.update(detections(person(6 * n)), n / 5)
    tracker.update(Detections.empty(), 10 / 5)
    assert ids(tracker.update(detections(person(66)), 11 / 5)) == [1]
    (expected,) = tracker.predict(12 / 5).boxes[:, 0].tolist()
    assert expected == pytest.approx(72, abs=2)


def test_a_doubtful_detection_goes_on_with_an_object_and_begins_none() -> None:
    tracker = OCSORT(high_threshold=0.6, new_track_threshold=0.6)
    for n in range(10):
        tracker.update(detections(person(2 * n)), n / 30)
    tracked = tracker.update(detections(person(20, score=0.3), person(500, score=0.3)), 10 / 30)
    assert ids(tracked) == [1]
    without = OCSORT(high_threshold=0.6, low_threshold=0.6, new_track_threshold=0.6)
    for n in range(10):
        without.update(detections(person(2 * n)), n / 30)
    assert ids(without.update(detections(person(20, score=0.3)), 10 / 30)) == []


@pytest.mark.parametrize(
    "option", [{"momentum": 1.5}, {"match_threshold": -1}, {"low_match_threshold": float("nan")}]
)
def test_options_out_of_range_are_refused(option: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        OCSORT(**option)


def test_options_of_other_libraries_lead_to_ours() -> None:
    with pytest.raises(TypeError, match="momentum"):
        OCSORT(inertia=0.3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="high_threshold"):
        OCSORT(det_thresh=0.3)  # type: ignore[call-arg]

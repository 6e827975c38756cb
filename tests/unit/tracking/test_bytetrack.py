from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.tracking.bytetrack import ByteTrack
from sightline.types import Detections

pytestmark = pytest.mark.filterwarnings("error")

Row = tuple[float, float, float, float, float]  # x1 y1 x2 y2 score


def detections(*rows: Row, classes: tuple[int, ...] = ()) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 5)
    class_ids = np.array(classes or [0] * len(rows), np.int64)
    return Detections(table[:, :4].copy(), table[:, 4].copy(), class_ids)


def person(x: float, y: float = 100, score: float = 0.9) -> Row:
    return (x, y, x + 40, y + 100, score)


def ids(tracked: Detections) -> list[int]:
    assert tracked.track_ids is not None
    return tracked.track_ids.tolist()


def walk(tracker: ByteTrack, start: int, stop: int, fps: float = 25) -> list[int]:
    """A person walks 2 pixels a frame; its id in the last frame."""
    for n in range(start, stop):
        tracked = tracker.update(detections(person(2 * n)), n / fps)
    return ids(tracked)


def pause(tracker: ByteTrack, start: int, stop: int, fps: float = 25) -> None:
    for n in range(start, stop):
        assert ids(tracker.update(Detections.empty(), n / fps)) == []


def test_objects_of_the_first_frame_have_ids_at_once() -> None:
    assert ids(ByteTrack().update(detections(person(0), person(200)))) == [1, 2]


@pytest.mark.parametrize("hits", [1, 2, 3])
def test_a_later_object_has_an_id_after_minimum_hits(hits: int) -> None:
    tracker = ByteTrack(minimum_hits=hits)
    tracker.update(Detections.empty())
    shown = [len(tracker.update(detections(person(2 * n)))) for n in range(5)]
    assert shown == [0] * (hits - 1) + [1] * (6 - hits)


def test_a_flash_uses_up_no_id() -> None:
    tracker = ByteTrack()
    tracker.update(Detections.empty())
    tracker.update(detections(person(500)))
    tracker.update(Detections.empty())
    tracker.update(detections(person(0)))
    assert ids(tracker.update(detections(person(2)))) == [1]


def test_hits_that_confirm_follow_one_another() -> None:
    tracker = ByteTrack(minimum_hits=2)
    tracker.update(Detections.empty())
    for n in range(20):
        found = detections(person(0)) if n % 2 else Detections.empty()
        assert ids(tracker.update(found)) == []


def test_an_object_is_one_track() -> None:
    tracker = ByteTrack(minimum_hits=1)
    for n in range(10):
        assert ids(tracker.update(detections(person(2 * n)))) == [1]
        assert len(tracker._tracks) == 1


def test_two_people_cross_and_keep_their_ids() -> None:
    tracker = ByteTrack()
    for n in range(60):
        left, right = person(4 * n), person(236 - 4 * n, y=130)
        swapped = n % 2 == 1  # the order of the detections says nothing
        tracked = tracker.update(detections(right, left) if swapped else detections(left, right))
        assert ids(tracked) == ([2, 1] if swapped else [1, 2])


@pytest.mark.parametrize(
    ("score", "low_threshold", "kept"),
    [
        pytest.param(0.3, 0.1, True, id="doubtful: kept"),
        pytest.param(0.05, 0.1, False, id="below low: ignored"),
        pytest.param(0.3, 0.4, False, id="below a higher low: ignored"),
    ],
)
def test_half_hidden_object(score: float, low_threshold: float, kept: bool) -> None:
    tracker = ByteTrack(high_threshold=0.6, low_threshold=low_threshold)
    walk(tracker, 0, 20)
    tracked = tracker.update(detections(person(40, score=score)), 20 / 25)
    assert ids(tracked) == ([1] if kept else [])


def test_a_doubtful_detection_starts_nothing_and_revives_nothing() -> None:
    tracker = ByteTrack(high_threshold=0.6)
    walk(tracker, 0, 20)
    pause(tracker, 20, 22)
    for n in range(22, 26):
        doubtful = detections(person(2 * n, score=0.4), person(900, score=0.4))
        assert ids(tracker.update(doubtful, n / 25)) == []


def test_sure_detections_are_matched_before_doubtful_ones() -> None:
    tracker = ByteTrack(high_threshold=0.6)
    walk(tracker, 0, 20)
    tracked = tracker.update(detections(person(40, score=0.5), person(46)), 20 / 25)
    assert tracked.boxes[:, 0].tolist() == [46]
    assert ids(tracked) == [1]


def test_overlap_counts_with_the_score() -> None:
    tracker = ByteTrack()
    for _ in range(10):
        tracker.update(detections(person(0)))
    tracked = tracker.update(detections(person(0, score=0.65), person(3, score=0.95)))
    assert tracked.boxes[:, 0].tolist() == [3]


@pytest.mark.parametrize("fps", [5, 25, 50])
def test_found_again_within_the_buffer(fps: float) -> None:
    tracker = ByteTrack(lost_buffer_s=1.0)
    walk(tracker, 0, 20, fps)
    away = int(0.8 * fps)
    pause(tracker, 20, 20 + away, fps)
    assert walk(tracker, 20 + away, 21 + away, fps) == [1]


@pytest.mark.parametrize("fps", [5, 25, 50])
def test_found_again_after_the_buffer_is_somebody_new(fps: float) -> None:
    tracker = ByteTrack(lost_buffer_s=1.0)
    walk(tracker, 0, 20, fps)
    away = int(1.2 * fps)
    pause(tracker, 20, 20 + away, fps)
    assert walk(tracker, 20 + away, 22 + away, fps) == [2]


def test_the_buffer_can_end_while_no_frames_come() -> None:
    tracker = ByteTrack(lost_buffer_s=1.0)
    for n in range(10):
        tracker.update(detections(person(0)), n / 25)
    pause(tracker, 10, 12)
    tracker.update(detections(person(0)), 5.0)
    assert ids(tracker.update(detections(person(0)), 5.04)) == [2]


def test_an_object_that_shrank_before_it_was_lost_is_found() -> None:
    """Its growth is not carried on: in 10 frames nothing would be left of the box."""
    tracker = ByteTrack()
    for n in range(19):
        edge = 3 * max(n - 10, 0)
        found = detections((100 + edge, 100 + edge, 200 - edge, 200 - edge, 0.9))
        assert ids(tracker.update(found)) == [1]
    for _ in range(10):
        tracker.update(Detections.empty())
    assert ids(tracker.update(found)) == [1]


def test_without_time_the_frame_rate_measures_the_buffer() -> None:
    lives = []
    for frame_rate in (10, 30):
        tracker = ByteTrack(frame_rate=frame_rate, lost_buffer_s=1.0)
        for _ in range(5):
            tracker.update(detections(person(0)))
        for _ in range(20):
            tracker.update(Detections.empty())
        tracker.update(detections(person(0)))
        lives.append(ids(tracker.update(detections(person(0)))))
    assert lives == [[2], [1]]


def test_a_stream_slower_than_the_buffer_keeps_its_ids() -> None:
    tracker = ByteTrack(lost_buffer_s=0.5)
    for n in range(10):
        assert ids(tracker.update(detections(person(0)), 2.0 * n)) == [1]


def test_a_gap_moves_the_object_on() -> None:
    """12 pixels a frame for 10 missing frames is further than the object is wide."""
    tracker = ByteTrack()
    for n in range(20):
        tracker.update(detections(person(12 * n)), n / 25)
    assert ids(tracker.update(detections(person(12 * 29)), 29 / 25)) == [1]
    tracker.reset()
    for n in range(20):
        tracker.update(detections(person(12 * n)), n / 25)
    assert ids(tracker.update(detections(person(12 * 29)), 20 / 25)) == []


@pytest.mark.parametrize(("class_aware", "expected"), [(True, []), (False, [1])])
def test_class_aware(class_aware: bool, expected: list[int]) -> None:
    tracker = ByteTrack(class_aware=class_aware)
    for _ in range(5):
        tracker.update(detections(person(0), classes=(0,)))
    assert ids(tracker.update(detections(person(0), classes=(1,)))) == expected


def test_predict_shows_the_objects_of_the_last_update_only() -> None:
    tracker = ByteTrack()
    tracker.update(detections(person(0), person(300)))
    tracker.update(detections(person(300)))
    assert ids(tracker.predict()) == [2]
    tracker.update(Detections.empty())
    assert ids(tracker.predict()) == []


def test_predict_shows_nothing_once_the_last_update_is_long_ago() -> None:
    tracker = ByteTrack(lost_buffer_s=30)
    for n in range(5):
        tracker.update(detections(person(0)), n / 25)
    shown = [ids(tracker.predict(4 / 25 + age)) for age in (0.5, 0.9, 1.1, 10)]
    assert shown == [[1], [1], [], []]
    assert ids(tracker.update(detections(person(0)), 10.2)) == [1]


def test_predict_carries_the_last_score_and_class() -> None:
    tracker = ByteTrack()
    for score, class_id in ((0.9, 0), (0.75, 2), (0.3, 1)):
        tracker.update(detections(person(0, score=score), classes=(class_id,)))
        shown = tracker.predict()
        assert shown.scores.tolist() == [pytest.approx(score)]
        assert shown.class_ids.tolist() == [class_id]


def test_results_are_not_changed_by_later_frames() -> None:
    tracker = ByteTrack()
    tracker.update(detections(person(0)))
    first = tracker.predict()
    boxes, scores = first.boxes.copy(), first.scores.copy()
    given_in = detections(person(5, score=0.8))
    tracker.update(given_in)
    tracker.update(detections(person(10, score=0.7)))
    assert (first.boxes == boxes).all()
    assert (first.scores == scores).all()
    assert given_in.scores.tolist() == [pytest.approx(0.8)]


@pytest.mark.parametrize("timed", [True, False], ids=["25 fps", "time stands still"])
def test_state_does_not_grow(timed: bool) -> None:
    rng = np.random.default_rng(0)
    tracker = ByteTrack(lost_buffer_s=0.5)
    sizes = []
    for n in range(10_000):
        corners = rng.uniform(0, 500, (4, 2))
        boxes = np.concatenate((corners, corners + rng.uniform(0, 80, (4, 2))), axis=1)
        found = Detections(
            boxes.astype(np.float32),
            rng.random(4, np.float32),
            np.zeros(4, np.int64),
        )
        tracker.update(found, n / 25 if timed else 1.0)
        sizes.append(len(tracker._tracks))
    assert np.isfinite(tracker._tracks.motion).all()
    assert max(sizes[5000:]) <= max(sizes[100:5000]) + 4
    assert max(sizes) <= 4 * 17


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("high_threshold", 1.5),
        ("low_threshold", -0.1),
        ("low_threshold", 0.7),
        ("new_track_threshold", float("nan")),
        ("match_threshold", 2),
        ("low_match_threshold", -1),
        ("new_match_threshold", 1.01),
        ("minimum_hits", 0),
        ("lost_buffer_s", -1),
        ("lost_buffer_s", float("inf")),
        ("frame_rate", 0),
        ("frame_rate", float("nan")),
    ],
)
def test_a_bad_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{option} is {value}"):
        ByteTrack(**{option: value})

"""What every tracker must do, whatever its method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.protocols import Tracker
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.deepsort import DeepSORTTracker as DeepSORT
from sightline.tracking.ocsort import OCSORT
from sightline.types import Detections

pytestmark = pytest.mark.filterwarnings("error")

TRACKERS = [
    pytest.param(ByteTrack, id="bytetrack"),
    pytest.param(OCSORT, id="ocsort"),
    pytest.param(DeepSORT, id="deepsort"),
]
every_tracker = pytest.mark.parametrize("make", TRACKERS)
Make = Callable[..., Tracker]


def detections(*boxes: tuple[float, float, float, float], score: float = 0.9) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.full(n, score, np.float32),
        np.arange(n, dtype=np.int64),
        class_names=("person", "car"),
    )


def walker(frame: int, y: float = 0) -> tuple[float, float, float, float]:
    """A box of 40 by 80 pixels that walks 3 pixels a frame to the right."""
    return (3 * frame, y, 3 * frame + 40, y + 80)


def ids(tracked: Detections) -> list[int]:
    assert tracked.track_ids is not None
    assert tracked.track_ids.dtype == np.int64
    return tracked.track_ids.tolist()


@every_tracker
@pytest.mark.parametrize(
    "time",
    [np.zeros((9, 9, 3), np.uint8), "0.5", b"", [1.0]],
    ids=["pixels", "text", "bytes", "list"],
)
def test_a_time_of_another_library_upsets_nothing(make: Make, time: Any) -> None:
    """Others take the pixels in its place: taken for a time, they would spoil the clock for good."""
    tracker = make()
    assert ids(tracker.update(detections(walker(0)), 0.0)) == [1]
    for call in (
        lambda: tracker.update(detections(walker(1)), time),
        lambda: tracker.predict(time),
    ):
        with pytest.raises(
            ConfigError, match=r"^time: the seconds .* is needed, not .*leave it out"
        ):
            call()
    assert ids(tracker.update(detections(walker(1)), np.float32(1 / 25))) == [1]


@every_tracker
@pytest.mark.parametrize("found", [None, [], np.zeros((1, 6))], ids=["none", "list", "array"])
def test_detections_of_another_library_are_told_how_to_become_ours(make: Make, found: Any) -> None:
    with pytest.raises(ConfigError, match=r"^detections: .*from_supervision"):
        make().update(found)


@every_tracker
def test_an_object_keeps_its_id_and_detection(make: Make) -> None:
    tracker = make()
    for n in range(30):
        found = detections(walker(n), walker(n, y=300))
        tracked = tracker.update(found, n / 25)
        if n >= 5:
            assert ids(tracked) == [1, 2]
            assert (tracked.boxes == found.boxes).all()
            assert (tracked.scores == found.scores).all()
            assert (tracked.class_ids == found.class_ids).all()
            assert tracked.class_names == ("person", "car")


@every_tracker
def test_every_field_travels_with_its_object(make: Make) -> None:
    tracker = make()
    for n in range(10):
        boxes = np.array([(0, 0, 0, 0), walker(n)], np.float32)  # the first is no object
        masks = np.stack((np.zeros((4, 4), bool), np.eye(4, dtype=bool)))
        found = Detections(
            boxes,
            np.array([0.01, 0.9], np.float32),
            np.zeros(2, np.int64),
            masks=masks,
            embeddings=np.eye(2, dtype=np.float32),
            keypoints=np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3),
            angles=np.array([0.1, 0.2], np.float32),
        )
        tracked = tracker.update(found, n / 25)
    assert ids(tracked) == [1]
    row = found[1:]
    for name in ("masks", "embeddings", "keypoints", "angles"):
        assert np.array_equal(getattr(tracked, name), getattr(row, name)), name


@every_tracker
@pytest.mark.parametrize(
    ("hits", "within", "seen", "first"),
    [
        pytest.param(2, 3, "1010101010", 2, id="2 of 3: every second frame"),
        pytest.param(3, 5, "1010101010", 4, id="3 of 5: every second frame"),
        pytest.param(3, 5, "1101000000", 3, id="3 of 5: one is missing"),
        pytest.param(3, 5, "1001000000", None, id="3 of 5: two hits are no three"),
        pytest.param(3, 5, "1100001100", None, id="3 of 5: too long away"),
        pytest.param(2, 2, "1010101010", None, id="in a row: every second frame is never"),
        pytest.param(2, None, "1011000000", 3, id="in a row, as nothing else is said"),
        pytest.param(1, 4, "1000000000", 0, id="1: at once"),
    ],
)
def test_a_new_object_is_confirmed_by_n_of_m_frames(
    make: Make, hits: int, within: int | None, seen: str, first: int | None
) -> None:
    tracker = make(minimum_hits=hits, confirm_within=within)
    tracker.update(Detections.empty(("person", "car")), 0.0)
    shown = []
    for n, there in enumerate(seen):
        found = detections(walker(n)) if there == "1" else Detections.empty(("person", "car"))
        if ids(tracker.update(found, (n + 1) / 25)):
            shown.append(n)
    if first is None:
        assert shown == []
    else:  # from then on, whenever it is found
        assert shown == [n for n, there in enumerate(seen) if n >= first and there == "1"]


@every_tracker
def test_the_class_of_an_object_is_the_one_that_its_detections_voted_for(make: Make) -> None:
    tracker = make(class_votes=3)
    shown = []
    for n, class_id in enumerate([1, 0, 1, 0, 0, 0, 0]):
        found = replace(detections(walker(n)), class_ids=np.array([class_id], np.int64))
        shown.append(tracker.update(found, n / 25).class_ids.tolist())
    assert shown == [[1], [0], [1], [1], [1], [1], [1]]
    assert tracker.predict(7 / 25).class_ids.tolist() == [1]


@every_tracker
def test_fewer_frames_than_hits_are_refused(make: Make) -> None:
    with pytest.raises(ConfigError, match="confirm_within is 2"):
        make(minimum_hits=3, confirm_within=2)


@every_tracker
def test_reset_forgets_the_objects_and_gives_new_ids(make: Make) -> None:
    tracker = make()
    for n in range(10):
        tracker.update(detections(walker(n)), n / 25)
    tracker.reset()
    assert len(tracker.predict(10 / 25)) == 0
    for n in range(10):
        tracked = tracker.update(detections(walker(n)), n / 25)
    assert ids(tracked) == [2]


@every_tracker
def test_instances_do_not_share_ids(make: Make) -> None:
    one, other = make(), make()
    for n in range(10):
        assert ids(one.update(detections(walker(n), walker(n, y=300)), n / 25)) in ([], [1, 2])
        tracked = other.update(detections(walker(n, y=600)), n / 25)
    assert ids(tracked) == [1]


@every_tracker
@pytest.mark.parametrize("timed", [True, False], ids=["time", "no time"])
def test_prediction_goes_on_and_does_no_harm(make: Make, timed: bool) -> None:
    tracker = make()
    for n in range(60):
        time = n / 30 if timed else None
        if n % 3 == 0:
            tracked = tracker.update(detections(walker(n)), time)
            assert n < 15 or ids(tracked) == [1]
            continue
        tracked = tracker.predict(time)
        if n > 30:
            assert ids(tracked) == [1]
            assert tracked.boxes.dtype == np.float32
            assert tracked.boxes[0] == pytest.approx(walker(n), abs=2)
            assert tracked.scores.tolist() == [pytest.approx(0.9)]
            assert tracked.class_name(int(tracked.class_ids[0])) == "person"


@every_tracker
def test_prediction_before_any_update_is_empty(make: Make) -> None:
    assert ids(make().predict()) == []
    assert ids(make().predict(3.0)) == []


@every_tracker
def test_nothing_found_nothing_tracked(make: Make) -> None:
    tracker = make()
    for n in range(5):
        tracked = tracker.update(Detections.empty(("person",)), n / 25)
        assert ids(tracked) == []
        assert tracked.boxes.shape == (0, 4)
    for n in range(5, 15):
        tracked = tracker.update(detections(walker(n)), n / 25)
    assert ids(tracked) == [1]


@every_tracker
@pytest.mark.parametrize(
    "times",
    [
        pytest.param([1.0] * 12, id="standing still"),
        pytest.param([3 - n / 25 for n in range(12)], id="going back"),
        pytest.param([n / 25 if n % 2 else None for n in range(12)], id="sometimes none"),
        pytest.param([1.7e9 + n / 25 for n in range(12)], id="seconds since 1970"),
        pytest.param([float("nan"), float("inf"), -float("inf")] * 4, id="not finite"),
    ],
)
def test_odd_times_break_nothing(make: Make, times: list[float | None]) -> None:
    tracker = make()
    for n, time in enumerate(times):
        tracked = tracker.update(detections(walker(n)), time)
        assert n < 5 or ids(tracked) == [1]


@every_tracker
@pytest.mark.parametrize(
    "box",
    [
        pytest.param((10, 10, 10, 10), id="no size"),
        pytest.param((10, 10, 10, 60), id="no width"),
        pytest.param((50, 50, 10, 10), id="inside out"),
        pytest.param((-1e30, -1e30, 1e30, 1e30), id="huge"),
        pytest.param((float("nan"),) * 4, id="not a number"),
        pytest.param((-float("inf"), 0, float("inf"), 9), id="infinite"),
        pytest.param((float("inf"),) * 4, id="infinitely far"),
    ],
)
def test_odd_boxes_do_not_disturb_others(
    make: Make, box: tuple[float, float, float, float]
) -> None:
    tracker = make()
    for n in range(10):
        tracked = tracker.update(detections(walker(n, y=200), box), n / 25)
    assert any(np.array_equal(b, np.float32(walker(9, y=200))) for b in tracked.boxes)
    assert np.isfinite(tracked.boxes).all()
    assert np.isfinite(tracker.predict(10 / 25).boxes).all()


coordinates = st.integers(0, 60).map(float)
boxes = st.tuples(coordinates, coordinates, st.integers(0, 40), st.integers(0, 40)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
frames = st.lists(
    st.tuples(st.lists(st.tuples(boxes, st.floats(0, 1, width=32)), max_size=8), st.booleans()),
    max_size=12,
)


@every_tracker
@settings(max_examples=60, deadline=None)
@given(sequence=frames)
def test_invariants(make: Make, sequence: list[tuple[list, bool]]) -> None:
    tracker = make()
    for n, (objects, predict) in enumerate(sequence):
        if predict:
            tracked = tracker.predict(n / 25)
        else:
            found = Detections(
                np.array([b for b, _ in objects], np.float32).reshape(-1, 4),
                np.array([s for _, s in objects], np.float32),
                np.arange(len(objects), dtype=np.int64),
            )
            tracked = tracker.update(found, n / 25)
            # Class ids number the detections here: each is handed on once at most, unchanged.
            source = tracked.class_ids
            assert len(set(source.tolist())) == len(source)
            assert (tracked.boxes == found.boxes[source]).all()
            assert (tracked.scores == found.scores[source]).all()
        assert len(set(ids(tracked))) == len(tracked)
        assert all(i >= 1 for i in ids(tracked))
        assert tracked.boxes.dtype == tracked.scores.dtype == np.float32
        assert np.isfinite(tracked.boxes).all()
        assert (tracked.boxes[:, :2] <= tracked.boxes[:, 2:]).all()

"""A detector that looks where something moves, with one that finds bright rectangles."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import cv2
import numpy as np
import pytest

from sightline.errors import InferenceError, Overloaded
from sightline.geometry import iou_matrix
from sightline.models.composites.regions import RegionDetector
from sightline.protocols import Detector
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame

SIZE = (960, 540)
SCENE = cv2.GaussianBlur(
    np.random.default_rng(3).integers(60, 120, (540, 960, 3), np.uint8), (0, 0), 4
)


class BrightRectangles:
    """Finds what is brighter than the scene, in an input a third as large as the picture."""

    class_names = ("rectangle",)

    def __init__(self, size: tuple[int, int] = (320, 192)) -> None:
        self.size = size
        self.seen: list[tuple[int, int]] = []
        self.fails: BaseException | None = None
        self.refuses: Overloaded | None = None
        self.holds: list[Future[list[Detections]]] | None = None

    def canvas(self, source: tuple[int, int]) -> tuple[int, int]:
        return self.size

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        if self.refuses is not None:
            raise self.refuses
        (frame,) = frames
        self.seen.append((frame.width, frame.height))
        future: Future[list[Detections]] = Future()
        if self.holds is not None:
            self.holds.append(future)
        elif self.fails is not None:
            future.set_exception(self.fails)
        else:
            future.set_result([self._found(frame)])
        return future

    def _found(self, frame: Frame) -> Detections:
        whole = frame.width > self.size[0]
        size = (self.size[0], 180) if whole else self.size
        image = frame.scaled(*size, "bgr")
        bright = (image.min(axis=2) > 200).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        left, top, width, height = stats[1:, :4].T.astype(np.float32)
        boxes = np.stack((left, top, left + width, top + height), axis=1)
        boxes = boxes[(width >= 6) & (height >= 6)] * (frame.width / size[0])
        return Detections(
            boxes.astype(np.float32),
            np.full(len(boxes), 0.9, np.float32),
            np.zeros(len(boxes), np.int64),
            class_names=self.class_names,
        )

    def close(self) -> None:
        raise AssertionError("its owner closes it")


def frame(number: int, *rectangles: tuple[int, int, int, int]) -> Frame:
    image = SCENE.copy()
    for left, top, right, bottom in rectangles:
        image[top:bottom, left:right] = 250
    return Frame("cam", number, number / 25, 0.0, ArrayPicture(image))


def found(detector: Detector, shown: Frame) -> Detections:
    return detector.submit((shown,)).result()[0]


def test_a_small_thing_that_moves_is_found_where_it_is() -> None:
    """It is 9 pixels high: too little for the whole picture, which is looked at a third as large."""
    whole = BrightRectangles()
    detector = RegionDetector(whole)
    hits = 0
    for number in range(40):
        x = 100 + 4 * number
        seen = found(detector, frame(number, (x, 200, x + 9, 209)))
        expected = np.array([[x, 200, x + 9, 209]], np.float32)
        hits += bool(iou_matrix(seen.boxes, expected).max(initial=0) > 0.8)
    assert hits >= 36
    assert sum(size == SIZE for size in whole.seen) <= 2


def test_what_stands_still_is_known_without_a_look() -> None:
    whole = BrightRectangles()
    detector = RegionDetector(whole, refresh_s=100)
    parked = (600, 300, 680, 340)
    seen = [found(detector, frame(number, parked)) for number in range(30)]
    assert [len(one) for one in seen] == [1] * 30
    assert whole.seen == [SIZE]


def test_what_leaves_is_gone() -> None:
    detector = RegionDetector(BrightRectangles(), refresh_s=100)
    for number in range(10):
        assert len(found(detector, frame(number, (600, 300, 680, 340)))) == 1
    for number in range(10, 20):
        left = found(detector, frame(number))
    assert not len(left)


def test_the_whole_picture_is_looked_at_now_and_then() -> None:
    whole = BrightRectangles()
    detector = RegionDetector(whole, refresh_s=1)
    for number in range(76):
        found(detector, frame(number))
    assert whole.seen == [SIZE] * 4


def test_too_much_motion_is_the_whole_picture() -> None:
    whole = BrightRectangles()
    detector = RegionDetector(whole)
    found(detector, frame(0))
    grid = [(x, y) for x in range(20, 900, 90) for y in range(20, 480, 90)]
    for number in range(1, 20):
        there = [(x + number, y, x + number + 30, y + 30) for x, y in grid]
        seen = found(detector, frame(number, *there))
        assert len(seen) == len(grid)
    assert set(whole.seen) == {SIZE}


def test_little_motion_is_shown_in_the_smallest_mosaic() -> None:
    whole, small, large = BrightRectangles(), BrightRectangles((224, 160)), BrightRectangles()
    detector = RegionDetector(whole, (small, large), refresh_s=100)
    for number in range(20):
        found(detector, frame(number, (100 + 5 * number, 200, 130 + 5 * number, 220)))
    assert len(small.seen) >= 15
    assert len(large.seen) <= 3


def test_results_are_the_same_on_each_run() -> None:
    def run() -> list[list[list[float]]]:
        detector = RegionDetector(BrightRectangles())
        moving = [(100 + 7 * n, 200, 130 + 7 * n, 240) for n in range(30)]
        return [found(detector, frame(n, box)).boxes.tolist() for n, box in enumerate(moving)]

    assert run() == run()


def test_a_frame_that_was_refused_may_come_again() -> None:
    whole = BrightRectangles()
    detector = RegionDetector(whole)
    first = frame(0, (600, 300, 680, 340))
    whole.refuses = Overloaded("busy")
    with pytest.raises(Overloaded):
        detector.submit((first,))
    whole.refuses = None
    assert len(found(detector, first)) == 1


def test_a_frame_that_was_given_up_leaves_the_whole_picture_to_the_next() -> None:
    """The view had changed in it: nothing that was known before may stay."""
    whole = BrightRectangles()
    detector = RegionDetector(whole, refresh_s=100)
    for number in range(3):
        assert len(found(detector, frame(number, (600, 300, 680, 340)))) == 1
    other = np.full((540, 960, 3), 130, np.uint8)
    other[::2] = 20
    other[:, :480] += 40
    whole.refuses = Overloaded("busy")
    with pytest.raises(Overloaded):
        detector.submit((Frame("cam", 3, 3 / 25, 0.0, ArrayPicture(other)),))
    whole.refuses = None
    whole.seen.clear()
    assert not len(found(detector, Frame("cam", 4, 4 / 25, 0.0, ArrayPicture(other))))
    assert whole.seen == [SIZE]


def test_a_look_that_fails_is_an_error_and_what_was_known_stays() -> None:
    whole = BrightRectangles()
    detector = RegionDetector(whole, refresh_s=0.2)
    assert len(found(detector, frame(0, (600, 300, 680, 340)))) == 1
    whole.fails = InferenceError("the engine broke")
    with pytest.raises(InferenceError):
        found(detector, frame(10, (600, 300, 680, 340)))
    whole.fails = None
    whole.seen.clear()
    assert len(found(detector, frame(11, (600, 300, 680, 340)))) == 1
    assert whole.seen == [SIZE]  # the whole picture that was not seen


def test_a_frame_waits_for_those_before_it() -> None:
    whole = BrightRectangles()
    detector = RegionDetector(whole, refresh_s=0.01)
    whole.holds = []
    begun = [detector.submit((frame(number),)) for number in range(2)]
    with pytest.raises(Overloaded, match="not done"):
        detector.submit((frame(2),))
    for future in whole.holds:
        future.set_result([Detections.empty()])
    assert [len(one.result()[0]) for one in begun] == [0, 0]
    detector.submit((frame(2),))


def test_a_frame_that_is_given_up_holds_nobody_up() -> None:
    whole = BrightRectangles()
    detector = RegionDetector(whole, refresh_s=0.01)
    whole.holds = []
    for number in range(2):
        assert detector.submit((frame(number),)).cancel()
    whole.holds = None
    assert len(found(detector, frame(2, (600, 300, 680, 340)))) == 1


def test_closing_leaves_the_detectors_to_their_owner() -> None:
    RegionDetector(BrightRectangles()).close()

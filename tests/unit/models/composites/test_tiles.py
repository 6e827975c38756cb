"""Tiles: where they lie, what becomes of objects on their borders, and that small objects are found."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sightline.config import TileOptions, checked
from sightline.errors import ConfigError, Overloaded
from sightline.models.composites.tiles import MOST_TILES, SEEN_PX, TiledDetector
from sightline.types import Detections, Frame, Masks, Pixels

FrameOf = Callable[..., Frame]


class RedSquares:
    """Finds the rectangles of pure red in a picture: exact, whatever part of it is shown.

    Its network would have an input of 64 x 64; what would be under 4 pixels there is not seen.
    """

    class_names = ("red",)
    conf = 0.25

    def __init__(self, *, sees_small: bool = True, masks: bool = False) -> None:
        self.shown: list[tuple[int, int]] = []
        self.closed = False
        self._least = 0 if sees_small else 4
        self._masks = masks

    def canvas(self, source: tuple[int, int]) -> tuple[int, int]:
        return (64, 64)

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        future: Future[list[Detections]] = Future()
        future.set_result([self._find(frame) for frame in frames])
        return future

    def close(self) -> None:
        self.closed = True

    def _find(self, frame: Frame) -> Detections:
        self.shown.append((frame.width, frame.height))
        red = (frame.image == (0, 0, 255)).all(axis=2)
        boxes, crops = [], []
        while red.any():
            y, x = np.argwhere(red)[0]
            right = x + int(np.argmin(np.append(red[y, x:], False)))
            bottom = y + int(np.argmin(np.append(red[y:, x], False)))
            red[y:bottom, x:right] = False
            if min(right - x, bottom - y) * 64 / max(frame.width, frame.height) >= self._least:
                boxes.append((x, y, right, bottom))
                crops.append(np.ones((bottom - y, right - x), np.bool_))
        n = len(boxes)
        corners = np.array([box[:2] for box in boxes], np.int64).reshape(-1, 2)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4), np.full(n, 0.9, np.float32), np.zeros(n, np.int64),
            masks=Masks(tuple(crops), corners, (frame.width, frame.height)) if self._masks and n else None,
            class_names=self.class_names,
        )  # fmt: skip


def picture(*boxes: tuple[int, int, int, int], width: int = 300, height: int = 200) -> Pixels:
    pixels = np.full((height, width, 3), 90, np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1, x0:x1] = (0, 0, 255)
    return pixels


def found_in(detector: TiledDetector, frame: Frame) -> list[tuple[int, ...]]:
    (found,) = detector.submit((frame,)).result()
    return sorted(tuple(map(round, box)) for box in found.boxes.tolist())


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(16, 1300), st.floats(0, 0.9))
def test_tiles_cover_the_picture_and_overlap(
    width: int, height: int, side: int, overlap: float
) -> None:
    detector = TiledDetector(RedSquares(), TileOptions(tile=side, overlap=overlap))
    step = max(2, side - int(overlap * side) - 1)
    assume(width * height / step**2 < MOST_TILES / 4)
    tiles = detector.tiles((width, height))
    if not tiles:
        assert max(width, height) <= side
        return
    assert all(
        x1 - x0 == min(side, width) and y1 - y0 == min(side, height) for x0, y0, x1, y1 in tiles
    )
    for low, high, length in ((0, 2, width), (1, 3, height)):
        spans = sorted({(tile[low], tile[high]) for tile in tiles})
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end - start >= min(int(overlap * side), side - 2)


def test_an_object_on_a_border_is_found_once_and_whole(frame_of: FrameOf) -> None:
    boxes = [(10, 10, 20, 20), (55, 30, 75, 44), (100, 100, 290, 120), (296, 196, 300, 200)]
    frame = frame_of(picture(*boxes))
    inner = RedSquares()
    assert found_in(TiledDetector(inner), frame) == sorted(boxes)
    assert inner.shown[:-1] == [(64, 64)] * (len(inner.shown) - 1)
    assert inner.shown[-1] == (300, 200)
    assert found_in(TiledDetector(inner, TileOptions(whole=False)), frame) == sorted(boxes)


def test_small_objects_are_seen(frame_of: FrameOf) -> None:
    frame = frame_of(picture((50, 50, 60, 60)))
    inner = RedSquares(sees_small=False)
    assert len(inner.submit((frame,)).result()[0]) == 0
    assert found_in(TiledDetector(inner), frame) == [(50, 50, 60, 60)]


@pytest.mark.parametrize(
    ("smallest", "tile"),
    [
        pytest.param(300, None, id="large ones: the whole picture will do"),
        pytest.param(2 * SEEN_PX, (128, 128), id="tiles may be twice the input"),
        pytest.param(4, (64, 64), id="never smaller than the input"),
    ],
)
def test_tiles_are_as_large_as_they_may_be(smallest: int, tile: tuple[int, int] | None) -> None:
    detector = TiledDetector(RedSquares(), TileOptions(smallest=smallest))
    tiles = detector.tiles((1200, 800))
    if tile is None:
        assert tiles == []
    else:
        assert {(x1 - x0, y1 - y0) for x0, y0, x1, y1 in tiles} == {tile}


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((70, 20, 78, 29), id="within a tile"),
        pytest.param((40, 100, 290, 120), id="cut by several"),
    ],
)
def test_masks_move_with_their_objects(box: tuple[int, int, int, int], frame_of: FrameOf) -> None:
    detector = TiledDetector(RedSquares(masks=True), TileOptions(whole=False))
    (found,) = detector.submit((frame_of(picture(box)),)).result()
    assert found.masks is not None
    assert len(found) == 1
    whole = np.zeros((200, 300), np.bool_)
    whole[box[1] : box[3], box[0] : box[2]] = True
    assert np.array_equal(found.masks[0], whole)


def test_nms_takes_the_best_box(frame_of: FrameOf) -> None:
    detector = TiledDetector(RedSquares(), TileOptions(merge="nms"))
    assert found_in(detector, frame_of(picture((50, 50, 60, 60)))) == [(50, 50, 60, 60)]


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        pytest.param({"overlap": 0.95}, "overlap", id="overlap"),
        pytest.param({"tile": 8}, "tile: a tile has 16 pixels", id="tile"),
        pytest.param({"tile": (640, 8)}, "tile: a tile has 16 pixels", id="one side"),
        pytest.param({"merge": "wbf"}, "merge", id="merge"),
        pytest.param({"smallest": 0}, "smallest", id="smallest"),
        pytest.param({"threshold": 0}, "threshold", id="threshold"),
    ],
)
def test_wrong_options(options: dict[str, object], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        checked(TileOptions, **options)


def test_a_detector_without_an_input_size_needs_tiles_of_a_size(frame_of: FrameOf) -> None:
    class Unsized:
        class_names = ("red",)
        submit, close = RedSquares.submit, RedSquares.close
        _find = RedSquares._find
        shown: list[tuple[int, int]] = []  # noqa: RUF012 - of one test
        _least, _masks = 0, False

    for options in (TileOptions(), TileOptions(tile=64, smallest=10)):
        with pytest.raises(ConfigError, match="give `tile`"):
            TiledDetector(Unsized(), options)
    detector = TiledDetector(Unsized(), TileOptions(tile=64))
    assert found_in(detector, frame_of(picture((70, 20, 78, 29)))) == [(70, 20, 78, 29)]


def test_too_many_tiles_are_a_mistake(frame_of: FrameOf) -> None:
    detector = TiledDetector(RedSquares(), TileOptions(tile=16, overlap=0.9))
    with pytest.raises(ConfigError, match=r"has 1[0-9],\d{3} tiles of 16×16"):
        detector.submit((frame_of(picture()),))


def test_closing_closes_the_detector() -> None:
    inner = RedSquares()
    TiledDetector(inner).close()
    assert inner.closed


def test_a_refusal_takes_back_the_tiles_before_it(frame_of: FrameOf) -> None:
    class Full(RedSquares):
        def __init__(self) -> None:
            super().__init__()
            self.begun: list[Future[list[Detections]]] = []

        def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
            if len(self.begun) == 2:
                raise Overloaded("no room")
            self.begun.append(Future())
            return self.begun[-1]

    inner = Full()
    with pytest.raises(Overloaded):
        TiledDetector(inner).submit((frame_of(picture()),))
    assert [future.cancelled() for future in inner.begun] == [True, True]

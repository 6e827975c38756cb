"""The mapping between source and canvas, and overlaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.geometry import (
    Placement,
    Resize,
    cxcywh_to_xyxy,
    fitted_canvas,
    inside,
    iou_matrix,
    place,
)
from sightline.types import Floats

sides = st.integers(1, 8192)
sizes = st.tuples(sides, sides)
canvases = st.tuples(st.integers(32, 2048), st.integers(32, 2048))
resizes = st.sampled_from(["letterbox", "letterbox-top-left", "stretch"])
fractions = st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=20)


def to_canvas(boxes: Floats, spot: Placement) -> Floats:
    """Source boxes on the canvas, in float64: what a perfect network would answer."""
    scale = [spot.width / spot.source_width, spot.height / spot.source_height] * 2
    return boxes.astype(np.float64) * scale + [spot.left, spot.top] * 2


@given(sizes, canvases, resizes, fractions)
def test_placing_and_mapping_back_is_exact(
    source: tuple[int, int],
    canvas: tuple[int, int],
    resize: Resize,
    corners: list[tuple[float, float, float, float]],
) -> None:
    boxes = np.array(corners, np.float32) * np.array([*source, *source], np.float32)
    spot = place(source, canvas, resize)
    back = spot.to_source(to_canvas(boxes, spot).astype(np.float32))
    # float32 tells canvas coordinates apart to 2**-13 at most, and each is scaled up once.
    tolerance = 1e-3 * max(1, source[0] / spot.width, source[1] / spot.height)
    assert back.dtype == np.float32
    assert np.abs(back - boxes).max() <= tolerance


@given(sizes, canvases, resizes)
def test_a_placement_lies_within_its_canvas(
    source: tuple[int, int], canvas: tuple[int, int], resize: Resize
) -> None:
    spot = place(source, canvas, resize)
    assert (spot.source_width, spot.source_height) == source
    assert 0 <= spot.left <= spot.left + spot.width <= canvas[0]
    assert 0 <= spot.top <= spot.top + spot.height <= canvas[1]
    assert min(spot.width, spot.height) >= 1
    assert spot.width == canvas[0] or spot.height == canvas[1]


@pytest.mark.parametrize(
    ("source", "canvas", "resize", "expected"),
    [
        pytest.param((1280, 720), (640, 640), "letterbox", (0, 140, 640, 360), id="wide"),
        pytest.param((720, 1280), (640, 640), "letterbox", (140, 0, 360, 640), id="tall"),
        pytest.param((810, 1080), (416, 416), "letterbox-top-left", (0, 0, 312, 416), id="corner"),
        pytest.param((100, 50), (640, 640), "letterbox", (0, 160, 640, 320), id="enlarged"),
        pytest.param((1280, 720), (640, 640), "stretch", (0, 0, 640, 640), id="stretched"),
        pytest.param((5000, 10), (416, 416), "letterbox", (0, 207, 416, 1), id="a line"),
        pytest.param((100, 99), (64, 64), "letterbox", (0, 0, 64, 63), id="odd rest below"),
    ],
)
def test_place(
    source: tuple[int, int],
    canvas: tuple[int, int],
    resize: Resize,
    expected: tuple[int, int, int, int],
) -> None:
    spot = place(source, canvas, resize)
    assert (spot.left, spot.top, spot.width, spot.height) == expected


def test_boxes_are_clipped_to_the_picture_and_the_canvas_boxes_stay() -> None:
    spot = place((100, 50), (100, 100), "letterbox")
    boxes = np.array([[-5, 0, 200, 200], [10, 30, 20, 40]], np.float32)
    before = boxes.copy()
    assert spot.to_source(boxes).tolist() == [[0, 0, 100, 50], [10, 5, 20, 15]]
    assert (boxes == before).all()
    assert spot.to_source(np.empty((0, 4), np.float32)).shape == (0, 4)


@given(sizes, st.integers(1, 60), st.sampled_from([8, 16, 32, 64]))
def test_a_fitted_canvas_is_the_smallest_that_holds_the_picture(
    source: tuple[int, int], times: int, stride: int
) -> None:
    size = times * stride
    width, height = fitted_canvas(source, size, stride)
    assert width % stride == height % stride == 0
    assert max(width, height) == size
    scale = size / max(source)
    for side, length in ((width, source[0]), (height, source[1])):
        assert side + 0.5 >= length * scale  # half a pixel is rounded away
        assert side == stride or side - stride < length * scale + 0.5
    spot = place(source, (width, height), "letterbox")
    # The picture is at most half a pixel of the shorter side smaller than it could be.
    assert max(spot.width, spot.height) >= size * (1 - 0.5 / min(width, height)) - 1


@pytest.mark.parametrize(
    ("source", "size", "expected"),
    [
        pytest.param((1920, 1080), 640, (640, 384), id="16:9"),
        pytest.param((1080, 1920), 640, (384, 640), id="9:16"),
        pytest.param((768, 432), 416, (416, 256), id="its 234 rows need 256"),
        pytest.param((640, 640), 640, (640, 640), id="square"),
        pytest.param((5000, 10), 640, (640, 32), id="a line"),
        pytest.param((1, 1), 64, (64, 64), id="one pixel"),
    ],
)
def test_fitted_canvas(source: tuple[int, int], size: int, expected: tuple[int, int]) -> None:
    assert fitted_canvas(source, size, 32) == expected


def test_centre_and_size_to_corners() -> None:
    boxes = np.array([[10, 20, 4, 6], [0, 0, 1, 1]], np.float32)
    corners = cxcywh_to_xyxy(boxes)
    assert corners.tolist() == [[8, 17, 12, 23], [-0.5, -0.5, 0.5, 0.5]]
    assert corners.dtype == np.float32


def test_iou_matrix() -> None:
    a = np.array([[0, 0, 10, 10], [0, 0, 0, 0]], np.float32)
    b = np.array(
        [[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 4, 4], [0, 0, 0, 0]], np.float32
    )
    iou = iou_matrix(a, b)
    assert iou.shape == (2, 5)
    assert iou[0].tolist() == pytest.approx([1, 1 / 3, 0, 0.04, 0])
    assert iou[1].tolist() == [0] * 5  # a box without area overlaps nothing, itself included


@given(st.lists(st.tuples(*[st.floats(-50, 50)] * 2, *[st.floats(0, 50)] * 2), max_size=8))
def test_iou_is_symmetric_and_between_0_and_1(
    corners: list[tuple[float, float, float, float]],
) -> None:
    boxes = np.array(corners, np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    iou = iou_matrix(boxes, boxes)
    assert (iou == iou.T).all()
    assert ((iou >= 0) & (iou <= 1)).all()


L_SHAPE = [(0, 0), (4, 0), (4, 2), (2, 2), (2, 4), (0, 4)]


@pytest.mark.parametrize(
    ("point", "polygon", "wanted"),
    [
        pytest.param((1, 1), L_SHAPE, True, id="inside"),
        pytest.param((3, 3), L_SHAPE, False, id="in the notch"),
        pytest.param((1, 3), L_SHAPE, True, id="in the leg"),
        pytest.param((5, 1), L_SHAPE, False, id="right of it"),
        pytest.param((-1, 0), L_SHAPE, False, id="left of it, at a corner's height"),
        pytest.param((1, 1), L_SHAPE[::-1], True, id="the other way round"),
        pytest.param((1, 1), [(0, 0), (2, 2), (2, 0)], True, id="on an edge: of one side"),
        pytest.param((1, 1), [(0, 0), (2, 2), (0, 2)], False, id="on an edge: not of the other"),
        pytest.param((0.5, 1), [(0, 0), (2, 2), (2, 0), (0, 2)], True, id="a bow tie"),
    ],
)
def test_points_in_polygons(
    point: tuple[float, float], polygon: list[tuple[float, float]], wanted: bool
) -> None:
    points = np.array([point, (100, 100)], np.float32)
    assert inside(points, np.array(polygon, np.float32)).tolist() == [wanted, False]

"""Masks are made once, at the source picture's size, and agree with a plain reference."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest

from sightline.geometry import Placement, place
from sightline.models.postprocess.placed import to_source
from sightline.models.postprocess.unplaced_masks import (
    BoxMasks,
    PlaneMasks,
    PrototypeMasks,
    UnplacedMasks,
)
from sightline.types import Detections, Floats, Mask, Masks

CANVAS = (320, 192)
SIZES = [(320, 192), (1280, 720), (500, 700), (97, 61), (3840, 2160)]


def smooth(rng: np.random.Generator, count: int, height: int, width: int) -> Floats:
    """Prototypes (count, height, width) as networks make them: waves a few cells long."""
    y, x = np.mgrid[:height, :width]
    waves = rng.uniform(0.1, 0.5, (count, 2, 1, 1))
    phases = rng.uniform(0, 7, (count, 2, 1, 1))
    planes = np.sin(waves[:, 0] * y + phases[:, 0]) + np.cos(waves[:, 1] * x + phases[:, 1])
    return planes.astype(np.float32)


def interpolated(values: Floats, x: Floats, y: Floats) -> Floats:
    """Values (h, w) between the middles of cells, at columns ``x`` and rows ``y``: one axis after the other."""
    rows = np.array([np.interp(x, np.arange(values.shape[1]), row) for row in values])
    return np.array([np.interp(y, np.arange(values.shape[0]), column) for column in rows.T]).T


def reference(plane: Floats, box: Floats, spot: Placement, threshold: float) -> Mask:
    """The whole mask in the source picture, worked out for every pixel in double precision."""
    width, height = spot.source_width, spot.source_height
    x = spot.left + (np.arange(width) + 0.5) * spot.width / width
    y = spot.top + (np.arange(height) + 0.5) * spot.height / height
    cells = interpolated(
        plane.astype(np.float64),
        x * plane.shape[1] / CANVAS[0] - 0.5,
        y * plane.shape[0] / CANVAS[1] - 0.5,
    )
    inside = np.outer((y > box[1]) & (y < box[3]), (x > box[0]) & (x < box[2]))
    return (cells > threshold) & inside


def objects(masks: Masks, boxes: Floats) -> Detections:
    n = len(boxes)
    return Detections(boxes, np.ones(n, np.float32), np.zeros(n, np.int64), masks=masks)


def random_boxes(rng: np.random.Generator, count: int) -> Floats:
    low = rng.uniform(-10, 250, (count, 2)) * (1, 0.6)
    return np.concatenate((low, low + rng.uniform(20, 150, (count, 2))), axis=1).astype(np.float32)


def iou(a: Mask, b: Mask) -> float:
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


@pytest.mark.parametrize("resize", ["letterbox", "letterbox-top-left", "stretch"])
@pytest.mark.parametrize("source", SIZES, ids=str)
def test_prototypes_agree_with_a_plain_reference(source: tuple[int, int], resize) -> None:
    rng = np.random.default_rng(5)
    prototypes = smooth(rng, 32, CANVAS[1] // 4, CANVAS[0] // 4)
    coefficients = rng.normal(0, 1, (6, 32)).astype(np.float32)
    boxes = random_boxes(rng, 6)
    spot = place(source, CANVAS, resize)
    found = to_source(
        objects(PrototypeMasks(coefficients, prototypes, boxes, CANVAS), boxes), spot, ()
    )
    assert type(found.masks) is Masks
    for number in range(6):
        plane = np.tensordot(coefficients[number].astype(np.float64), prototypes, axes=1)
        expected = reference(plane, boxes[number], spot, 0.0)
        # A pixel's worth of the box' edge may be rounded the other way where pictures are tiny.
        least = 0.99 if min(source) > 100 else 0.9
        assert iou(found.masks[number], expected) >= least, number


def test_planes_of_the_whole_canvas_agree_too() -> None:
    rng = np.random.default_rng(6)
    planes = smooth(rng, 4, CANVAS[1], CANVAS[0])
    boxes = random_boxes(rng, 4)
    spot = place((1280, 720), CANVAS, "letterbox")
    found = to_source(objects(PlaneMasks(planes, boxes, CANVAS), boxes), spot, ())
    for number in range(4):
        expected = reference(planes[number], boxes[number], spot, 0.5)
        assert iou(found.masks[number], expected) >= 0.99


def test_a_grid_over_a_box_is_stretched_to_it() -> None:
    grid = np.zeros((1, 28, 28), np.float32)
    grid[0, :, :14] = 1
    boxes = np.array([[40, 20, 240, 120]], np.float32)
    spot = place((640, 384), CANVAS, "letterbox")
    found = to_source(objects(BoxMasks(grid, boxes, CANVAS), boxes), spot, ())
    (crop,), ((x, y),) = found.masks.crops, found.masks.corners.tolist()
    assert (x, y, crop.shape) == (80, 40, (200, 400))
    assert np.abs(crop[100].sum() - 200) <= 1
    assert crop[4:-4, 4:199].all()  # nothing is known beyond the grid, so its corners are round
    assert not crop[:, 202:].any()


EDGES = {
    "inside": (40, 40, 80, 80),
    "beyond the left": (-500, 20, 10, 60),
    "beyond everything": (-1e6, -1e6, 1e6, 1e6),
    "outside": (400, 400, 500, 500),
    "in the border of the letterbox": (10, 0, 60, 3),
    "thinner than a pixel": (50.2, 50, 50.3, 90),
    "a point in the last corner": (320, 192, 320, 192),
    "not a number": (np.nan, 0, np.inf, 50),
}


@pytest.mark.parametrize("box", EDGES.values(), ids=EDGES.keys())
@pytest.mark.parametrize("kind", ["prototypes", "planes", "grids"])
def test_boxes_at_edges(kind: str, box: tuple[float, float, float, float]) -> None:
    boxes = np.array([box], np.float32)
    ones = np.ones((1, CANVAS[1] // 4, CANVAS[0] // 4), np.float32)
    made: dict[str, UnplacedMasks] = {
        "prototypes": PrototypeMasks(np.ones((1, 1), np.float32), ones, boxes, CANVAS),
        "planes": PlaneMasks(ones, boxes, CANVAS),
        "grids": BoxMasks(np.ones((1, 28, 28), np.float32), boxes, CANVAS),
    }
    for source in ((320, 180), (1, 1), (1920, 1080)):
        spot = place(source, CANVAS, "letterbox")
        masks = to_source(objects(made[kind], boxes), spot, ()).masks
        assert masks.shape == (1, source[1], source[0])
        assert masks.areas[0] <= source[0] * source[1]
        if box == EDGES["inside"] and source != (1, 1):
            assert masks.areas[0] > 0


def test_an_index_chooses_before_masks_are_made() -> None:
    rng = np.random.default_rng(1)
    boxes = random_boxes(rng, 5)
    prototypes = smooth(rng, 8, 48, 80)
    masks = PrototypeMasks(rng.normal(size=(5, 8)).astype(np.float32), prototypes, boxes, CANVAS)
    found = objects(masks, boxes)
    for index in (np.array([3, 0]), slice(1, 4), boxes[:, 0] > 50, [4]):
        chosen = found[index].masks
        assert isinstance(chosen, PrototypeMasks)
        assert chosen.prototypes is prototypes
        assert (np.asarray(chosen) == np.asarray(masks)[index]).all()
    assert (masks[2] == np.asarray(masks)[2]).all()
    assert isinstance(found[2].masks, PrototypeMasks)


def test_what_was_placed_is_small_and_can_be_sent() -> None:
    """100 objects of a 4K picture take their boxes' pixels, not 830 MB."""
    rng = np.random.default_rng(2)
    centres = rng.uniform(20, 170, (100, 2)) * (1.6, 1)
    boxes = np.concatenate((centres - 10, centres + 10), axis=1).astype(np.float32)
    prototypes = smooth(rng, 32, 48, 80)
    unplaced = PrototypeMasks(
        rng.normal(size=(100, 32)).astype(np.float32), prototypes, boxes, CANVAS
    )
    masks = to_source(objects(unplaced, boxes), place((3840, 2160), CANVAS, "letterbox"), ()).masks
    assert masks.nbytes <= 100 * 245 * 245
    again = pickle.loads(pickle.dumps(masks))
    assert all((a == b).all() for a, b in zip(again.crops, masks.crops, strict=True))
    assert len(pickle.dumps(masks)) < 1.1 * masks.nbytes + 100_000


def test_results_do_not_change_with_the_engine_s_memory() -> None:
    prototypes = np.ones((1, 48, 80), np.float32)
    boxes = np.array([[40, 40, 80, 80]], np.float32)
    unplaced = PrototypeMasks(np.ones((1, 1), np.float32), prototypes, boxes, CANVAS)
    masks = to_source(objects(unplaced, boxes), place(CANVAS, CANVAS, "letterbox"), ()).masks
    prototypes[:] = -1
    assert masks.areas.tolist() == [1600]


def test_a_mask_moves_with_its_picture() -> None:
    """Widening the source pixel by pixel never makes the mask jump: it is aligned below a pixel."""
    prototypes = smooth(np.random.default_rng(9), 1, 48, 80)
    boxes = np.array([[40, 30, 280, 170]], np.float32)
    unplaced = PrototypeMasks(np.ones((1, 1), np.float32), prototypes, boxes, CANVAS)
    shares = []
    for width in range(640, 660):
        spot = place((width, 384), CANVAS, "stretch")
        masks = to_source(objects(unplaced, boxes), spot, ()).masks
        shares.append(masks.areas[0] / (width * 384))
    assert all(abs(a - b) < 0.004 for a, b in pairwise(shares))


@pytest.mark.parametrize("source", [(200, 192), (1000, 960), (320, 96), (1920, 576)])
def test_what_padding_shows_eats_into_no_object_that_the_edge_cuts_off(
    source: tuple[int, int],
) -> None:
    spot = place(source, CANVAS, "letterbox")
    plane = np.full((1, CANVAS[1] // 4, CANVAS[0] // 4), -9, np.float32)
    rows, columns = (
        slice(first // 4, (first + length) // 4)
        for first, length in ((spot.top, spot.height), (spot.left, spot.width))
    )
    plane[0, rows, columns] = 1
    boxes = np.array([[spot.left, spot.top, spot.left + spot.width, spot.top + spot.height]])
    masks = PrototypeMasks(np.ones((1, 1), np.float32), plane, boxes.astype(np.float32), CANVAS)
    assert np.asarray(masks.placed(spot)).all()

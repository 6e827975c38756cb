"""NMS of turned boxes, and their overlap against the closed formula and known cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.models.postprocess.nms import suppress
from sightline.models.postprocess.turned_nms import gaussians, probabilistic_iou
from sightline.types import Detections, Floats


def detections(
    boxes: list[tuple[float, float, float, float]],
    angles: list[float],
    scores: list[float],
    classes: list[int] | None = None,
) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(classes or [0] * len(boxes), np.int64),
        angles=np.array(angles, np.float32),
    )


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Of two boxes x1 y1 x2 y2 angle."""
    one = np.array([a], np.float64)
    other = np.array([b], np.float64)
    first = gaussians(one[:, :4], one[:, 4]).rows(0)
    (value,) = probabilistic_iou(first, gaussians(other[:, :4], other[:, 4]))
    return float(value)


def plain(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """The same by matrices: 1 - Hellinger distance of two Gaussians, from the Bhattacharyya distance."""

    def gaussian(box: tuple[float, ...]) -> tuple[Floats, Floats]:
        x1, y1, x2, y2, angle = box
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        variances = np.diag([(x2 - x1) ** 2 / 12, (y2 - y1) ** 2 / 12])
        return np.array([(x1 + x2) / 2, (y1 + y2) / 2]), turn @ variances @ turn.T

    (m1, s1), (m2, s2) = gaussian(a), gaussian(b)
    mean = (s1 + s2) / 2
    apart = (m1 - m2) @ np.linalg.inv(mean) @ (m1 - m2) / 8
    unlike = 0.5 * np.log(np.linalg.det(mean) / np.sqrt(np.linalg.det(s1) * np.linalg.det(s2)))
    return float(1 - np.sqrt(1 - np.exp(-(apart + unlike))))


PAIRS = {
    "shifted": ((0, 0, 40, 20, 0.0), (10, 5, 50, 25, 0.0)),
    "turned": ((0, 0, 40, 20, 0.0), (0, 0, 40, 20, 0.7)),
    "all of it": ((0, 0, 40, 20, -1.2), (5, -4, 70, 10, 2.1)),
    "far apart": ((0, 0, 40, 20, 0.3), (500, 500, 540, 520, 0.3)),
    "thin": ((0, 0, 400, 2, 0.3), (3, 1, 403, 4, 0.31)),
}


@pytest.mark.parametrize(("a", "b"), PAIRS.values(), ids=PAIRS.keys())
def test_the_overlap_is_that_of_gaussians(a, b) -> None:
    assert overlap(a, b) == pytest.approx(plain(a, b), abs=1e-4)
    assert overlap(a, b) == pytest.approx(overlap(b, a), abs=1e-9)


def test_a_box_covers_itself_however_it_is_told() -> None:
    box = (10, 10, 50, 30)
    assert overlap((*box, 0.4), (*box, 0.4)) == pytest.approx(1, abs=1e-4)
    assert overlap((*box, 0.4), (*box, 0.4 + math.pi)) == pytest.approx(1, abs=1e-4)
    tall = (20, 0, 40, 40)  # width and height swapped, and a quarter turn
    assert overlap((*box, 0.4), (*tall, 0.4 - math.pi / 2)) == pytest.approx(1, abs=1e-4)


def test_ships_side_by_side_stay_though_their_upright_boxes_cover_each_other() -> None:
    """Two long thin objects, both at 45 degrees: their extents overlap by more than half."""
    boxes = [(0.0, 0.0, 200.0, 20.0), (20.0, -20.0, 220.0, 0.0)]
    found = detections(boxes, [math.pi / 4] * 2, [0.9, 0.8])
    assert len(suppress(found, 0.45, agnostic=False, limit=10)) == 2
    again = detections([boxes[0], (2, 1, 202, 21)], [math.pi / 4, 0.8], [0.9, 0.8])
    kept = suppress(again, 0.45, agnostic=False, limit=10)
    assert kept.scores.tolist() == pytest.approx([0.9])


def test_classes_limit_and_order() -> None:
    box = (0.0, 0.0, 40.0, 20.0)
    found = detections([box] * 3, [0.1] * 3, [0.5, 0.9, 0.7], [0, 1, 0])
    assert suppress(found, 0.5, agnostic=False, limit=9).scores.tolist() == pytest.approx(
        [0.9, 0.7]
    )
    assert suppress(found, 0.5, agnostic=True, limit=9).scores.tolist() == pytest.approx([0.9])
    assert suppress(found, 0.5, agnostic=False, limit=1).scores.tolist() == pytest.approx([0.9])


@pytest.mark.filterwarnings("error")
def test_wild_boxes_disturb_nobody() -> None:
    wild = [(-np.inf, 0.0, np.inf, 9.0), (0.0, 0.0, 1e30, 1e30), (0.0, 0.0, 1e-9, 5.0)]
    found = detections(
        [*wild, (0, 0, 40, 20), (100, 0, 140, 20)], [0.3] * 5, [0.9, 0.8, 0.7, 0.6, 0.5]
    )
    kept = suppress(found, 0.5, agnostic=True, limit=9).scores.tolist()
    assert {round(s, 1) for s in kept} >= {0.6, 0.5}
    nothing = found[:0]
    assert len(suppress(nothing, 0.5, agnostic=True, limit=9)) == 0

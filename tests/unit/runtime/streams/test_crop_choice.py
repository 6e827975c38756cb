"""Which objects a model is shown, and how much a look at each counts: worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sightline.config import ClassifyOptions
from sightline.runtime.streams.crop_choice import (
    BLURRED,
    CUT_OFF,
    LEAST,
    CropChoice,
    rough_weights,
    weight,
)
from sightline.sources.stills import still_frame
from sightline.types import Detections, Frame, Observation

Observe = Callable[..., Observation]
NAN, INF = float("nan"), float("inf")


def choice(class_ids: list[int] | None = None, **options: Any) -> CropChoice:
    ids = None if class_ids is None else np.array(class_ids)
    return CropChoice(ClassifyOptions(model="m", **options), ids)


def found(*boxes: tuple[float, ...], scores: float = 1.0) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), scores, np.float32),
        np.zeros(len(boxes), np.int64),
    )


@pytest.mark.parametrize(
    ("options", "class_ids", "shown"),
    [
        pytest.param({"min_size": 1}, None, [True, True, True, False], id="all that have a size"),
        pytest.param({"min_size": 21}, None, [True, False, True, False], id="large enough"),
        pytest.param({"min_size": 20}, None, [True, True, True, False], id="just large enough"),
        pytest.param({"min_size": 1}, [2, 5], [True, False, False, False], id="of two classes"),
        pytest.param({"min_size": 1}, [], [False] * 4, id="of none"),
        # The lower edge's middle decides: 10 of 96 and 60 of 64 for the first.
        pytest.param(
            {"min_size": 1, "only_in": ((0, 0.9), (0.5, 0.9), (0.5, 1), (0, 1))}, None,
            [True, False, False, False], id="that stand in a part of the picture",
        ),
    ],
)  # fmt: skip
def test_objects(
    observe: Observe, options: dict[str, Any], class_ids: list[int] | None, shown: list[bool]
) -> None:
    boxes = [(0, 0, 20, 60, 0.9, 2, 1), (30, 10, 50, 40, 0.9, 0, 2)]
    boxes += [(60, 0, 90, 50, 0.9, 1, 3), (NAN, 0, 90, 60, 0.9, 2, 4)]
    boxes[0] = (-1, 0, 21, 60, 0.9, 2, 1)
    assert choice(class_ids, **options).of(observe(boxes=boxes)).tolist() == shown


def test_each_so_many_th_analysed_frame(observe: Observe) -> None:
    chosen = choice(every=3)
    turns = []
    for index in range(8):
        seen = observe(index=index)
        if index in (1, 2):
            seen = seen.without("detect", "skipped")
        turns.append(chosen.is_turn(seen))
        assert chosen.is_turn(seen) == turns[-1]  # asked again
    assert turns == [True, False, False, False, False, True, False, False]


def frame(width: int = 1000, height: int = 500) -> Frame:
    return still_frame(np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("boxes", "scores", "weights"),
    [
        pytest.param([(10, 10, 60, 30)], 1.0, [1000], id="its pixels"),
        pytest.param([(10, 10, 60, 30)], 0.5, [500], id="less where the detector is not sure"),
        pytest.param([(10, 10, 410, 310)], 1.0, [128 * 128], id="more than enough"),
        pytest.param([(-50, 10, 50, 30)], 1.0, [1000 * CUT_OFF], id="cut off by the border"),
        pytest.param([(1, 10, 51, 30)], 1.0, [1000 * CUT_OFF], id="at the border"),
        pytest.param([(10, 10, 60, 499)], 1.0, [16384 * CUT_OFF], id="at the lower border"),
        # The second stands lower, so nearer, and covers a half of the first.
        pytest.param([(10, 10, 60, 30), (35, 2, 85, 42)], 1.0, [500, 2000], id="covered"),
        pytest.param([(10, 10, 60, 30), (35, 2, 85, 30)], 1.0, [1000, 1400], id="side by side"),
        pytest.param([(2000, 10, 2100, 30)], 1.0, [0], id="outside"),
        pytest.param([(60, 30, 10, 10)], 1.0, [0], id="upside down"),
        pytest.param([(NAN, 10, 60, 30), (10, 10, INF, INF)], 1.0, [100, 8192], id="not finite"),
        pytest.param([], 1.0, [], id="nothing"),
    ],
)  # fmt: skip
def test_rough_weights(boxes: list[tuple[float, ...]], scores: float, weights: list[float]) -> None:
    rough = rough_weights(found(*boxes, scores=scores), frame())
    assert rough.tolist() == pytest.approx(weights)


def test_weights_are_pixels_less_where_they_are_blurred() -> None:
    image = np.full((100, 100, 3), 128, np.uint8)
    assert weight(still_frame(image), np.array([10, 10, 30, 20], np.float32)) == pytest.approx(20)
    # A chessboard: the Laplacian of each pixel is ±4 * 100, its variance 160000.
    image[:] = np.where((np.indices((100, 100)).sum(0) % 2)[..., None], 78, 178)
    sharp = weight(still_frame(image), np.array([10, 10, 30, 20], np.float32))
    assert sharp == pytest.approx(200 * (0.1 + 160_000 / (160_000 + BLURRED)), rel=1e-3)


@pytest.mark.parametrize("box", [(200, 0, 300, 50), (30, 30, 30, 40), (50, 50, 20, 20)])
def test_a_crop_that_shows_nothing(box: tuple[float, ...]) -> None:
    assert weight(frame(100, 100), np.array(box, np.float32)) == LEAST

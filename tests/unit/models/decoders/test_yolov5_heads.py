"""YOLOv5 and YOLOv7 with raw heads."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.models.decoders.yolov5_heads import ANCHORS_BY_NAME, YoloV5Heads
from sightline.types import Fit, TensorSpec

CANVAS = (160, 96)
FIVE = {8: (1, 3, 12, 20, 8), 16: (1, 3, 6, 10, 8), 32: (1, 3, 3, 5, 8)}
FOUR = {8: (1, 24, 12, 20), 16: (1, 24, 6, 10), 32: (1, 24, 3, 5)}


@pytest.mark.parametrize(
    ("shapes", "fit"),
    [
        pytest.param(list(FIVE.values()), Fit((0, 1, 2), 3), id="five axes"),
        pytest.param([FIVE[32], FIVE[8], FIVE[16]], Fit((1, 2, 0), 3), id="in another order"),
        pytest.param([FIVE[16], FIVE[32]], Fit((0, 1), 3), id="two levels"),
        pytest.param(
            list(FOUR.values()), Fit((0, 1, 2), 3, certainty="ask"), id="four axes may be Darknet's"
        ),
        pytest.param([FIVE[8], FIVE[16]], None, id="the wrong two levels"),
        pytest.param([FIVE[8], FIVE[16], (1, 3, 3, 5, 9)], None, id="other columns in a level"),
        pytest.param([FIVE[8], FIVE[8], FIVE[16]], None, id="a level twice"),
        pytest.param([(1, 2, 12, 20, 8), FIVE[16], FIVE[32]], None, id="two anchors"),
        pytest.param([(1, 25, 12, 20), FOUR[16], FOUR[32]], None, id="channels of no anchors"),
        pytest.param([(1, 3, 12, 20, 5), FIVE[16], FIVE[32]], None, id="no class"),
        pytest.param([(1, 3, 12, 19, 8), FIVE[16], FIVE[32]], None, id="sides of two strides"),
        pytest.param([(1, 3, None, None, 8), FIVE[16], FIVE[32]], None, id="open sides"),
        pytest.param([(1, 300, 6)], None, id="no head"),
    ],
)
def test_shapes_that_fit(shapes: list[tuple[int | None, ...]], fit: Fit | None) -> None:
    specs = [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]
    assert YoloV5Heads().fit(specs, CANVAS) == fit


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def outputs(conf: float = 0.9) -> list[np.ndarray]:
    """One object in cell (3, 2) of stride 16, of the level's second anchor."""
    heads = [np.full(shape, -200.0, np.float32) for shape in FIVE.values()]
    heads[1][0, 1, 2, 3] = logit(0.75), logit(0.25), 0, 0, logit(conf), -9, logit(0.8), -9
    return heads


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("anchors", ["yolov5", "yolov7"])
def test_offsets_sizes_and_scores(flat: bool, anchors: str) -> None:
    heads = outputs()
    if flat:
        heads = [head.transpose(0, 1, 4, 2, 3).reshape(1, 24, *head.shape[2:4]) for head in heads]
    (found,) = YoloV5Heads(ANCHORS_BY_NAME[anchors]).decode(heads, CANVAS, 0.5)
    width, height = ANCHORS_BY_NAME[anchors][1][1]
    x, y = (3 + 0.75 * 2 - 0.5) * 16, (2 + 0.25 * 2 - 0.5) * 16
    expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    assert found.boxes == pytest.approx(np.array([expected]), abs=1e-3)
    assert (found.class_ids.tolist(), found.scores.tolist()) == ([1], [pytest.approx(0.72)])


@pytest.mark.parametrize(
    ("conf", "count"),
    [(0.0, 1), (0.71, 1), (0.73, 0), (1.0, 0)],
)
def test_objectness_times_class_counts(conf: float, count: int) -> None:
    (found,) = YoloV5Heads().decode(outputs(), CANVAS, conf)
    assert (found.scores > 0.01).sum() == count


@pytest.mark.parametrize("name", ANCHORS_BY_NAME)
def test_anchors_grow_from_level_to_level(name: str) -> None:
    areas = [w * h for level in ANCHORS_BY_NAME[name] for w, h in level]
    assert len(areas) in {9, 12}
    assert all(3 * a < b for a, b in zip(areas[::3], areas[3::3], strict=False))

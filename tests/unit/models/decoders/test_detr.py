"""DETR and its children."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS, decoder

from sightline.models.decoders.detr import Detr, DetrRows, DetrSoftmax, RfDetr
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec


def test_four_classes_leave_the_boxes_second() -> None:
    logits, boxes = np.full((1, 20, 4), -9.0, np.float32), np.full((1, 20, 4), 0.5, np.float32)
    logits[0, 3, 1] = 2
    (found,) = decoder("detr").decode([logits, boxes], CANVAS, 0.5)
    assert found.class_ids.tolist() == [1]


def test_one_query_may_stand_for_two_classes() -> None:
    logits, boxes = np.full((1, 20, 3), -9.0, np.float32), np.full((1, 20, 4), 0.5, np.float32)
    logits[0, 3, :2] = 2
    (found,) = decoder("detr").decode([logits, boxes], CANVAS, 0.5)
    assert found.class_ids.tolist() == [0, 1]
    assert (found.boxes[0] == found.boxes[1]).all()


Q = 300


@pytest.mark.parametrize(
    ("family", "outputs", "fit"),
    [
        pytest.param(Detr(), {"a": (1, Q, 80), "b": (1, Q, 4)}, Fit((0, 1), 80), id="logits first"),
        pytest.param(Detr(), {"a": (1, Q, 4), "b": (1, Q, 80)}, Fit((1, 0), 80), id="boxes first"),
        pytest.param(
            Detr(),
            {"pred_boxes": (1, Q, 4), "logits": (1, Q, 4)},
            Fit((1, 0), 4),
            id="four classes: the name tells",
        ),
        pytest.param(
            Detr(),
            {"logits": (1, Q, 3), "hidden": (1, Q, 256), "pred_boxes": (1, Q, 4)},
            Fit((0, 2), 3),
            id="further outputs",
        ),
        pytest.param(
            Detr(),
            {"a": (1, 100, 80), "b": (1, 100, 4)},
            Fit((0, 1), 80, certainty="ask"),
            id="as many queries as the first DETR",
        ),
        pytest.param(Detr(), {"a": (1, Q, 80), "b": (1, 200, 4)}, None, id="other queries"),
        pytest.param(Detr(), {"a": (1, Q, 80), "b": (1, Q, 5)}, None, id="no boxes"),
        pytest.param(Detr(), {"a": (1, Q, 80)}, None, id="one output"),
        pytest.param(
            Detr(), {"a": (1, Q, 8), "b": (1, Q, 4), "c": (1, Q)}, None, id="three without names"
        ),
        pytest.param(
            RfDetr(), {"dets": (1, Q, 4), "labels": (1, Q, 91)}, Fit((1, 0), 91), id="RF-DETR"
        ),
        pytest.param(
            RfDetr(),
            {"a": (1, Q, 4), "b": (1, Q, 91)},
            Fit((1, 0), 91, certainty="card"),
            id="RF-DETR without its names",
        ),
        pytest.param(
            DetrSoftmax(),
            {"logits": (1, Q, 92), "pred_boxes": (1, Q, 4)},
            Fit((0, 1), 91, certainty="ask"),
            id="softmax: the last class is none",
        ),
        pytest.param(
            DetrSoftmax(), {"a": (1, Q, 1), "b": (1, Q, 4)}, None, id="softmax of no class"
        ),
        pytest.param(DetrRows(), {"a": (1, Q, 84)}, Fit((0,), 80), id="rows"),
        pytest.param(DetrRows(), {"a": (1, Q, 6)}, Fit((0,)), id="best pairs"),
        pytest.param(DetrRows(), {"a": (1, 8400, 84)}, None, id="more rows than queries"),
    ],
)
def test_shapes_and_names_that_fit(
    family: Decoder, outputs: dict[str, tuple[int, ...]], fit: Fit | None
) -> None:
    specs = [TensorSpec(name, shape) for name, shape in outputs.items()]
    assert family.fit(specs, CANVAS) == fit


def test_a_softmax_over_the_classes_and_none_of_them() -> None:
    logits = np.zeros((1, 3, 3), np.float32)
    logits[0, 0] = 0, 2, 0  # e^2 / (e^2 + 2)
    logits[0, 1] = 0, 0, 9  # no object
    boxes = np.full((1, 3, 4), 0.5, np.float32)
    (found,) = DetrSoftmax().decode([logits, boxes], (100, 60), 0.5)
    assert found.class_ids.tolist() == [1]
    assert found.scores.tolist() == pytest.approx([np.exp(2) / (np.exp(2) + 2)])
    assert found.boxes.tolist() == [[25, 15, 75, 45]]


@pytest.mark.parametrize(
    ("last", "classes", "boxes"),
    [
        pytest.param(1.0, [1], [[20, 10, 80, 50]], id="whole numbers are class ids"),
        pytest.param(0.75, [0, 1], [[20, 10, 80, 50]] * 2, id="else scores of two classes"),
    ],
)
def test_six_columns_are_best_pairs_or_two_classes(
    last: float, classes: list[int], boxes: list[list[float]]
) -> None:
    rows = np.zeros((1, 20, 6), np.float32)
    rows[0, 4] = 0.5, 0.5, 0.6, 2 / 3, 0.8, last
    (found,) = DetrRows().decode([rows], (100, 60), 0.5)
    assert found.class_ids.tolist() == classes
    assert found.boxes == pytest.approx(np.array(boxes), abs=1e-3)


def test_scores_that_look_like_a_softmax_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    logits, boxes = np.full((1, 20, 3), -9.0, np.float32), np.full((1, 20, 4), 0.5, np.float32)
    family = Detr()
    family.decode([logits, boxes], CANVAS, 0.5)
    assert not caplog.records
    logits[..., -1] = 5
    for _ in range(2):
        family.decode([logits, boxes], CANVAS, 0.5)
    (message,) = [r.getMessage() for r in caplog.records]
    assert "`decoder: detr-softmax`" in message

"""Lists of objects: which outputs are which, and what they say."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.models.decoders.objects import (
    CustomVision,
    EfficientNms,
    LabelledBoxes,
    MmDet,
    Otx,
    TensorFlow,
    TorchVision,
    YoloNas,
)
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec

CANVAS = (160, 96)
NMS = {"num_dets": (1, 1), "boxes": (1, 9, 4), "scores": (1, 9), "labels": (1, 9)}
NAS = {f"g_{n}": s for n, s in zip(("num_predictions", *list(NMS)[1:]), NMS.values(), strict=True)}
LISTS = {"boxes": (1, 9, 4), "scores": (1, 9), "labels": (1, 9)}
ONE_PICTURE = {"boxes": (9, 4), "labels": (9,), "scores": (9,)}
DETECTION = {
    "detection_boxes": (1, 9, 4),
    "detection_classes": (1, 9),
    "detection_scores": (1, 9),
    "num_detections": (1,),
    "raw_detection_boxes": (1, 99, 4),
}
DETECTED = {"detected_classes": (9,), "detected_boxes": (9, 4), "detected_scores": (9,)}
DETS = {"dets": (1, 9, 5), "labels": (1, 9)}
BOXES = {"boxes": (9, 5), "labels": (9,)}

FITS = [
    ("a count and three lists", EfficientNms(), NMS, Fit((1, 2, 3, 0))),
    ("no count", EfficientNms(), LISTS, None),
    ("YOLO-NAS by its name", YoloNas(), NAS, Fit((1, 2, 3, 0))),
    ("YOLO-NAS without", YoloNas(), NMS, Fit((1, 2, 3, 0), certainty="card")),
    ("YOLO-NAS of no lists", YoloNas(), {"boxes": (1, 9, 4)}, None),
    ("three lists", LabelledBoxes(), LISTS, Fit((0, 1, 2))),
    ("three lists of one picture", LabelledBoxes(), ONE_PICTURE, None),
    ("torchvision", TorchVision(), ONE_PICTURE, Fit((0, 2, 1), flat=True, resizes=True)),
    (
        "torchvision with masks",
        TorchVision(),
        {**ONE_PICTURE, "masks": (9, 1, 28, 28)},
        Fit((0, 2, 1, 3), flat=True, resizes=True, task="segment"),
    ),
    ("torchvision in a batch", TorchVision(), LISTS, None),
    ("torchvision, unknown outputs", TorchVision(), {}, Fit((), flat=True)),
    ("TensorFlow by its names", TensorFlow(), DETECTION, Fit((0, 2, 1, 3), resizes=True)),
    ("TensorFlow without", TensorFlow(), NMS, Fit((1, 2, 3, 0), certainty="card")),
    ("TensorFlow of no lists", TensorFlow(), {"detection_boxes": (1, 9, 4)}, None),
    ("Custom Vision", CustomVision(), DETECTED, Fit((1, 2, 0), flat=True, resizes=True)),
    ("MMDeploy", MmDet(), DETS, Fit((0, 1))),
    (
        "MMDeploy with masks",
        MmDet(),
        {**DETS, "masks": (1, 9, 96, 160)},
        Fit((0, 1, 2), task="segment"),
    ),
    ("MMDeploy without labels", MmDet(), {"dets": (1, 9, 5)}, None),
    ("MMDeploy with two lists", MmDet(), {**DETS, "other": (1, 9)}, None),
    ("boxes without a score", MmDet(), {"dets": (1, 9, 4), "labels": (1, 9)}, None),
    ("OTX by its name", Otx(), BOXES, Fit((0, 1), flat=True)),
    ("OTX without", Otx(), DETS, Fit((0, 1), certainty="card")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "outputs", "fit"), [pytest.param(*rest, id=name) for name, *rest in FITS]
)
def test_shapes_and_names_that_fit(
    family: Decoder, outputs: dict[str, tuple[int, ...]], fit: Fit | None
) -> None:
    specs = [TensorSpec(name, shape) for name, shape in outputs.items()]
    assert family.fit(specs, CANVAS) == fit


def lists(box: list[float]) -> list[np.ndarray]:
    """Two objects, of which only the first is likely."""
    boxes = np.array([[box, [0, 0, 1, 1]]], np.float32)
    return [boxes, np.array([[0.75, 0.25]], np.float32), np.array([[2, 1]])]


@pytest.mark.parametrize(
    ("family", "box"),
    [
        pytest.param(EfficientNms(), [40, 24, 120, 72], id="pixels"),
        pytest.param(TensorFlow(), [0.25, 0.25, 0.75, 0.75], id="a part of the canvas"),
        pytest.param(CustomVision(), [0.25, 0.25, 0.75, 0.75], id="another part"),
    ],
)
def test_boxes_are_canvas_pixels(family: Decoder, box: list[float]) -> None:
    (found,) = family.decode(lists(box), CANVAS, 0.5)
    assert found.boxes.tolist() == [[40, 24, 120, 72]]
    assert (found.class_ids.tolist(), found.scores.tolist()) == ([2], [0.75])


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        pytest.param(TensorFlow(), [80, 0, 160, 48], id="TensorFlow: y first"),
        pytest.param(CustomVision(), [0, 48, 80, 96], id="Custom Vision: x first"),
    ],
)
def test_the_order_of_sides(family: Decoder, expected: list[float]) -> None:
    (found,) = family.decode(lists([0, 0.5, 0.5, 1]), CANVAS, 0.5)
    assert found.boxes.tolist() == [expected]


def test_scores_behind_the_boxes() -> None:
    dets = np.array([[[1, 2, 3, 4, 0.75], [5, 6, 7, 8, 0.25]]], np.float32)
    labels = np.array([[2, 1]])
    (found,) = MmDet().decode([dets, labels], CANVAS, 0.5)
    assert found.boxes.tolist() == [[1, 2, 3, 4]]
    (found,) = Otx().decode([dets[0], labels[0]], CANVAS, 0.5)
    assert (found.scores.tolist(), found.class_ids.tolist()) == ([0.75], [2])

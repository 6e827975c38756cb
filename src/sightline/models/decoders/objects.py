"""Models that end in lists of objects: boxes, scores and class ids, best ones first or not.

Outputs: boxes (N, K, 4) by corners in canvas pixels, scores (N, K), class ids (N, K) and, in some, the
number of valid objects (N, 1). Without a batch: (K, 4), (K,), (K,).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sightline.coco import COCO_CATEGORIES
from sightline.model_inputs import plain_name
from sightline.models.decoders.kept_lists import kept_lists
from sightline.models.decoders.object_masks import masked_objects, with_masks
from sightline.models.decoders.roles import fits, object_lists
from sightline.types import Detections, Fit, Floats, TensorSpec


class EfficientNms:
    """The layout of TensorRT's EfficientNMS: YOLOv6 to v9 end to end, MMYOLO, and others."""

    overlaps = False
    resizable = False
    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "letterbox"}

    def fit(
        self,
        outputs: Sequence[TensorSpec],
        canvas: tuple[int, int],  # noqa: ARG002 - K does not depend on it
    ) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        places = object_lists(outputs)
        if places is None or len(places) != 4:
            return None
        return Fit(places, flat=_flat(outputs, places))

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - boxes are in canvas pixels already
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [Detections(*lists) for lists in kept_lists(outputs, conf)]


class YoloNas(EfficientNms):
    """YOLO-NAS as its exporter writes it with ``batch``."""

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        found = super().fit(outputs, canvas)
        named = any(plain_name(o.name).endswith("num_predictions") for o in outputs)
        return found if named or not found else replace(found, certainty="card")


class LabelledBoxes(EfficientNms):
    """RT-DETR, D-FINE, DEIM and RF-DETR with their post-processing: labels, boxes, scores.

    Their second input ``orig_target_sizes`` is filled with the canvas.
    """

    card: Mapping[str, object] = {"order": "rgb", "scale": 1 / 255, "resize": "stretch"}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:  # noqa: ARG002
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        places = object_lists(outputs)
        if places is None or len(outputs[places[0]].shape) != 3:
            return None
        return Fit(places[:3])


class TorchVision(EfficientNms):
    """torchvision's detectors, and others that take one picture without a batch; Mask R-CNN's masks too.

    Class ids are the model's own; those of torchvision's weights are COCO's categories, and 0 is the
    background.
    """

    card: Mapping[str, object] = {**EfficientNms.card, "class_names": COCO_CATEGORIES}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if not outputs:
            return Fit((), flat=True)
        places = object_lists(outputs)
        if places is None or len(outputs[places[0]].shape) != 2:
            return None
        return with_masks(Fit(places[:3], flat=True, resizes=True), outputs, canvas)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return masked_objects(outputs[:3], outputs[3:], canvas, conf)


class TensorFlow:
    """TensorFlow's Object Detection API: boxes relative to the canvas, y first; classes from 1."""

    overlaps = False
    resizable = False
    card: Mapping[str, object] = {
        "order": "rgb",
        "scale": 1.0,
        "resize": "stretch",
        "first_class": 1,
        "class_names": COCO_CATEGORIES[1:],
    }
    names = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
    order = (1, 0, 3, 2)

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:  # noqa: ARG002
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        found = {plain_name(o.name): i for i, o in enumerate(outputs)}
        if any(name not in found for name in self.names[:3]):
            lists = object_lists(outputs)
            if lists is None:
                return None
            return Fit(lists, flat=_flat(outputs, lists), certainty="card")
        places = tuple(found[name] for name in self.names if name in found)
        return Fit(places, flat=_flat(outputs, places), resizes=True)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        size = np.array(canvas * 2, np.float32)
        return [
            Detections(boxes[:, self.order] * size, scores, class_ids)
            for boxes, scores, class_ids in kept_lists(outputs, conf)
        ]


class CustomVision(TensorFlow):
    """Azure Custom Vision: boxes relative to the canvas, x first; classes from 0."""

    card: Mapping[str, object] = {"order": "bgr", "scale": 1.0, "resize": "stretch"}
    names = ("detected_boxes", "detected_scores", "detected_classes", "num_detections")
    order = (0, 1, 2, 3)


class MmDet:
    """MMDetection and MMDeploy: boxes with their score (N, K, 5), labels (N, K) and, in some, masks.

    Masks, of RTMDet-Ins and Mask R-CNN, are those of the picture, (N, K, H, W), or of the boxes (N, K, 28, 28).

    Letterboxed to the top left, with ImageNet's mean and deviation: what most of its models learn with.
    """

    overlaps = False
    resizable = False
    card: Mapping[str, object] = {
        "order": "rgb",
        "scale": 1.0,
        "mean": (123.675, 116.28, 103.53),
        "std": (58.395, 57.12, 57.375),
        "resize": "letterbox-top-left",
        "pad": 0,
    }

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        boxes = [i for i, o in enumerate(outputs) if len(o.shape) in {2, 3} and o.shape[-1] == 5]
        if len(boxes) != 1 or len(outputs) < 2:
            return None
        at, lead = boxes[0], outputs[boxes[0]].shape[:-1]
        labels = [i for i, o in enumerate(outputs) if i != at and fits(o.shape, lead)]
        if len(labels) != 1:
            return None
        return with_masks(Fit((at, labels[0]), flat=len(lead) == 1), outputs, canvas)

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        boxes, labels, *masks = outputs
        lists = (boxes[..., :4], boxes[..., 4], labels)
        return masked_objects(lists, masks, canvas, conf)


class Otx(MmDet):
    """OpenVINO's training extensions and model zoo: the same as ``boxes`` and ``labels``.

    The graph normalises its pictures itself.
    """

    card: Mapping[str, object] = {"order": "bgr", "scale": 1.0, "resize": "stretch"}

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        found = super().fit(outputs, canvas)
        if found is None or plain_name(outputs[found.outputs[0]].name) == "boxes":
            return found
        return replace(found, certainty="card")


def _flat(outputs: Sequence[TensorSpec], places: Sequence[int]) -> bool:
    """Whether the boxes have no axis of pictures."""
    return len(outputs[places[0]].shape) == 2

"""Models with keypoints: YOLOv8, 11 and 26 of Ultralytics for poses.

Behind the values of a detector's candidate come those of K keypoints: x and y in canvas pixels and, in
most, how sure the model is that the point can be seen. K and the values of each (2 or 3) are the
card's ``keypoint_shape``, which Ultralytics' exports tell as ``kpt_shape``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sightline.coco import KEYPOINT_NAMES
from sightline.geometry import cxcywh_to_xyxy
from sightline.models.decoders.end_to_end import EndToEnd
from sightline.models.decoders.yolov8 import PEOPLE_VALUES, YoloV8, likely_columns
from sightline.models.task_fields import KeypointShape
from sightline.types import Detections, Fit, Floats, TensorSpec

COCO_SHAPE: KeypointShape = (len(KEYPOINT_NAMES), 3)
"""COCO's keypoints of people, with visibility."""


class YoloV8Pose:
    """Output (N, 4 + C + K × D, A): box by centre and size, class scores, keypoints."""

    overlaps = True
    resizable = True
    card: Mapping[str, object] = {**YoloV8.card, "keypoint_shape": COCO_SHAPE}

    def __init__(self, keypoint_shape: KeypointShape = COCO_SHAPE) -> None:
        self._shape = keypoint_shape

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if not outputs:
            return Fit((), task="pose")
        found = YoloV8().fit(outputs, canvas)
        if found is None or found.classes is None or found.classes < 3:
            return None
        people = found.classes == PEOPLE_VALUES
        return Fit(
            found.outputs,
            1 if people else None,
            certainty="ask" if people else "card",  # they look like the scores of so many classes
            task="pose",
            keypoint_values=found.classes,
            class_scores=True,
        )

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - the graph has decoded its own grid
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [self._decode(columns, conf) for columns in outputs[0]]

    def _decode(self, columns: Floats, conf: float) -> Detections:
        end = len(columns) - self._shape[0] * self._shape[1]
        index, scores, class_ids = likely_columns(columns[4:end], conf)
        if not len(index):
            return Detections.empty()
        boxes = cxcywh_to_xyxy(columns[:4, index].T)
        keypoints = _with_scores(columns[end:, index].T, self._shape)
        return Detections(boxes, scores, class_ids, keypoints=keypoints)


class EndToEndPose:
    """Output (N, M, 6 + K × D): box by corners, score, class id, keypoints. Unused rows score 0."""

    overlaps = False
    resizable = False
    card: Mapping[str, object] = {**EndToEnd.card, "keypoint_shape": COCO_SHAPE}

    def __init__(self, keypoint_shape: KeypointShape = COCO_SHAPE) -> None:
        self._shape = keypoint_shape

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:  # noqa: ARG002
        """How the outputs fit this family, or None; see ``Decoder.fit``."""
        if not outputs:
            return Fit((), task="pose")
        if len(outputs) != 1 or len(outputs[0].shape) != 3:
            return None
        columns = outputs[0].shape[2]
        if columns is None or columns < 8:
            return None
        values = columns - 6
        return Fit((0,), certainty="card", task="pose", keypoint_values=values)

    def decode(
        self,
        outputs: Sequence[Floats],
        canvas: tuple[int, int],  # noqa: ARG002 - boxes are in canvas pixels already
        conf: float,
    ) -> list[Detections]:
        """Candidates above ``conf`` of each picture, boxes xyxy in canvas pixels; see ``Decoder.decode``."""
        return [self._decode(rows[rows[:, 4] > conf]) for rows in outputs[0]]

    def _decode(self, rows: Floats) -> Detections:
        keypoints = _with_scores(rows[:, 6:], self._shape)
        return Detections(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64), keypoints=keypoints)


def _with_scores(values: Floats, shape: KeypointShape) -> Floats:
    """Keypoints (N, K, 3) of values (N, K × D); points without visibility score 1."""
    points = values.reshape(len(values), *shape)
    if shape[1] == 3:
        return points
    return np.concatenate((points, np.ones((*points.shape[:2], 1), np.float32)), axis=2)

"""Objects of a frame in the form of the library Supervision, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline.types.arrays import MOST_CLASSES
from sightline.types.objects import DetectedObjects
from sightline.types.shapes.masks import Masks
from sightline.types.shapes.turned import boxes_and_angles

if TYPE_CHECKING:
    import supervision

CORNERS = "xyxyxyxy"
"""Supervision's key of the corners of oriented boxes."""


def to_supervision(found: DetectedObjects) -> supervision.Detections:
    """The same objects as ``supervision.Detections``; see ``Detections.to_supervision``."""
    import supervision

    names = np.array([found.class_name(i) for i in found.class_ids.tolist()], dtype=str)
    data: dict[str, object] = {"class_name": names}
    if found.embeddings is not None:
        data["embeddings"] = found.embeddings
    if found.keypoints is not None:
        data["keypoints"] = found.keypoints
    if found.parent_ids is not None:
        data["parent_ids"] = found.parent_ids
    if found.angles is not None:
        data[CORNERS] = found.corners
    metadata: dict[str, object] = {}
    # All names, for the way back; supervision keeps them through its own steps.
    if found.class_names:
        metadata["class_names"] = found.class_names
    if found.keypoint_names:
        metadata["keypoint_names"] = found.keypoint_names
    return supervision.Detections(
        xyxy=found.extents,
        confidence=found.scores,
        class_id=found.class_ids,
        tracker_id=found.track_ids,
        mask=None if found.masks is None else np.asarray(found.masks),
        data=data,
        metadata=metadata,
    )


def fields_of(detections: supervision.Detections, class_names: Sequence[str]) -> dict[str, Any]:
    """What ``Detections`` are made of; see ``Detections.from_supervision``."""
    n = len(detections)
    scores, classes, data = detections.confidence, detections.class_id, detections.data
    names = tuple(class_names) or tuple(detections.metadata.get("class_names", ()))
    if classes is None or not names:
        classes, names = _classes_of(classes, data.get("class_name"), names, n)
    boxes = np.asarray(detections.xyxy, np.float32).reshape(n, 4)
    angles = None
    if (corners := _array(data.get(CORNERS))) is not None:
        boxes, angles = boxes_and_angles(corners.reshape(n, 4, 2))
    tracks, parents = detections.tracker_id, data.get("parent_ids")
    return {
        "boxes": boxes,
        "scores": np.ones(n, np.float32) if scores is None else np.asarray(scores, np.float32),
        "class_ids": np.asarray(classes, np.int64),
        "track_ids": None if tracks is None else np.asarray(tracks, np.int64),
        "masks": _masks(detections.mask),
        "class_names": names,
        "embeddings": _array(data.get("embeddings")),
        "keypoints": _array(data.get("keypoints")),
        "angles": angles,
        "keypoint_names": tuple(detections.metadata.get("keypoint_names", ())),
        "parent_ids": None if parents is None else np.asarray(parents, np.int64),
    }


def _array(values: object) -> Any:
    return None if values is None else np.asarray(values, np.float32)


def _masks(masks: Any) -> Masks | None:
    if masks is None:
        return None
    if hasattr(masks, "crop"):  # a CompactMask: crops, too
        height, width = masks.image_shape
        crops = tuple(np.asarray(masks.crop(i), np.bool_) for i in range(len(masks)))
        return Masks(crops, np.asarray(masks.offsets, np.int64).reshape(-1, 2), (width, height))
    return Masks.of(np.asarray(masks, np.bool_))


def _classes_of(
    class_ids: Any, each: Any, class_names: tuple[str, ...], n: int
) -> tuple[Any, tuple[str, ...]]:
    """Class ids and the names of all ids, from the name of each object."""
    if each is None or len(each) != n:
        return np.zeros(n, np.int64) if class_ids is None else class_ids, class_names
    words = [str(name) for name in each]
    if class_ids is None:
        class_names = class_names or tuple(dict.fromkeys(words))
        missing = sorted({word for word in words if word not in class_names})
        if missing:
            raise ValueError(f"class_names has no {missing[0]!r}, which an object is called")
        return np.array([class_names.index(word) for word in words], np.int64), class_names
    named: dict[int, str] = {}
    for class_id, word in zip(np.asarray(class_ids).tolist(), words, strict=True):
        if named.setdefault(int(class_id), word) != word:
            raise ValueError(
                f"class id {class_id} is called both {named[int(class_id)]!r} and {word!r}: "
                "give class_names"
            )
    if any(not 0 <= class_id < MOST_CLASSES for class_id in named):
        return class_ids, ()
    # Ids that no object has are called by their number, as ids without a name are.
    return class_ids, tuple(named.get(i, str(i)) for i in range(max(named, default=-1) + 1))

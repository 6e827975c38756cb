"""Objects of a frame as they stand in a JSON line."""

from __future__ import annotations

from typing import Any

from sightline.types.objects import DetectedObjects, ids_of


def json_objects(found: DetectedObjects, *, polygons: bool = False) -> list[dict[str, Any]]:
    """All objects: boxes with two decimals, scores with four; see ``Detections.to_dict``."""
    ids = found.class_ids.tolist()
    objects: list[dict[str, object]] = [
        {
            "box": [round(x, 2) for x in box],
            "score": round(score, 4),
            "class_id": class_id,
            "class": found.class_name(class_id),
        }
        for box, score, class_id in zip(
            found.boxes.tolist(), found.scores.tolist(), ids, strict=True
        )
    ]
    for name, ids in (("track_id", found.track_ids), ("parent_id", found.parent_ids)):
        if ids is not None:
            for item, number in zip(objects, ids_of(ids, len(found)), strict=True):
                item.update({} if number is None else {name: number})
    if has_shapes(found):
        for number, item in enumerate(objects):
            item.update(shape_of(found, number, polygons=polygons))
    return objects


def has_shapes(found: DetectedObjects) -> bool:
    """Whether more than boxes is known of where the objects are: masks, keypoints or angles."""
    return not (found.masks is None and found.keypoints is None and found.angles is None)


def shape_of(found: DetectedObjects, number: int, *, polygons: bool = False) -> dict[str, Any]:
    """The ``angle``, ``keypoints`` and ``mask`` (or ``polygons``) of one object, as far as they are known."""
    shape: dict[str, object] = {}
    if found.angles is not None:
        shape["angle"] = round(float(found.angles[number]), 4)
    if found.keypoints is not None:
        shape["keypoints"] = [
            [round(x, 2), round(y, 2), round(score, 4)]
            for x, y, score in found.keypoints[number].tolist()
        ]
    if found.masks is not None and polygons:
        shape["polygons"] = [outline.tolist() for outline in found.masks.polygons(number)]
    elif found.masks is not None:
        shape["mask"] = found.masks.to_coco(number)
    return shape

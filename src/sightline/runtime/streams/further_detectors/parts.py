"""Objects of a further detector beside those of a frame: names of both, and every field of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.types import Array, Detections, Ints, Masks


def joined_names(names: Sequence[str], further: Sequence[str]) -> tuple[str, ...]:
    """The names of a detector's classes, by their ids, and behind them those of another one that it has not."""
    own = tuple(names)  # a name may stand there twice ("N/A"), and ids keep their places
    return own + tuple(name for name in dict.fromkeys(further) if name not in own)


def class_map(joined: Sequence[str], names: Sequence[str]) -> Ints:
    """The class id in ``joined`` of each class of ``names``."""
    return np.array([joined.index(name) for name in names], np.int64)


def with_parts(
    objects: Detections, parts: Detections, owners: Ints, size: tuple[int, int]
) -> Detections:
    """Objects, and parts that were found in them behind.

    Parts are not tracked. Their parents are the tracks of the objects; where nothing is tracked, nobody
    tells. Masks and angles that only one side has are empty and 0 on the other; keypoints of parts are
    kept where the objects have as many, or none.

    Args:
        objects: of the frame.
        parts: of the same class names.
        owners: (M,) the row of the object in which each part was found.
        size: (width, height) of the picture.
    """
    if not len(parts):
        return objects
    return Detections(
        np.concatenate((objects.boxes, parts.boxes)),
        np.concatenate((objects.scores, parts.scores)),
        np.concatenate((objects.class_ids, parts.class_ids)),
        class_names=objects.class_names,
        frame_ref=objects.frame_ref,
        masks=_masks(objects, parts, size),
        angles=_rows(objects.angles, parts.angles, len(objects), len(parts)),
        embeddings=_rows(objects.embeddings, None, len(objects), len(parts)),
        **_keypoints(objects, parts),
        **_ids(objects, owners),
    )


def _ids(objects: Detections, owners: Ints) -> dict[str, Any]:
    tracks, parents = objects.track_ids, objects.parent_ids
    if tracks is None:
        return {}
    nobody = np.full(len(objects), -1, np.int64)
    return {
        "track_ids": np.concatenate((tracks, np.full(len(owners), -1, np.int64))),
        "parent_ids": np.concatenate((nobody if parents is None else parents, tracks[owners])),
    }


def _masks(objects: Detections, parts: Detections, size: tuple[int, int]) -> Masks | None:
    if objects.masks is None and parts.masks is None:
        return None
    return Masks.concatenate([_or_empty(one, size) for one in (objects, parts)])


def _or_empty(objects: Detections, size: tuple[int, int]) -> Masks:
    if objects.masks is not None:
        return objects.masks
    empty = (np.zeros((0, 0), np.bool_),) * len(objects)
    return Masks(empty, np.zeros((len(objects), 2), np.int64), size)


def _keypoints(objects: Detections, parts: Detections) -> dict[str, Any]:
    ours, theirs = objects.keypoints, parts.keypoints
    if ours is not None and theirs is not None and ours.shape[1] != theirs.shape[1]:
        theirs = None
    keypoints = _rows(ours, theirs, len(objects), len(parts))
    names = objects.keypoint_names if ours is not None else parts.keypoint_names
    return {} if keypoints is None else {"keypoints": keypoints, "keypoint_names": names}


def _rows(ours: Array | None, theirs: Array | None, count: int, further: int) -> Array | None:
    """The rows of two arrays; zeros where only one is there."""
    if ours is None and theirs is None:
        return None
    known: Any = ours if ours is not None else theirs
    shape, kind = known.shape[1:], known.dtype
    ours = np.zeros((count, *shape), kind) if ours is None else ours
    theirs = np.zeros((further, *shape), kind) if theirs is None else theirs
    return np.concatenate((ours, theirs))

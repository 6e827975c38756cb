"""What a card says of masks, keypoints and angles: the task, and which values are keypoints.

Knows what the outputs allow (a ``Fit``) and what is told of them; refuses what does not go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sightline import coco
from sightline.errors import ModelError
from sightline.types import Fit

KeypointShape = tuple[int, int]
"""How many keypoints an object has, and 2 or 3 values of each."""

_COCO_SHAPE: KeypointShape = (len(coco.KEYPOINT_NAMES), 3)

_WANTED = {
    "segment": "masks, but none of its outputs has prototypes (N, M, H / 4, W / 4) or a mask of each "
    "object: export it again with all of its outputs, or name them all in `outputs`",
    "pose": "keypoints, which the family {family} does not have: write `decoder: yolov8-pose`, or "
    "`decoder: end-to-end-pose` where NMS is in the graph",
    "obb": "the angles of boxes, which the family {family} does not have: write `decoder: yolov8-obb`, "
    "or `decoder: end-to-end-obb` where NMS is in the graph",
}


def check_task(fit: Fit, family: str, told: object, card: str) -> None:
    """Raise ModelError where a model is told to find more than its outputs tell.

    Args:
        fit: how the outputs fit the family.
        family: a key of the table of decoders.
        told: the task that the card or the metadata name, if any.
        card: file name of the card, for messages.
    """
    if told in _WANTED and fit.task != told:
        raise ModelError(
            f"{card}: the model's task is {told}: {_WANTED[str(told)].format(family=family)}"
        )


def with_keypoints(
    fit: Fit, told: Mapping[str, Any], names: int | None, card: str
) -> tuple[Fit, dict[str, tuple[Any, str]]]:
    """The fit with its number of classes, and the card's fields of keypoints with where they are from.

    Args:
        fit: how the outputs fit the family.
        told: fields of the metadata, and of the card beside the model.
        names: how many classes have a name, where somebody tells.
        card: file name of the card, for messages.

    Raises:
        ModelError: the values of the outputs cannot be so many keypoints, several shapes are possible,
            or not every keypoint has a name.
    """
    if fit.task != "pose":
        if told.get("keypoint_shape") is not None and fit.outputs:
            raise ModelError(f"{card}: keypoint_shape is for models with keypoints: leave it out")
        return fit, {}
    shape: KeypointShape | None = told.get("keypoint_shape")
    said = shape is not None
    if shape is None and fit.keypoint_values is not None:
        shape = _only_shape(fit, names, card)
    shape = shape or _COCO_SHAPE
    count, each = shape
    if fit.keypoint_values is not None:
        fit = _with_classes(fit, count * each, f"{count} × {each}", card)
    points = tuple(told.get("keypoint_names", ()))
    if points and len(points) != count:
        raise ModelError(
            f"{card}: there are {len(points)} keypoint_names, but the model has {count} keypoints: "
            "name all of them in the model's order, or none"
        )
    fields: dict[str, tuple[object, str]] = {
        "keypoint_shape": (shape, "card" if said else "output shapes")
    }
    if not points and count == len(coco.KEYPOINT_NAMES):
        fields["keypoint_names"] = (coco.KEYPOINT_NAMES, "output shapes")
    return fit, fields


def _with_classes(fit: Fit, values: int, shown: str, card: str) -> Fit:
    """The fit with the classes that its values leave beside those of the keypoints."""
    given = fit.keypoint_values or 0
    left = given - values
    if fit.class_scores and left > 0:
        return replace(fit, classes=left)
    if not fit.class_scores and left == 0:
        return fit
    wanted = "class scores and keypoints" if fit.class_scores else "keypoints"
    raise ModelError(
        f"{card}: keypoint_shape: {shown} keypoints are {values} values, but the outputs have {given} "
        f"for {wanted}: write `keypoint_shape: [K, 2]`, or `[K, 3]` where each has a visibility"
    )


def _only_shape(fit: Fit, names: int | None, card: str) -> KeypointShape:
    """The one shape of keypoints that the values of a model's candidates allow."""
    values = fit.keypoint_values or 0
    if fit.class_scores:
        values -= names or 1  # one class is likeliest where nobody names them
    if values == _COCO_SHAPE[0] * _COCO_SHAPE[1]:
        return _COCO_SHAPE
    able = [(values // each, each) for each in (3, 2) if values > 0 and values % each == 0]
    if len(able) == 1:
        return able[0]
    shown = " or ".join(f"`keypoint_shape: [{count}, {each}]`" for count, each in able)
    raise ModelError(
        f"{card}: the outputs have {fit.keypoint_values} values for "
        f"{'class scores and keypoints' if fit.class_scores else 'keypoints'}, which "
        + (f"can be read in two ways: write {shown}" if able else "are no whole keypoints: write "
           "`keypoint_shape: [K, 3]` and all `class_names` into it")
    )  # fmt: skip

"""A picture on which two models disagree: what each has found, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from sightline.types import Detections, Pixels

_BAR, _MARGIN = 28, 8
"""Pixels: the height of the line above each picture, and the space before its text."""
_PAPER, _INK = (255, 255, 255), (40, 40, 40)


def side_by_side(image: Pixels, first: Mapping[str, Any], second: Mapping[str, Any]) -> Pixels:
    """The picture twice, each with what one model has found in it and its name above.

    Args:
        image: (height, width, 3), uint8, BGR.
        first, second: ``model``, its name, and ``objects`` as ``Detections.to_dict`` tells them.

    Returns:
        (height + 28, 2 * width, 3), uint8, BGR.

    Raises:
        SinkError: supervision is not installed.
        KeyError, TypeError, ValueError: the results have another form.
    """
    from sightline.imaging.drawing import annotate

    halves = []
    for result in (first, second):
        found = _detections(result["objects"])
        bar = np.full((_BAR, image.shape[1], 3), _PAPER, np.uint8)
        text = f"{result['model']}: {len(found)} objects"
        at = (_MARGIN, _BAR - _MARGIN)
        cv2.putText(bar, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
        halves.append(np.vstack([bar, annotate(image, found)]))
    return np.hstack(halves)


def _detections(objects: Sequence[Mapping[str, Any]]) -> Detections:
    names = {int(one["class_id"]): str(one["class"]) for one in objects}
    return Detections(
        np.array([one["box"] for one in objects], np.float32).reshape(-1, 4),
        np.array([one["score"] for one in objects], np.float32),
        np.array([one["class_id"] for one in objects], np.int64),
        class_names=tuple(names.get(i, str(i)) for i in range(max(names, default=-1) + 1)),
    )

"""Objects that are made unrecognisable in a picture."""

from __future__ import annotations

import cv2
import numpy as np

from sightline.types import Floats, Pixels

_SHARE = 3
"""The blur's width is this part of the box: nobody is known through it."""


def blurred(pixels: Pixels, boxes: Floats) -> Pixels:
    """A copy of a picture (H, W, 3) in which nobody within the boxes (N, 4) xyxy can be recognised.

    What lies beyond the picture's border is passed over.
    """
    changed = pixels.copy()
    height, width = pixels.shape[:2]
    for box in boxes.clip(0, (width, height, width, height)):
        left, top = np.floor(box[:2]).astype(int).tolist()
        right, bottom = np.ceil(box[2:]).astype(int).tolist()
        part = changed[top:bottom, left:right]
        if part.size:
            part[:] = cv2.GaussianBlur(part, (0, 0), max(part.shape[:2]) / _SHARE)
    return changed

"""Frames with something in them, for tests of what is kept of them."""

from __future__ import annotations

import numpy as np

from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Floats, Frame, Observation

NAMES = ("person", "car")


def seen(index: int, utc: float | None = None, boxes: int = 2, stream: str = "gate") -> Observation:
    """A frame of 64×48; each index looks different."""
    rng = np.random.default_rng(index)
    pixels = rng.integers(0, 255, (48, 64, 3), np.uint8)
    frame = Frame(stream, index, index / 5, 0.0, ArrayPicture(pixels))
    frame.utc = utc
    places = np.array([[4, 6, 20, 30], [30, 10, 70, 40]], np.float32)[:boxes]
    found = Detections(
        places,
        np.array([0.9, 0.4], np.float32)[:boxes],
        np.array([0, 1])[:boxes],
        class_names=NAMES,
    )
    return Observation(frame, found)


def view(index: int) -> Floats:
    """What the picture of a frame looks like; no two are alike."""
    return np.random.default_rng(1000 + index).random((72, 128)).astype(np.float32) * 255

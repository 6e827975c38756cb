"""Results to look at: a few objects, and a picture that they were found in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sightline.sources.stills import frame_reference, still_frame
from sightline.types import Detections

NAMES = ("person", "bicycle", "car")


def some(count: int = 3, *, tracked: bool = True) -> Detections:
    rng = np.random.default_rng(7)
    corners = rng.uniform(5, 40, (count, 2)).astype(np.float32)
    return Detections(
        np.hstack((corners, corners + 20)),
        np.linspace(0.9, 0.3, count, dtype=np.float32),
        np.arange(count, dtype=np.int64) % 4,
        np.arange(count, dtype=np.int64) + 11 if tracked else None,
        class_names=NAMES,
    )


def found_in(image: Any) -> Detections:
    return replace(some(), frame_ref=frame_reference(image, still_frame(image)))

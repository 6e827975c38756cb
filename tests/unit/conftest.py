"""Observations to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.types import Detections, Frame, Observation


class Still:
    """A picture from an array."""

    def __init__(self, image: Any) -> None:
        self.image = image
        self.height, self.width = image.shape[:2]

    def scaled(self, width: int, height: int, order: str, out: Any = None) -> Any:
        assert (width, height, order, out) == (self.width, self.height, "bgr", None)
        return self.image


@pytest.fixture(scope="session")
def observe() -> Callable[..., Observation]:
    """Makes an observation of a grey picture; ``boxes`` rows are x1 y1 x2 y2 score class track."""

    def make(
        stream: str = "cam",
        index: int = 0,
        time: float | None = None,
        boxes: Any = (),
        *,
        tracked: bool = True,
        size: tuple[int, int] = (96, 64),
        image: Any = None,
        **rest: Any,
    ) -> Observation:
        if image is None:
            image = np.full((size[1], size[0], 3), 90, np.uint8)
        rows = np.array(boxes, np.float64).reshape(-1, 7)
        found = Detections(
            rows[:, :4].astype(np.float32),
            rows[:, 4].astype(np.float32),
            rows[:, 5].astype(np.int64),
            rows[:, 6].astype(np.int64) if tracked else None,
            class_names=("person", "bicycle", "car"),
        )
        at = index / 25 if time is None else time
        return Observation(Frame(stream, index, at, 0.0, Still(image)), found, **rest)

    return make


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """The file of a small picture, ``in/one.png``."""
    pixels = np.full((64, 96, 3), (30, 60, 90), np.uint8)
    path = tmp_path / "in" / "one.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), pixels)
    return path

"""Has anything moved? A small grey picture against what is usual in each of its pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.types import Frame, Pixels

_WIDTH = 160
"""Pictures are compared at this width: a far-off person is still a handful of pixels."""
_FOLLOW = 0.1
"""How fast the usual picture follows what is seen: what stands still is part of it after a second
or two of a slow stream."""
_LEAST = 10.0
"""Grey levels by which a pixel must differ at least."""
_NOISES = 4.0
"""… and so many times what it differs by usually: sensor noise, leaves, water."""
_PIXELS = 5
"""As many differing pixels are a motion."""


class Motion:
    """Compares each frame with the usual picture (running average; Wren et al. 1997, Pfinder).

    A change of light that meets the whole picture is no motion. The first frame, and the first
    one of another shape, is.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, int] | None = None
        self._usual: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._noise = self._usual
        self._small: Pixels = np.empty((0, 0, 3), np.uint8)

    def seen(self, frame: Frame) -> bool:
        """Look at the next frame; True where something in it has moved."""
        shape = (frame.width, frame.height)
        fresh = shape != self._shape
        if fresh:
            height = max(8, round(_WIDTH * frame.height / frame.width))
            self._shape, self._small = shape, np.empty((height, _WIDTH, 3), np.uint8)
        frame.scaled(_WIDTH, len(self._small), "bgr", self._small)
        grey = cv2.cvtColor(self._small, cv2.COLOR_BGR2GRAY).astype(np.float32)
        grey = cv2.blur(grey, (3, 3))  # sensor noise at night is stronger than far-off people
        if fresh:
            self._usual, self._noise = grey, np.full_like(grey, _LEAST / _NOISES)
            return True
        grey -= cv2.mean(grey)[0] - cv2.mean(self._usual)[0]
        apart = cv2.absdiff(grey, self._usual)
        moved = cv2.countNonZero(
            cv2.compare(apart, cv2.max(self._noise * _NOISES, _LEAST), cv2.CMP_GT)
        )
        cv2.accumulateWeighted(grey, self._usual, _FOLLOW)
        # What moves now must not count as noise at once, or it would hide itself.
        cv2.accumulateWeighted(cv2.min(apart, _LEAST), self._noise, _FOLLOW / 4)
        return bool(moved >= _PIXELS)

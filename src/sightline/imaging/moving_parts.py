"""The parts of a still camera's picture that move, as boxes."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.types import Floats, Frame, GreyScaled, Ints, Mask, Pixels

_WIDTH = 480
"""Pictures are compared at this width: what is 20 pixels high in 1080p still has 5."""
_LEAST = 5.0
"""Grey levels by which a pixel must differ at least."""
_NOISES = 2.0
"""… and so many times what it differs by usually: sensor noise, leaves, water."""
_MOST_NOISE = 40.0
"""Grey levels that are learnt as a pixel's usual difference at most."""
_FOLLOW_S = 1.0
"""Time constant with which the usual picture follows what is seen."""
_RECENT_S = 0.2
"""The same of the recent picture, which tells what moves from what has merely been uncovered."""
_LEARN_S = 1.5
"""Time constant with which a pixel's usual difference grows …"""
_FORGET_S = 8.0
"""… and with which it shrinks."""
_PIXELS = 3
"""A part has so many differing pixels at least."""
_TOO_MUCH = 0.4
"""A share of the picture that differs at once means that the light or the view has changed."""

_BESIDE = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
_NEAR = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))

Levels = NDArray[np.float32]


class Motions(NamedTuple):
    """What moves in a frame.

    ``objects`` (K,) says which of the known objects do; ``boxes`` (N, 4), xyxy in pixels of the frame, are
    around what moves elsewhere.
    """

    objects: Mask
    boxes: Floats


class MovingParts:
    """Compares each frame with the usual picture, and says which parts of it move.

    Two running averages of a small grey picture, a slow and a fast one (Porikli, Ivanov and Haga 2008). A
    pixel differs where it is outside the range of its neighbours in the usual picture, so that a camera on a
    mast that sways a little moves no edge. What moves again and again where there is no object, as leaves and
    water do, is learnt as the noise of its pixels. A change of light that meets the whole picture is no motion.
    """

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._time = 0.0
        self._usual: Levels = np.empty((0, 0), np.float32)
        self._recent = self._usual
        self._noise = self._usual

    def seen(self, frame: Frame, objects: Floats) -> Motions | None:
        """What moves in the next frame.

        Args:
            frame: of the same stream as those before it.
            objects: boxes (K, 4) xyxy where objects are known: what moves there is not learnt as noise.

        Returns None where the whole picture is new: for the first frame, for one of another size, and after
        a change of the view.
        """
        grey, elapsed = self._next(frame)
        if elapsed is None:
            return None
        grey += cv2.mean(self._usual)[0] - cv2.mean(grey)[0]
        above = grey - cv2.dilate(self._usual, _BESIDE)
        below = cv2.erode(self._usual, _BESIDE) - grey
        apart = cv2.max(above, below)
        limit = cv2.max(self._noise * _NOISES, _LEAST)
        differs = cv2.compare(apart, limit, cv2.CMP_GT)
        if cv2.countNonZero(differs) > _TOO_MUCH * differs.size:
            self._begin(grey)
            return None
        changing = cv2.compare(cv2.absdiff(grey, self._recent), limit, cv2.CMP_GT)
        scale = np.float32(frame.width / grey.shape[1])
        known = _grown(objects / scale, grey.shape)
        elsewhere = np.full(grey.shape, 255, np.uint8)
        for left, top, right, bottom in known.tolist():
            elsewhere[top:bottom, left:right] = 0
        self._follow(grey, elapsed)
        self._learn(apart, elsewhere, elapsed)
        parts = _parts(cv2.bitwise_and(differs, elsewhere))
        return Motions(
            _show(differs, known), parts[_show(changing, parts)].astype(np.float32) * scale
        )

    def follow(self, frame: Frame) -> None:
        """Let the usual picture follow a frame, whose motion nobody asks for."""
        grey, elapsed = self._next(frame)
        if elapsed is not None:
            self._follow(grey, elapsed)

    def _next(self, frame: Frame) -> tuple[Levels, float | None]:
        """The small grey picture, and the seconds since the one before it; None: there is none like it."""
        size = (frame.width, frame.height)
        width = min(_WIDTH, frame.width)
        grey = _grey(frame, width, max(8, round(width * frame.height / frame.width)))
        elapsed = max(frame.time - self._time, 1e-3)
        fresh = size != self._size
        self._size, self._time = size, frame.time
        if fresh:
            self._begin(grey)
        return grey, None if fresh else elapsed

    def _begin(self, grey: Levels) -> None:
        self._usual, self._recent = grey, grey.copy()
        self._noise = np.full_like(grey, _LEAST / _NOISES)

    def _follow(self, grey: Levels, elapsed: float) -> None:
        cv2.accumulateWeighted(grey, self._usual, _weight(elapsed, _FOLLOW_S))
        cv2.accumulateWeighted(grey, self._recent, _weight(elapsed, _RECENT_S))

    def _learn(self, apart: Levels, elsewhere: Pixels, elapsed: float) -> None:
        further = cv2.min(cv2.max(apart, 0.0), _MOST_NOISE) - self._noise
        learnt = cv2.max(
            further * _weight(elapsed, _LEARN_S), further * _weight(elapsed, _FORGET_S)
        )
        cv2.add(self._noise, learnt, self._noise, elsewhere)


def _weight(elapsed: float, time_constant: float) -> float:
    """The weight of the newest picture in a running average."""
    return 1 - math.exp(-elapsed / time_constant)


def _grey(frame: Frame, width: int, height: int) -> Levels:
    picture = frame.picture
    small = picture.scaled_grey(width, height) if isinstance(picture, GreyScaled) else None
    if small is None:
        small = cv2.cvtColor(frame.scaled(width, height, "bgr"), cv2.COLOR_BGR2GRAY)
    grey: Levels = cv2.blur(small.astype(np.float32), (3, 3))
    return grey


def _grown(boxes: Floats, shape: tuple[int, ...]) -> Ints:
    """Boxes with a border around, in whole pixels of a picture of this shape."""
    border = 0.08 * (boxes[:, 2:] - boxes[:, :2]) + 2
    edges = shape[1::-1]
    low = np.clip(np.floor(boxes[:, :2] - border), 0, edges)
    high = np.clip(np.ceil(boxes[:, 2:] + border), 0, edges)
    return np.concatenate((low, high), axis=1).astype(np.int64)


def _parts(differs: Pixels) -> Ints:
    """Boxes (N, 4) of what lies together."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        cv2.dilate(differs, _NEAR), ltype=cv2.CV_16U
    )
    pixels = np.bincount(labels[differs > 0], minlength=len(stats))
    left, top, width, height = stats[1:, :4].T
    boxes = np.stack((left, top, left + width, top + height), axis=1).astype(np.int64)
    return boxes[pixels[1:] >= _PIXELS]


def _show(pixels: Pixels, boxes: Ints) -> Mask:
    """Which boxes (N, 4) hold enough of these pixels."""
    shown = [
        cv2.countNonZero(pixels[top:bottom, left:right]) >= _PIXELS
        if right > left and bottom > top
        else False
        for left, top, right, bottom in boxes.tolist()
    ]
    return np.array(shown, np.bool_)

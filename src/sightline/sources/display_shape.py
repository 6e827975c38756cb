"""How the decoded frames of a video are shown, as a player does it: the shape of their pixels (sample aspect ratio, SAR),
and whether they are turned or seen in a mirror (display matrix)."""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

if TYPE_CHECKING:  # pictures that are files know their pixels to be square, and need no FFmpeg
    from av import Packet, VideoFrame
    from av.sidedata.sidedata import SideData
    from av.video.stream import VideoStream

SQUARE = 1.0

_SMALLEST, _LARGEST = Fraction(1, 8), Fraction(8)
_NEARLY_SQUARE = Fraction(1, 100)


class PixelAspect:
    """Tells how wide the pixels of each decoded frame are, as a multiple of their height.

    What the container says precedes what the codec says, as in ffplay. The codec's own ratio may
    change in mid-stream; its new value holds from the picture that brought it, not for those that
    the decoder still held back.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context
        self._coded = self._codec.sample_aspect_ratio
        guessed = stream.sample_aspect_ratio  # the container's where it has one, else the codec's
        self._of_container = guessed is not None and guessed != self._coded
        self._current = usable_aspect(guessed)
        self._coming: deque[tuple[int | None, float]] = deque()
        self._any_frame = False

    def note(self, packet: Packet[VideoStream]) -> None:
        """Look whether the packet that was just decoded has changed the codec's ratio."""
        if self._of_container:
            return
        coded = self._codec.sample_aspect_ratio
        if coded != self._coded:
            self._coded = coded
            self._coming.append((packet.pts if self._any_frame else None, usable_aspect(coded)))

    def of(self, frame: VideoFrame) -> float:
        """The width of a pixel over its height, for the next frame in order of presentation."""
        self._any_frame = True
        while self._coming:
            begins, aspect = self._coming[0]
            if begins is not None and frame.pts is not None and frame.pts < begins:
                break
            self._current = aspect
            self._coming.popleft()
        return self._current


def usable_aspect(ratio: Fraction | None) -> float:
    """The ratio as a number; 1 where it is unknown, broken (0:1, 1000:1) or within 1 % of square.

    Encoders write ratios such as 3201:3200 by rounding; to follow them would blur for nothing.
    """
    if ratio is None or not _SMALLEST <= ratio <= _LARGEST or abs(ratio - 1) < _NEARLY_SQUARE:
        return SQUARE
    return float(ratio)


def displayed_width(width: int, aspect: float) -> int:
    """How wide a picture is when its pixels are square: even, as ffplay rounds it."""
    return width if aspect == SQUARE else max(2, round(width * aspect) & ~1)


class Orientation(NamedTuple):
    """``turn`` is in degrees counter-clockwise, a multiple of 90; left and right change places after it where
    the picture is ``mirrored``."""

    turn: int = 0
    mirrored: bool = False


UPRIGHT = Orientation()


class DisplayMatrix:
    """Tells the orientation of the frames of one decoder, in their order.

    The matrix is read from the first frame, and again from the first one whose rotation has changed. Not from
    each: PyAV's ``frame.side_data`` and the frame know each other, so that a frame that was asked for it lives, and
    FFmpeg makes new memory instead of its own, until the garbage collector comes.
    """

    def __init__(self) -> None:
        self._rotation: float | None = None
        self._current = UPRIGHT

    def of(self, frame: VideoFrame) -> Orientation:
        """The orientation of the next frame."""
        rotation = frame.rotation
        if rotation != self._rotation:
            self._rotation = rotation
            self._current = _read(frame)
        return self._current


def _read(frame: VideoFrame) -> Orientation:
    try:
        stated = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    except ValueError:  # PyAV does not know another kind of side data beside it: EXIF data, for one
        return Orientation(round(frame.rotation / 90) * 90 % 360)
    if stated is None:
        return UPRIGHT
    # 3 x 3 numbers by rows: x' = a x + c y and y' = b x + d y, y downwards (libavutil/display.h).
    a, b, _, c, d = (float(number) for number in np.frombuffer(bytes(stated), np.int32)[:5])
    mirrored = a * d - b * c < 0
    clockwise = math.degrees(math.atan2(b, -a if mirrored else a))
    return Orientation(round(-clockwise / 90) * 90 % 360, mirrored)

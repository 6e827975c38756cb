"""The shape of a video's pixels (sample aspect ratio, SAR): frame by frame, as a player takes it."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pictures that are files know their pixels to be square, and need no FFmpeg
    from av import Packet, VideoFrame
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

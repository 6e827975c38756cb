"""A part of a frame's picture, as a picture of its own."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from sightline.types.arrays import ChannelOrder, Pixels
from sightline.types.pictures import PartlyScaled, Picture


class WholeFrame(Protocol):
    """What a part needs of its frame."""

    picture: Picture

    @property
    def width(self) -> int:
        """Columns, pixels."""

    @property
    def height(self) -> int:
        """Rows, pixels."""

    @property
    def image(self) -> Pixels:
        """The whole picture, (height, width, 3), uint8, BGR. Made once, then kept."""


class CroppedPicture:
    """A ``Picture`` that is a part of a frame's.

    Args:
        frame: whose part it is. Where its picture cannot make a part alone, the pixels of the whole
            are made once and kept with the frame, for all its parts.
        part: (left, top, right, bottom) in pixels of the frame.

    Raises:
        ValueError: the part has no pixels, or reaches beyond the frame.
    """

    def __init__(self, frame: WholeFrame, part: tuple[int, int, int, int]) -> None:
        left, top, right, bottom = part
        if not (0 <= left < right <= frame.width and 0 <= top < bottom <= frame.height):
            raise ValueError(
                f"a part from {left}, {top} to {right}, {bottom} is not within the frame of "
                f"{frame.width}×{frame.height}"
            )
        self._frame = frame
        self._part = part

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return self._part[2] - self._part[0]

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return self._part[3] - self._part[1]

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """The part at ``width`` x ``height``, in ``out`` (height, width, 3) where it is given."""
        picture = self._frame.picture
        if isinstance(picture, PartlyScaled):
            made = picture.scaled_part(self._part, width, height, order, out)
            if made is not None:
                return made
        left, top, right, bottom = self._part
        return scaled_pixels(self._frame.image[top:bottom, left:right], width, height, order, out)

    def scaled_part(
        self,
        part: tuple[int, int, int, int],
        width: int,
        height: int,
        order: ChannelOrder,
        out: Pixels | None = None,
    ) -> Pixels:
        """A part of the part; see ``PartlyScaled``."""
        x, y = self._part[:2]
        left, top, right, bottom = part
        inner = CroppedPicture(self._frame, (left + x, top + y, right + x, bottom + y))
        return inner.scaled(width, height, order, out)


def scaled_pixels(
    pixels: Pixels, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
) -> Pixels:
    """Pixels (h, w, 3) BGR at ``width`` x ``height``, in ``out`` (height, width, 3) where it is given.

    Bilinear, like the preprocessing that the usual detectors were trained with.
    Raises ValueError where ``out`` has another shape.
    """
    out = canvas(width, height, out)
    if (width, height) != (pixels.shape[1], pixels.shape[0]):
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    if order == "rgb":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    np.copyto(out, pixels)
    return out


def canvas(width: int, height: int, out: Pixels | None) -> Pixels:
    """``out``, or a new array (height, width, 3). Raises ValueError: ``out`` has another shape."""
    if out is None:
        return np.empty((height, width, 3), np.uint8)
    if out.shape != (height, width, 3) or out.dtype != np.uint8:
        raise ValueError(f"out must be ({height}, {width}, 3) uint8, not {out.shape} {out.dtype}")
    return out

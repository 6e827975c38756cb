"""Parts of a picture, side by side in one of their own: the input of a network that need not see the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.geometry import Placement
from sightline.imaging.cropped import canvas, scaled_pixels
from sightline.types import ChannelOrder, Floats, Frame, Pixels

Part = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the picture."""

GAP = 8
"""Pixels between two patches, so that a network does not take both for one thing."""

_BETWEEN = 114
"""The grey between patches: that of a letterbox."""


@dataclass(frozen=True)
class Patch:
    """A part of a picture, and where it lies in a mosaic."""

    part: Part
    spot: Placement

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels of the mosaic."""
        spot = self.spot
        return spot.left, spot.top, spot.left + spot.width, spot.top + spot.height


def packed(
    parts: Sequence[Part], scales: Sequence[float], size: tuple[int, int]
) -> list[Patch] | None:
    """Patches of parts in a mosaic of ``size`` (width, height), each part at its scale; None: no room."""
    sizes = [_scaled(part, scale) for part, scale in zip(parts, scales, strict=True)]
    corners = _shelved(sizes, size)
    if corners is None:
        return None
    return [
        Patch(part, Placement(part[2] - part[0], part[3] - part[1], *corner, *placed))
        for part, corner, placed in zip(parts, corners, sizes, strict=True)
    ]


def _scaled(part: Part, scale: float) -> tuple[int, int]:
    """Width and height of a part at a scale: even, as the colours of video need them."""
    width, height = part[2] - part[0], part[3] - part[1]
    if scale == 1:
        return width, height
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _shelved(
    sizes: Sequence[tuple[int, int]], size: tuple[int, int]
) -> list[tuple[int, int]] | None:
    """Upper left corners of rectangles on shelves; None: no room.

    First fit by decreasing height (Coffman, Garey, Johnson and Tarjan 1980).
    """
    width, height = size
    shelves: list[list[int]] = []  # top, height and first free column of each
    corners = [(0, 0)] * len(sizes)
    for number in sorted(range(len(sizes)), key=lambda i: -sizes[i][1]):
        across, down = sizes[number]
        shelf = next((s for s in shelves if s[2] + across <= width), None)
        if shelf is None:
            top = shelves[-1][0] + shelves[-1][1] + GAP if shelves else 0
            if across > width or top + down > height:
                return None
            shelves.append(shelf := [top, down, 0])
        corners[number] = (shelf[2], shelf[0])
        shelf[2] += across + GAP
    return corners


class MosaicPicture:
    """A ``Picture`` of parts of a frame.

    Args:
        frame: whose parts they are. Pixels are made when somebody looks; of decoded video, only those of
            the parts.
        patches: the parts and their places.
        size: (width, height) of the mosaic.
    """

    def __init__(self, frame: Frame, patches: Sequence[Patch], size: tuple[int, int]) -> None:
        self._parts = [(frame.cropped(*patch.part), patch) for patch in patches]
        self._size = size

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return self._size[0]

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return self._size[1]

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """The mosaic at ``width`` x ``height``, in ``out`` (height, width, 3) where it is given."""
        if (width, height) != self._size:
            return scaled_pixels(self.scaled(*self._size, "bgr"), width, height, order, out)
        out = canvas(width, height, out)
        out[:] = _BETWEEN
        for part, patch in self._parts:
            left, top, right, bottom = patch.box
            part.scaled(right - left, bottom - top, order, out[top:bottom, left:right])
        return out


def boxes_of(patches: Sequence[Patch]) -> Floats:
    """(N, 4) float32 xyxy of patches in their mosaic."""
    return np.array([patch.box for patch in patches], np.float32).reshape(-1, 4)

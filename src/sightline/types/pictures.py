"""What a frame knows of its picture, whatever form its decoder left it in."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from sightline.types.arrays import ChannelOrder, Pixels


class Picture(Protocol):
    """A decoded picture in whatever form its decoder left it. Safe to read from any thread."""

    @property
    def width(self) -> int:
        """Columns, pixels."""

    @property
    def height(self) -> int:
        """Rows, pixels."""

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """Scale and convert in one pass, into ``out`` (height, width, 3) where it is given."""


@runtime_checkable
class PartlyScaled(Protocol):
    """What a Picture offers of which a part can be made without making the whole."""

    def scaled_part(
        self,
        part: tuple[int, int, int, int],
        width: int,
        height: int,
        order: ChannelOrder,
        out: Pixels | None = None,
    ) -> Pixels | None:
        """As ``Picture.scaled``, of ``part`` (left, top, right, bottom); None: this part cannot be made alone."""


@runtime_checkable
class GreyScaled(Protocol):
    """What a Picture offers whose brightness can be had without its colours."""

    def scaled_grey(self, width: int, height: int) -> Pixels | None:
        """The brightness (height, width), uint8, at a smaller size; None: it cannot be had alone."""


@runtime_checkable
class YuvPlanes(Protocol):
    """What a Picture offers whose decoder left brightness and colours apart."""

    def yuv_planes(self) -> tuple[Pixels, Pixels, Pixels] | None:
        """Brightness (height, width), Cb and Cr (smaller), uint8, the decoder's own memory; None: it has none."""

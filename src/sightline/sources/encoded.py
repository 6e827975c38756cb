"""A picture that is still a file in memory, and is decoded when somebody looks, as small as will do."""

from __future__ import annotations

from sightline.errors import DecodeError
from sightline.sources.image_header import check_header
from sightline.sources.images import (
    LIMIT_PIXELS,
    REDUCED,
    decode_image,
    decode_reduced,
)
from sightline.sources.pictures import ArrayPicture
from sightline.types import ChannelOrder, Pixels


class EncodedPicture:
    """A JPEG, PNG, WebP, BMP or TIFF file in memory, as a ``Picture``.

    Its header is read at once, so that its size is known and too large a picture costs no memory.
    Pixels are made by whoever asks for them, in that thread. A JPEG is decoded at a half, a
    quarter or an eighth of its size where that is still no smaller than what is asked for: its
    decoder then leaves out the work for what nobody would see.

    Args:
        data: the file's bytes. Kept, not copied.
        limit_pixels: of the whole picture.
        name: stands before what is wrong.

    Raises:
        DecodeError: it is none of these, is too large, or breaks off.
    """

    def __init__(
        self, data: bytes, limit_pixels: int = LIMIT_PIXELS, name: str = "picture"
    ) -> None:
        header = check_header(data, limit_pixels, name)
        self._data = data
        self._limit = limit_pixels
        self._name = name
        self._header = header

    @property
    def width(self) -> int:
        """The width of the upright picture, as its EXIF data turns it."""
        return self._header.width

    @property
    def height(self) -> int:
        """Rows of the picture as it is seen, pixels."""
        return self._header.height

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """Decode and scale to (height, width, 3), into ``out`` where it is given.

        Raises:
            DecodeError: the picture is damaged.
            ValueError: ``out`` has another shape.
        """
        return ArrayPicture(self._decode(width, height)).scaled(width, height, order, out)

    def _decode(self, width: int, height: int) -> Pixels:
        """All pixels, or those of the smallest size that covers ``width`` x ``height``."""
        step = self._reduction(width, height)
        pixels = decode_reduced(self._data, self._header, step) if step > 1 else None
        if pixels is None:
            step, pixels = 1, decode_image(self._data, self._limit, self._name)
        if pixels.shape[:2] != (-(-self.height // step), -(-self.width // step)):
            raise DecodeError(
                f"{self._name} says that it is {self.width} x {self.height} pixels, and has others: "
                "save it again"
            )
        return pixels

    def _reduction(self, width: int, height: int) -> int:
        if self._header.format != "JPEG":
            return 1
        fit = min(self.width // width, self.height // height)
        return next((step for step in REDUCED if step <= fit), 1)

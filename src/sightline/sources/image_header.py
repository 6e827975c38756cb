"""The size of a picture out of its first bytes, before anything is decoded.

JPEG (ITU-T T.81), PNG (ISO/IEC 15948), WebP (RFC 9649), BMP and TIFF 6.0 are known; whatever else
a file holds, and whatever its name says, is no picture here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

# Start of frame, without DHT (c4), JPG (c8) and DAC (cc), which lie between.
_JPEG_SOF = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}
_JPEG_SOS = 0xDA
_BMP_CORE = 12  # bytes of the oldest header, with sizes of 16 bits
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


class ImageHeader(NamedTuple):
    """``complete`` is False where a JPEG breaks off, which its decoders pass over in silence."""

    format: str
    width: int
    height: int
    complete: bool = True


def read_header(data: bytes) -> ImageHeader | None:
    """What kind of picture ``data`` is and how large it says it is; None where it is none."""
    for magic, read in _FORMATS:
        if re.match(magic, data, re.DOTALL):
            try:
                return read(data)
            except (struct.error, IndexError):
                return None  # it breaks off within its header
    return None


def _png(data: bytes) -> ImageHeader:
    return ImageHeader("PNG", *struct.unpack_from(">II", data, 16))


def _bmp(data: bytes) -> ImageHeader:
    (size,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if size == _BMP_CORE else "<ii", data, 18)
    return ImageHeader("BMP", width, abs(height))  # negative: the top row comes first


def _jpeg(data: bytes) -> ImageHeader | None:
    at, size = 2, None
    while True:
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _JPEG_BARE:
            at += 2
            continue
        if marker in _JPEG_SOF:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        if marker == _JPEG_SOS:
            complete = data.find(b"\xff\xd9", at) >= 0
            return ImageHeader("JPEG", *size, complete) if size else None
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])


def _webp(data: bytes) -> ImageHeader | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return ImageHeader("WebP", width, int.from_bytes(data[27:30], "little") + 1)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)
    return None


def _tiff(data: bytes) -> ImageHeader | None:
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    size: dict[int, int] = {}
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT):
            (size[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)
    if len(size) < 2:
        return None
    return ImageHeader("TIFF", size[_TIFF_WIDTH], size[_TIFF_HEIGHT])


_FORMATS: tuple[tuple[bytes, Callable[[bytes], ImageHeader | None]], ...] = (
    (rb"\xff\xd8\xff", _jpeg),
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"RIFF....WEBP", _webp),
    (rb"BM", _bmp),
    (rb"II\*\0|MM\0\*", _tiff),
)

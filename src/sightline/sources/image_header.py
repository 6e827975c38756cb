"""The size of a picture out of its first bytes, before anything is decoded.

JPEG (ITU-T T.81), PNG (ISO/IEC 15948), WebP (RFC 9649), BMP and TIFF 6.0 are known; whatever else
a file holds, and whatever its name says, is no picture here.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sightline.errors import DecodeError
from sightline.foreign_files.mistaken import HEAD_BYTES, mistaken_for

# Start of frame, without DHT (c4), JPG (c8) and DAC (cc), which lie between.
_JPEG_SOF = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}
_JPEG_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_JPEG_SOS, _JPEG_APP1 = 0xDA, 0xE1
_BMP_CORE = 12  # bytes of the oldest header, with sizes of 16 bits
_BMP_HEADERS = {_BMP_CORE, 16, 40, 52, 56, 64, 108, 124}
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_ORIENTATION = 256, 257, 274
_TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT = 322, 323
_TIFF_BITS, _TIFF_SAMPLES = 258, 339
_TIFF_READ = (_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_ORIENTATION, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT,
              _TIFF_BITS, _TIFF_SAMPLES)  # fmt: skip
_TIFF_LONGEST = 1 << 10
"""Most samples of a pixel that have a number of bits of their own."""
_TIFF_MOST_BITS, _TIFF_UNSIGNED = 16, {1, 4}  # 4: undefined, as old programs write it
_TIFF_SHORT, _TIFF_FITTING = 3, 2
_TIFF_TYPES = {3: "H", 4: "I"}
"""What TIFF 6.0 lets these fields be: SHORT and LONG. LibTIFF also reads others, from other places."""
_MOST_TILE_SIDE = 4096
"""A tile is decoded as a whole, however small the picture is; usual are 256 and 512."""
_MOST_BLOCKS = 4096
"""A file of millions of empty blocks must not keep its reader busy."""
_QUARTER_TURNS = {5, 6, 7, 8}  # of EXIF's orientations
_EXIF = b"Exif\0\0"
_WEBP_ANIMATED = 0x02
LIMIT_BYTES = 1 << 30
"""So much is read of a picture's file at most: pictures within the limit of pixels are smaller."""
LIMIT_SCANS = 100
"""Most scans of a progressive JPEG; programs write about ten."""


class ImageHeader(NamedTuple):
    """``width`` and ``height`` are those of the upright picture, as its EXIF data turns it.

    ``complete`` is False where a JPEG breaks off, which its decoders pass over in silence;
    ``orientation`` is a JPEG's, after EXIF: 1 is upright already. ``scans`` are those of a progressive
    JPEG: each costs its decoder a pass over all pixels, and the file only some bytes. ``animated`` is
    a PNG or WebP of several pictures. ``unread`` says which kind of numbers decoders here would take for others.
    """

    format: str
    width: int
    height: int
    complete: bool = True
    orientation: int = 1
    scans: int = 1
    animated: bool = False
    unread: str = ""


def picture_content(path: Path) -> bytes:
    """The bytes of a picture's file; of one that is no picture, or of a device, the first ones only.

    Raises OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        known = any(re.match(magic, head, re.DOTALL) for magic, _ in _FORMATS)
        return head + file.read(LIMIT_BYTES) if known else head


def read_header(data: bytes) -> ImageHeader | None:
    """What kind of picture ``data`` is and how large it says it is; None where it is none."""
    for magic, read in _FORMATS:
        if re.match(magic, data, re.DOTALL):
            try:
                return read(data)
            except (struct.error, IndexError):
                return None  # it breaks off within its header
    return None


def check_header(data: bytes, limit_pixels: int, name: str) -> ImageHeader:
    """The header of a picture that may be decoded. Raises DecodeError: it is none, too large, or breaks off."""
    header = read_header(data)
    if header is None:
        raise DecodeError(f"{name} is {no_picture(data)}")
    if header.unread:
        raise DecodeError(
            f"{name} is a {header.format} of {header.unread}: save it with 8 or 16 bits without a sign"
        )
    if header.width <= 0 or header.height <= 0:
        raise DecodeError(f"{name} says that it is {header.width} x {header.height} pixels")
    if header.width * header.height > limit_pixels:
        raise DecodeError(
            f"{name} has {header.width} x {header.height} pixels, more than the limit of "
            f"{limit_pixels}: make it smaller or raise the limit"
        )
    if header.scans > LIMIT_SCANS:
        raise DecodeError(
            f"{name} is a progressive JPEG of {header.scans} scans, more than {LIMIT_SCANS}: save it "
            "again"
        )
    if not header.complete:
        raise DecodeError(f"{name} is a {header.format} that breaks off: copy it again")
    return header


def no_picture(data: bytes) -> str:
    """What is wrong with a file of which ``read_header`` says that it is no picture, and the remedy."""
    kinds = "no JPEG, PNG, WebP, BMP or TIFF picture"
    other = other_kind(data)
    return f"{kinds}, but {other}" if other else f"{kinds}: check what it is"


def other_kind(head: bytes) -> str | None:
    """What a file is that is neither a picture nor a video here, and the remedy; None: nobody knows.

    Args:
        head: its first bytes, ``HEAD_BYTES`` are enough.
    """
    return mistaken_for(head, _OTHER_KINDS)


def is_animation(data: bytes) -> bool:
    """Whether a PNG or WebP file holds several pictures; its first ``HEAD_BYTES`` tell."""
    header = read_header(data[:HEAD_BYTES])
    return header is not None and header.animated


def _png(data: bytes) -> ImageHeader:
    size = struct.unpack_from(">II", data, 16)
    at, animated = 8, False
    for _ in range(_MOST_BLOCKS):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"eXIf":
            size = _turned(size, _orientation(data[at + 8 : at + 8 + length]))
        animated |= kind == b"acTL" and data[at + 8 : at + 12] > b"\0\0\0\1"  # how many there are
        at += length + 12
    return ImageHeader("PNG", size[0], size[1], animated=animated)


def _bmp(data: bytes) -> ImageHeader | None:
    (size,) = struct.unpack_from("<I", data, 14)
    if size not in _BMP_HEADERS:
        return None  # a text that begins with BM
    width, height = struct.unpack_from("<HH" if size == _BMP_CORE else "<ii", data, 18)
    return ImageHeader("BMP", width, abs(height))  # negative: the top row comes first


def _jpeg(data: bytes) -> ImageHeader | None:
    at, size, exif, progressive = 2, None, b"", False
    for _ in range(_MOST_BLOCKS):
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
            size, progressive = (width, height), marker in _JPEG_PROGRESSIVE
        if marker == _JPEG_SOS:
            if size is None:
                return None
            complete = data.rfind(b"\xff\xd9", at) >= 0  # from behind: it is the last thing
            turn = _orientation(exif)
            scans = data.count(b"\xff\xda", at) if progressive else 1
            return ImageHeader("JPEG", *_turned(size, turn), complete, turn, scans)
        length = int(struct.unpack_from(">H", data, at + 2)[0])
        if marker == _JPEG_APP1 and not exif and data.startswith(_EXIF, at + 4):
            exif = data[at + 4 + len(_EXIF) : at + 2 + length]
        at += 2 + length
    return None


def _webp(data: bytes) -> ImageHeader | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        size = width, int.from_bytes(data[27:30], "little") + 1
        animated = bool(data[20] & _WEBP_ANIMATED)
        width, height = _turned(size, _orientation(_webp_exif(data)))
        return ImageHeader("WebP", width, height, animated=animated)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)
    return None


def _webp_exif(data: bytes) -> bytes:
    at = 12
    for _ in range(_MOST_BLOCKS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            return data[at + 8 : at + 8 + length].removeprefix(_EXIF)
        at += 8 + length + length % 2
    return b""


def _tiff(data: bytes) -> ImageHeader | None:
    tags = _tiff_tags(data)
    if not {_TIFF_WIDTH, _TIFF_HEIGHT} <= tags.keys():
        return None
    if max(tags.get(_TIFF_TILE_WIDTH, 0), tags.get(_TIFF_TILE_HEIGHT, 0)) > _MOST_TILE_SIDE:
        return None
    turn = tags.get(_TIFF_ORIENTATION, 1)
    bits, samples = tags.get(_TIFF_BITS, 1), tags.get(_TIFF_SAMPLES, 1)
    unread = f"{bits} bits" if bits > _TIFF_MOST_BITS else ""
    if samples not in _TIFF_UNSIGNED:
        unread = {2: "signed numbers", 3: "floats"}.get(samples, "complex numbers")
    size = _turned((tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT]), turn)
    return ImageHeader("TIFF", *size, unread=unread)


def _tiff_tags(data: bytes) -> dict[int, int]:
    """Sizes and orientation of the first picture of a TIFF file, or of EXIF data.

    Of a tag that is there twice the first counts, as for LibTIFF. A tag that is not written as TIFF
    6.0 says is left out: a decoder might read another value than we do.
    """
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    tags: dict[int, int] = {}
    seen: set[int] = set()
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, entry)
        if tag not in _TIFF_READ or tag in seen:
            continue
        seen.add(tag)
        if kind in _TIFF_TYPES and count == 1:
            (tags[tag],) = struct.unpack_from(order + _TIFF_TYPES[kind], data, entry + 8)
        elif (
            tag in (_TIFF_BITS, _TIFF_SAMPLES) and kind == _TIFF_SHORT and 1 < count < _TIFF_LONGEST
        ):
            # One for each sample; they stand elsewhere where they do not fit. The widest counts.
            where = entry + 8 if count == _TIFF_FITTING else _offset(data, order, entry)
            with contextlib.suppress(struct.error):  # beyond what was read of the file
                tags[tag] = max(struct.unpack_from(f"{order}{count}H", data, where))
    return tags


def _offset(data: bytes, order: str, entry: int) -> int:
    """Where the values of a field stand that are too long for it."""
    (at,) = struct.unpack_from(f"{order}I", data, entry + 8)
    return int(at)


def _orientation(exif: bytes) -> int:
    """What EXIF data says; damaged data says nothing."""
    try:
        return _tiff_tags(exif).get(_TIFF_ORIENTATION, 1) if exif else 1
    except struct.error:
        return 1


def _turned(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """The size (width, height) of the upright picture."""
    return (size[1], size[0]) if orientation in _QUARTER_TURNS else size


_FORMATS: tuple[tuple[bytes, Callable[[bytes], ImageHeader | None]], ...] = (
    (rb"\xff\xd8\xff", _jpeg),
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"RIFF....WEBP", _webp),
    (rb"BM", _bmp),
    (rb"II\*\0|MM\0\*", _tiff),
)

_CONVERT = "convert it to JPEG or PNG"
_SAVE_AGAIN = "is not read: save it again with another program"
_OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"<\?xml.*<svg|<svg", f"an SVG drawing: {_CONVERT}"),
    (rb"....ftyp(heic|heix|hevc|heim|heis|mif1|msf1)", f"a HEIC picture: {_CONVERT}"),
    (rb"....ftypavi[fs]", f"an AVIF picture: {_CONVERT}"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", f"a JPEG XL picture: {_CONVERT}"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", f"a JPEG 2000 picture: {_CONVERT}"),
    (rb"\xff\xd8\xff", "a JPEG that breaks off in its header: copy it again"),
    (rb"\x89PNG\r\n\x1a\n", "a PNG that breaks off in its header: copy it again"),
    (rb"GIF8[79]a", "a GIF: `sightline track` plays it as a video"),
    (rb"II\+\0|MM\0\+", f"a BigTIFF, which {_SAVE_AGAIN}"),
    (rb"II\*\0|MM\0\*", f"a TIFF that breaks off, or is of a kind that {_SAVE_AGAIN}"),
    (rb"8BPS", f"a file of Photoshop: {_CONVERT}"),
    (rb"%PDF", f"a PDF: {_CONVERT}"),
    (rb"P[1-7]\s", f"a PNM picture (.ppm, .pgm): {_CONVERT}"),
    (rb"\0\0\x01\0", f"an icon: {_CONVERT}"),
    (rb"#extm3u", "a playlist: give the files that it names, or its address on a server"),
    (rb"ffconcat version", "a list of files, which is not followed: give the files themselves"),
    (rb"v=0\r?\no=", "the description of a stream: its name must end in .sdp"),
)
"""What files begin with that people have under the names of pictures and videos, as regular expressions."""

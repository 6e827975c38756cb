"""A picture that is decoded no larger than it is looked at."""

from __future__ import annotations

import struct
import sys
import zlib
from typing import Any
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
import simplejpeg

from sightline.errors import DecodeError
from sightline.sources.encoded import EncodedPicture
from sightline.sources.image_header import read_header
from sightline.sources.images import decode_image
from sightline.types import Pixels

SUFFIXES = ["jpg", "png", "webp", "bmp", "tif"]


def sample(width: int = 320, height: int = 240) -> Pixels:
    """Red in the left upper corner, blue in the right lower one, BGR."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[: height // 2, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 0, 0)
    return pixels


def encode(suffix: str, pixels: Pixels | None = None) -> bytes:
    done, data = cv2.imencode(f".{suffix}", sample() if pixels is None else pixels)
    assert done
    return bytes(data)


def exif(orientation: int) -> bytes:
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def turned(suffix: str, orientation: int) -> bytes:
    """The sample with an EXIF orientation, where the format keeps it."""
    data, tag = encode(suffix), exif(orientation)
    if suffix == "jpg":
        block = b"Exif\0\0" + tag
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    if suffix == "png":
        chunk = struct.pack(">I", len(tag)) + b"eXIf" + tag
        return data[:33] + chunk + struct.pack(">I", zlib.crc32(b"eXIf" + tag)) + data[33:]
    if suffix == "webp":
        size = (319).to_bytes(3, "little") + (239).to_bytes(3, "little")
        head = b"VP8X" + struct.pack("<I", 10) + bytes([8, 0, 0, 0]) + size
        rest = head + data[12:] + b"EXIF" + struct.pack("<I", len(tag)) + tag
        return b"RIFF" + struct.pack("<I", len(rest) + 4) + b"WEBP" + rest
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    entries = [data[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    entries.append(struct.pack(f"{order}HHIHH", 274, 3, 1, orientation, 0))
    entries.sort(key=lambda entry: struct.unpack_from(f"{order}H", entry)[0])
    table = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack(f"{order}I", len(data)) + data[8:] + table


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "size", [(320, 240), (200, 150), (160, 120), (79, 60), (40, 30), (640, 480)]
)
def test_it_looks_as_the_whole_picture_scaled(suffix: str, size: tuple[int, int]) -> None:
    data = encode(suffix)
    picture = EncodedPicture(data)
    assert (picture.width, picture.height) == (320, 240)
    small = picture.scaled(*size, "bgr")
    whole = cv2.resize(decode_image(data), size, interpolation=cv2.INTER_AREA)
    assert small.shape == (size[1], size[0], 3)
    assert np.abs(small.astype(int) - whole).mean() < 3


@pytest.mark.parametrize(
    ("size", "step"),
    [
        pytest.param((320, 240), 1, id="whole"),
        pytest.param((161, 121), 1, id="more than a half"),
        pytest.param((160, 120), 2, id="a half"),
        pytest.param((160, 60), 2, id="the larger side counts"),
        pytest.param((81, 61), 2, id="more than a quarter"),
        pytest.param((80, 60), 4, id="a quarter"),
        pytest.param((40, 30), 8, id="an eighth"),
        pytest.param((1, 1), 8, id="a point"),
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_needed(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], step: int
) -> None:
    shapes: list[tuple[int, ...]] = []

    def noted(decode: Any) -> Any:
        def note(*args: Any, **options: Any) -> Any:
            pixels = decode(*args, **options)
            shapes.append(pixels.shape[:2])
            return pixels

        return note

    monkeypatch.setattr(simplejpeg, "decode_jpeg", noted(simplejpeg.decode_jpeg))
    monkeypatch.setattr(cv2, "imdecode", noted(cv2.imdecode))
    first = EncodedPicture(encode("jpg")).scaled(*size, "bgr")
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    second = EncodedPicture(encode("jpg")).scaled(*size, "bgr")
    assert shapes == [(240 // step, 320 // step)] * 2
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("part", [1, 2], ids=["whole", "half"])
def test_orientation(suffix: str, orientation: int, part: int) -> None:
    """Size and pixels are those of the upright picture, whatever they are scaled to."""
    data = turned(suffix, orientation)
    picture = EncodedPicture(data)
    whole = decode_image(data)
    assert (picture.height, picture.width) == whole.shape[:2]
    assert (picture.width > picture.height) == (orientation < 5)
    size = (picture.width // part, picture.height // part)
    expected = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    assert np.abs(picture.scaled(*size, "bgr").astype(int) - expected).mean() < 3


def test_rgb_into_memory_of_the_callers() -> None:
    picture, canvas = EncodedPicture(encode("jpg")), np.zeros((100, 100, 3), np.uint8)
    out = canvas[10:70, 5:85]
    assert picture.scaled(80, 60, "rgb", out) is out
    assert out[5, 5, 0] > 200
    assert out[5, 5, 2] < 50
    assert not canvas[:10].any()
    with pytest.raises(ValueError, match="out must be"):
        picture.scaled(80, 61, "rgb", out)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"a text", "is no JPEG", id="no picture"),
        pytest.param(encode("jpg")[:-700], "breaks off", id="cut off"),
        pytest.param(encode("png", sample(400, 300)), "more than the limit", id="too large"),
    ],
)
def test_what_is_refused_at_once(data: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        EncodedPicture(data, 320 * 240)


def test_damage_shows_when_it_is_decoded() -> None:
    data = encode("png")
    picture = EncodedPicture(data[:60] + bytes(len(data) - 60))
    with pytest.raises(DecodeError, match="damaged"):
        picture.scaled(80, 60, "bgr")


def test_the_last_decoder_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simplejpeg, "decode_jpeg", Mock(side_effect=ValueError))
    monkeypatch.setattr(cv2, "imdecode", Mock(side_effect=cv2.error))
    small = EncodedPicture(encode("jpg")).scaled(80, 60, "bgr")
    assert small[5, 5, 2] > 200


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8" + b"\xff" * 20_000_000, id="JPEG of padding"),
        pytest.param(encode("png")[:33] + b"\0\0\0\0abcd\0\0\0\0" * 1_000_000, id="PNG of chunks"),
        pytest.param(
            b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(10) + b"abcd\0\0\0\0" * 1_000_000,
            id="WebP of chunks",
        ),
    ],
)
@pytest.mark.timeout(10)
def test_headers_of_millions_of_blocks_are_not_read_to_their_end(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    unpack = struct.unpack_from

    def note(form: str, buffer: bytes, at: int = 0) -> Any:
        read.append(at)
        return unpack(form, buffer, at)

    monkeypatch.setattr("sightline.sources.image_header.struct.unpack_from", note)
    read_header(data)
    assert len(read) < 10_000

"""How much of a picture's file is read."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.errors import DecodeError
from sightline.foreign_files.mistaken import HEAD_BYTES
from sightline.sources.image_header import picture_content
from sightline.sources.images import decode_image, read_image
from sightline.sources.stills import encoded_frame

PNG = b"\x89PNG\r\n\x1a\n"


def test_of_a_picture_all_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG + bytes(3 * HEAD_BYTES))
    assert picture_content(tmp_path / "a.png") == PNG + bytes(3 * HEAD_BYTES)


def test_a_disk_image_by_the_name_of_a_picture_takes_no_memory(tmp_path: Path) -> None:
    with (tmp_path / "disk.jpg").open("wb") as file:
        file.truncate(1 << 40)
    assert picture_content(tmp_path / "disk.jpg") == bytes(HEAD_BYTES)
    for read in (read_image, encoded_frame):
        with pytest.raises(DecodeError, match=r"disk\.jpg is no JPEG.* but only zeros"):
            read(tmp_path / "disk.jpg")


def test_a_device_that_never_ends(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="but only zeros"):
        read_image("/dev/zero")


SQUARES = np.zeros((4, 6, 3), np.uint8)
SQUARES[:, :3] = (255, 0, 0)
SQUARES[:, 3:] = (0, 255, 0)


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        pytest.param(SQUARES.astype(np.float32) / 255, "floats", id="float32"),
        pytest.param(SQUARES.astype(np.float64) / 255, "floats", id="float64"),
        pytest.param(SQUARES[..., 1].astype(np.float32), "floats", id="grey float32"),
        pytest.param(SQUARES.astype(np.int32) * 8_000_000, "signed numbers", id="int32"),
        pytest.param((SQUARES.astype(np.int16) - 128).astype(np.int8), "signed numbers", id="int8"),
    ],
)
def test_numbers_that_decoders_here_take_for_others_are_refused(pixels: Any, told: str) -> None:
    written, data = cv2.imencode(".tif", pixels)
    assert written
    with pytest.raises(DecodeError) as failure:
        decode_image(data.tobytes(), name="a.tif")
    assert str(failure.value) == (
        f"a.tif is a TIFF of {told}: save it with 8 or 16 bits without a sign"
    )


@pytest.mark.parametrize("factor", [1, 257])
def test_numbers_that_are_read_are_what_they_were(factor: int) -> None:
    kind = np.uint8 if factor == 1 else np.uint16
    for pixels in (SQUARES, SQUARES[..., 1]):
        _, data = cv2.imencode(".tif", pixels.astype(kind) * kind(factor))
        expected = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
        assert np.array_equal(decode_image(data.tobytes()), expected)


def test_a_tiff_of_32_bits_without_a_sign_is_refused() -> None:
    _, data = cv2.imencode(".tif", SQUARES.astype(np.uint16) * 257)
    wide = data.tobytes().replace(struct.pack("<3H", 16, 16, 16), struct.pack("<3H", 32, 32, 32))
    with pytest.raises(DecodeError, match="is a TIFF of 32 bits"):
        decode_image(wide)

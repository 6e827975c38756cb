"""How much of a picture's file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import DecodeError
from sightline.foreign_files.mistaken import HEAD_BYTES
from sightline.sources.image_header import picture_content
from sightline.sources.images import read_image
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

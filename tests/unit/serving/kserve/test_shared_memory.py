"""Regions of shared memory, on files that stand for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sightline.errors import InvalidRequest
from sightline.serving.kserve.shared_memory import KEY, Region
from sightline.serving.kserve.tensors import Place


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "memory"
    path.write_bytes(bytes(range(100)))
    return path


def region(file: Path, offset: int = 10, size: int = 50) -> Region:
    return Region("r", "/key", offset, size, os.open(file, os.O_RDWR))


@pytest.mark.parametrize("key", ["/frames", "frames", "a b", "...", "x" * 254])
def test_keys_of_objects(key: str) -> None:
    assert KEY.fullmatch(key)


@pytest.mark.parametrize("key", ["", "/", ".", "..", "/..", "a/b", "/a/../b", "a\0b", "x" * 255])
def test_keys_that_lead_elsewhere(key: str) -> None:
    assert not KEY.fullmatch(key)


def test_bytes_of_a_place(file: Path) -> None:
    memory = region(file)
    assert memory.read("input", Place("r", 3, 2)) == bytes([12, 13, 14])
    memory.write("output", Place("r", 4, 46), b"ab")
    assert file.read_bytes()[55:59] == bytes([55]) + b"ab" + bytes([58])
    assert memory.to_dict() == {"name": "r", "key": "/key", "offset": 10, "byte_size": 50}


@pytest.mark.parametrize(("size", "offset"), [(51, 0), (1, 50), (50, 1), (10**30, 0)])
def test_places_are_within_the_region(size: int, offset: int, file: Path) -> None:
    memory = region(file)
    with pytest.raises(
        InvalidRequest, match=r"are not within the shared memory region 'r', which has 50"
    ):
        memory.read("input", Place("r", size, offset))
    with pytest.raises(InvalidRequest, match="are not within"):
        memory.write("output", Place("r", size, offset), b"")


def test_more_than_the_place_takes(file: Path) -> None:
    with pytest.raises(InvalidRequest, match="it has 3 bytes, but shared_memory_byte_size is 2"):
        region(file).write("output", Place("r", 2), b"abc")


def test_memory_that_was_made_smaller(file: Path) -> None:
    memory = region(file)
    os.truncate(file, 30)
    assert len(memory.read("input", Place("r", 20))) == 20
    with pytest.raises(InvalidRequest, match=r"^input: "):
        memory.read("input", Place("r", 21))
    with pytest.raises(InvalidRequest, match=r"^output: "):
        memory.write("output", Place("r", 21), bytes(21))
    assert file.stat().st_size == 30  # writing has not made it larger again

"""The outermost fields of an ONNX file, read without the graph: quick however large the model is.

Only protobuf's framing and a few field numbers of ModelProto (onnx.proto) are known here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

METADATA = 14
"""ModelProto.metadata_props: StringStringEntryProto, a key (1) and a value (2)."""

_MOST_METADATA = 1_000_000
"""Bytes of one entry; class names of a model take a few thousand."""


def is_whole(path: Path) -> bool:
    """Whether the file is a protobuf message that ends where its last field ends.

    A connection without a length looks the same at its end and where it is cut; a model does not.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            for _ in _fields(file, size):
                pass
            return 0 < size == file.tell()
    except ValueError:
        return False


def metadata(path: Path) -> dict[str, str]:
    """What exporters noted in the file. Raises OSError, and ValueError where it is no ONNX file."""
    found: dict[str, str] = {}
    with path.open("rb") as file:
        for number, length in _fields(file, path.stat().st_size):
            if number == METADATA and length <= _MOST_METADATA:
                entry = file.read(length)
                file.seek(-len(entry), io.SEEK_CUR)
                texts = _texts(entry)
                found[texts.get(1, "")] = texts.get(2, "")
    return found


def _texts(entry: bytes) -> dict[int, str]:
    part = io.BytesIO(entry)
    texts = {}
    for number, length in _fields(part, len(entry)):
        texts[number] = part.read(length).decode(errors="replace")
        part.seek(-length, io.SEEK_CUR)
    return texts


def _fields(file: IO[bytes], size: int) -> Iterator[tuple[int, int]]:
    """Number and length of each field; the file stands at its content, and must be left there.

    Numbers have the length 0. Raises ValueError where this is no such message.
    """
    while file.tell() < size:
        tag = _varint(file)
        if tag is None or tag >> 3 == 0 or tag & 7 not in {0, 2}:
            raise ValueError("no protobuf message of numbers and bytes")
        value = _varint(file)
        if value is None:
            raise ValueError("it breaks off")
        length = value if tag & 7 == 2 else 0
        if file.tell() + length > size:
            raise ValueError("its last field is longer than it")
        yield tag >> 3, length
        file.seek(length, io.SEEK_CUR)


def _varint(file: IO[bytes]) -> int | None:
    """The next base-128 number of a protobuf message, or None where there is none."""
    number = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return None
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    return None

"""Members of archives that are damaged, encrypted, packed otherwise, or far too large."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from sightline.foreign_files.archives import read_member

TEXT = b"the same again and again " * 100
LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
"""What begins the two heads of a member (APPNOTE 4.3.7 and 4.3.12)."""


def archive(change: Callable[[bytearray], None] | None = None) -> zipfile.ZipFile:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/b.txt", TEXT)
    data = bytearray(out.getvalue())
    if change is not None:
        change(data)
    return zipfile.ZipFile(io.BytesIO(data))


def put(after: int, value: int) -> Callable[[bytearray], None]:
    """Overwrites two bytes of the central head, and those that tell the same in the local one."""

    def change(data: bytearray) -> None:
        for head, place in ((LOCAL, after), (CENTRAL, after + 2)):
            at = data.index(head) + place
            data[at : at + 2] = struct.pack("<H", value)

    return change


def damaged(data: bytearray) -> None:
    at = data.index(b"a/b.txt") + len("a/b.txt")
    data[at : at + 4] = b"\xff" * 4


def other_sum(data: bytearray) -> None:
    at = data.index(CENTRAL) + 16
    data[at : at + 4] = b"\0\0\0\0"


def test_whole() -> None:
    assert read_member(archive(), "a/b.txt", len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(damaged, "cannot be unpacked: .*decompressing", id="damaged"),
        pytest.param(other_sum, "cannot be unpacked: Bad CRC-32", id="its sum is another"),
        pytest.param(put(6, 1), "cannot be unpacked: .*encrypted", id="encrypted"),
        pytest.param(put(8, 99), "cannot be unpacked: .*not supported", id="packed otherwise"),
        pytest.param(put(8, 14), "cannot be unpacked", id="said to be LZMA"),
        pytest.param(put(8, 12), "cannot be unpacked|Invalid data", id="said to be bzip2"),
    ],
)
def test_what_is_wrong_is_one_error(change: Callable[[bytearray], None], said: str) -> None:
    with pytest.raises((ValueError, OSError), match=said):
        read_member(archive(change), "a/b.txt")


def test_one_that_is_not_there_or_too_large() -> None:
    with pytest.raises(ValueError, match=r"there is no c\.txt in it"):
        read_member(archive(), "c.txt")
    with pytest.raises(ValueError, match=f"has {len(TEXT)} bytes, more than {len(TEXT) - 1}"):
        read_member(archive(), "a/b.txt", len(TEXT) - 1)

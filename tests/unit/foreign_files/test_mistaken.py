"""What came in place of a file is told, and what may be the file itself is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.foreign_files.mistaken import file_mistaken_for, mistaken_for


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab", "a pointer of Git LFS"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html><html>", "a web page"),
        (b'{"error": "no such key"}', "JSON"),
        (b"PK\x03\x04\x14\0", "an archive"),
        (bytes(64), "only zeros"),
        (b"", "empty"),
        (b"\x08\x08\x12\x07pytorch", None),
        (b"<?xml version='1.0'?><net name='a'>", None),
    ],
)
def test_what_it_is(head: bytes, said: str | None, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(head)
    for found in (mistaken_for(head), file_mistaken_for(tmp_path / "file")):
        assert found is None if said is None else (found or "").startswith(said)


def test_kinds_of_ones_own_come_first() -> None:
    assert mistaken_for(b"PK\x03\x04", [(rb"PK", "a bundle")]) == "a bundle"


def test_what_cannot_be_read_is_for_others_to_tell(tmp_path: Path) -> None:
    assert file_mistaken_for(tmp_path / "absent") is None

"""A file of another kind is never written over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sightline.errors import ConfigError, SinkError
from sightline.replaced_files import PAGE, check_replaced, is_binary


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"<html>", b"<!DOCTYPE html>\n<HTML lang=en>"],
    ids=["empty", "blank", "page", "page with its type"],
)
def test_an_older_file_of_the_kind_may_be_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "page").write_bytes(content)
    check_replaced(tmp_path / "page", "--output", PAGE)
    check_replaced(tmp_path / "new" / "page", "--output", PAGE)


@pytest.mark.parametrize("content", [b"notes", b"SQLite format 3\0", b"x" * 300 + b"<html>"])
def test_another_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine").write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"--output .*mine: .* not an HTML page: write to another"
    ):
        check_replaced(tmp_path / "mine", "--output", PAGE)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SinkError, match="give the name of a file"):
            check_replaced(place, "--output", PAGE)
        assert not is_binary(place)


def test_a_text_is_told_from_anything_else(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("stream,frame\nstraße,1\n")
    (tmp_path / "database").write_bytes(b"SQLite format 3\0")
    assert not is_binary(tmp_path / "text")
    assert not is_binary(tmp_path / "none")
    assert is_binary(tmp_path / "database")

"""Text files as people save them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.evaluation.text_files import parse_json, read_number, read_text, read_whole, refuse

TEXT = "1 0.5 straße\n"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"],
)
def test_encodings(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT.encode(encoding))
    assert read_text(path) == TEXT


@pytest.mark.parametrize(
    "content",
    [b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\x89PNG\r\n\x1a\n" * 9, bytes(range(128, 160)) * 9],
)
def test_what_is_no_text(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.txt is no text file: check the path"):
        read_text(path)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.txt cannot be read: No such file"):
        read_text(tmp_path / "gone.txt")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_text(tmp_path)


@pytest.mark.parametrize(("word", "number"), [("1", 1), ("-2.5", -2.5), ("1e3", 1000), (".5", 0.5)])
def test_numbers(word: str, number: float) -> None:
    assert read_number(word) == number


@pytest.mark.parametrize("word", ["", "x", "1_0", "\u0663", "1,5"])
def test_what_is_no_number(word: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|a number"):
        read_number(word)
    with pytest.raises(ValueError, match=r"invalid literal|a number"):
        read_whole(word)


def test_whole_numbers() -> None:
    assert read_whole("-12") == -12
    with pytest.raises(ValueError, match="invalid literal"):
        read_whole("1.0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("[" * 100_000, "it is nested too deeply"),
        ("9" * 5000, "a number has thousands of digits"),
    ],
)
def test_json_that_cannot_be_read_is_one_kind_of_error(text: str, said: str) -> None:
    with pytest.raises(json.JSONDecodeError, match=said):
        parse_json(text)
    assert parse_json('{"a": [1]}') == {"a": [1]}


def test_a_place_is_not_quoted_as_a_whole() -> None:
    with pytest.raises(ConfigError) as caught:
        refuse(Path("a.txt"), 3, "x" * 10_000)
    assert str(caught.value) == f"a.txt:3: {'x' * 1000}…"

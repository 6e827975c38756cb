"""Options with commas."""

from __future__ import annotations

import pytest

from sightline.cli.toolchain.value_lists import input_size, numbers, parts, words
from sightline.errors import ConfigError


def test_values() -> None:
    assert parts("--x", " a, b,,a ") == ["a", "b"]
    assert numbers("--x", "0,16,4", least=0) == [0, 16, 4]
    assert words("--x", "a", ("a", "b")) == ["a"]


@pytest.mark.parametrize(
    ("text", "size"), [("640", (640, 640)), ("640x384", (640, 384)), ("640×384", (640, 384))]
)
def test_a_size(text: str, size: tuple[int, int]) -> None:
    assert input_size("--size", text) == size


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("640x", "give 640, or 640x384"),
        ("-1", "give 640, or 640x384"),
        ("0", "at least one pixel"),
        ("640x0", "at least one pixel"),
        ("100000", "8192 pixels at most"),
    ],
)
def test_what_is_no_size_names_the_option(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"^--size {text}: .*{why}"):
        input_size("--size", text)


@pytest.mark.parametrize("text", ["", ",", "1,x", "-1", "0", "1.5", "99999999999999999999", "²"])
def test_what_is_no_number_names_the_option(text: str) -> None:
    with pytest.raises(ConfigError, match="--x"):
        numbers("--x", text, least=1)


def test_an_unknown_word_names_the_option_and_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="--x c: there are a, b"):
        words("--x", "a,c", ("a", "b"))

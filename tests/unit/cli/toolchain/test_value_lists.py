"""Options with commas."""

from __future__ import annotations

import pytest

from sightline.cli.toolchain.value_lists import numbers, parts, words
from sightline.errors import ConfigError


def test_values() -> None:
    assert parts("--x", " a, b,,a ") == ["a", "b"]
    assert numbers("--x", "0,16,4", least=0) == [0, 16, 4]
    assert words("--x", "a", ("a", "b")) == ["a"]


@pytest.mark.parametrize("text", ["", ",", "1,x", "-1", "0", "1.5", "99999999999999999999", "²"])
def test_what_is_no_number_names_the_option(text: str) -> None:
    with pytest.raises(ConfigError, match="--x"):
        numbers("--x", text, least=1)


def test_an_unknown_word_names_the_option_and_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="--x c: there are a, b"):
        words("--x", "a,c", ("a", "b"))

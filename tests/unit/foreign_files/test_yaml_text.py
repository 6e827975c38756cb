"""YAML from elsewhere: plain values, or one kind of error, whatever the text is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.foreign_files.yaml_text import MOST_VALUES, YamlTextError, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("", None, id="nothing"),
        pytest.param("a: 1\nb: [yes, 0x10, 1.5, ~]", {"a": 1, "b": [True, 16, 1.5, None]}, id="plain"),
        pytest.param("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}, id="an alias"),
        pytest.param("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}, id="merged"),
        pytest.param("a: 2026-12-01", {"a": date(2026, 12, 1)}, id="a date"),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    assert read_yaml(text) == value


def test_scalars_as_text() -> None:
    assert read_yaml("{0: no, 1: 010, 2: [2026-12-01]}", typed=False) == {
        "0": "no", "1": "010", "2": ["2026-12-01"],
    }  # fmt: skip


BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: [1", "expected ',' or ']'", id="it breaks off"),
        pytest.param("a: \0", "special characters", id="a zero byte"),
        pytest.param("[" * 700, "nested too deeply", id="nested"),
        pytest.param("a: " + "9" * 5000, "not what it is written as", id="thousands of digits"),
        pytest.param(
            "a: 0x" + "f" * 5000, "thousands of digits", id="thousands of digits in base 16"
        ),
        pytest.param("a: 2026-99-99", "month must be in 1..12", id="no date"),
        pytest.param("a: !!timestamp x", "not what it is written as", id="tagged as a date"),
        pytest.param('a: !!bool ""', "not what it is written as", id="tagged as a truth value"),
        pytest.param('a: !!int ""', "not what it is written as", id="tagged as a number"),
        pytest.param("a: !!float x", "not what it is written as", id="tagged as a float"),
        pytest.param("a: !!python/object:os.system []", "could not determine", id="an object"),
        pytest.param("? {a: b}\n: 3", "unhashable key", id="a key that is a mapping"),
        pytest.param("? [a, b]\n: 3", "unhashable key", id="a key that is a list"),
        pytest.param("a: &a [*a]", "inside of what it names", id="it holds itself"),
        pytest.param(BOMB, f"more than {MOST_VALUES} values", id="a bomb"),
    ],
)
def test_what_is_wrong_is_one_error(text: str, said: str) -> None:
    with pytest.raises(YamlTextError, match=said) as caught:
        read_yaml(text)
    assert "\n" not in str(caught.value)


def test_the_line_is_told() -> None:
    with pytest.raises(YamlTextError) as caught:
        read_yaml("a: 1\nb: [1\nc: 2")
    assert caught.value.line == 3
    with pytest.raises(YamlTextError) as caught:
        read_yaml("a: 2026-99-99")
    assert caught.value.line is None


@settings(max_examples=30)
@given(st.text(st.sampled_from("ab01.-: ?![]{}&*<\n\t\"'|>#%@~tz"), max_size=25))
def test_any_text_is_values_or_that_error(text: str) -> None:
    for typed in (True, False):
        try:
            read_yaml(text, typed=typed)
        except YamlTextError:
            continue

"""The statistics of a profile: their bins, their words, and counts that are read."""

from __future__ import annotations

import pytest

from sightline.monitoring.profiles.statistic import (
    CATEGORIES,
    LOOKS,
    NUMBERS,
    checked_count,
    parts_of,
)


@pytest.mark.parametrize("value", [0, 1, 2**53])
def test_counts(value: int) -> None:
    assert checked_count(value) == value


@pytest.mark.parametrize("value", [-1, 2**53 + 1, 1.0, "5", None, [1], 10**400])
def test_what_is_no_count(value: object) -> None:
    with pytest.raises(ValueError, match="is no count") as caught:
        checked_count(value)
    assert len(str(caught.value)) < 60


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("brightness", ("brightness", "")),
        ("classes/truck", ("classes", "truck")),
        ("labels/type/van", ("labels", "type/van")),
        ("classes/", ("classes", "")),
    ],
)
def test_a_category_of_a_statistic(name: str, parts: tuple[str, str]) -> None:
    assert parts_of(name) == parts


def test_names_are_of_one_kind_and_words_are_whole() -> None:
    assert not set(NUMBERS) & set(CATEGORIES)
    assert LOOKS not in {*NUMBERS, *CATEGORIES}
    for name, number in NUMBERS.items():
        assert number.low < number.high, name
        assert number.notable > 0, name
        assert number.about
        assert number.more != number.less, name
    for name, category in CATEGORIES.items():
        assert ("{}" in category.changed) is category.single, name

"""Distances of profiles, against SciPy and values worked out by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from sightline.monitoring.drift.comparison import (
    FEWEST,
    VIEWS,
    distances,
    effect_size,
    notable,
    share,
    shift_of,
    total_variation,
    wasserstein,
)
from sightline.monitoring.profiles.profile import Profile
from sightline.monitoring.profiles.statistic import BINS, CATEGORIES, NUMBERS

HISTOGRAMS = st.dictionaries(st.integers(0, BINS - 1), st.integers(1, 50), min_size=1, max_size=8)


def counts(bins: dict[int, int]) -> np.ndarray:
    made = np.zeros(BINS, np.int64)
    for at, count in bins.items():
        made[at] = count
    return made


@settings(max_examples=40)
@given(HISTOGRAMS, HISTOGRAMS, st.sampled_from(["brightness", "blue_cast", "size"]))
def test_wasserstein_is_that_of_scipy(
    now: dict[int, int], usual: dict[int, int], name: str
) -> None:
    kind = NUMBERS[name]
    middles = kind.low + (np.arange(BINS) + 0.5) * (kind.high - kind.low) / BINS
    expected = wasserstein_distance(middles, middles, counts(now), counts(usual))
    assert wasserstein(name, counts(now), counts(usual)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("now", "usual", "distance"),
    [
        pytest.param({"a": 5}, {"a": 500}, 0, id="the same mix"),
        pytest.param({"a": 5}, {"b": 5}, 1, id="nothing in common"),
        pytest.param({"a": 3, "b": 1}, {"a": 1, "b": 3}, 0.5, id="turned round"),
        pytest.param({"a": 9, "c": 1}, {"a": 8, "b": 2}, 0.2, id="a new one"),
    ],
)
def test_total_variation(now: dict[str, int], usual: dict[str, int], distance: float) -> None:
    assert total_variation(Counter(now), Counter(usual)) == pytest.approx(distance)
    assert total_variation(Counter(usual), Counter(now)) == pytest.approx(distance)


@pytest.mark.parametrize(
    ("now", "usual", "size"),
    # Cohen 1988, table 6.2.2: phi = 2 arcsin(sqrt(p)) is 0.644 of 0.1, 0.927 of 0.2, 1.571 of 0.5.
    [(0.1, 0.1, 0), (0.1, 0.2, 0.283), (0.5, 0.1, 0.927), (0, 1, math.pi), (0.5, 0.2, 0.644)],
)  # fmt: skip
def test_effect_sizes_are_those_of_cohen_s_table(now: float, usual: float, size: float) -> None:
    assert effect_size(now, usual) == pytest.approx(size, abs=1e-3)


def profile(**numbers: dict[int, int]) -> Profile:
    return Profile(numbers={name: counts(bins) for name, bins in numbers.items()})


def test_numbers_of_objects_need_enough_of_them() -> None:
    few, enough = {3: FEWEST - 1}, {9: FEWEST}
    assert distances(profile(confidence=few), profile(confidence=enough)) == {}
    assert set(distances(profile(confidence=enough), profile(confidence=enough))) == {"confidence"}
    assert set(distances(profile(brightness={3: 1}), profile(brightness={9: 1}))) == {"brightness"}
    assert distances(profile(brightness={3: 1}), profile()) == {}


def test_classes_are_statistics_of_their_own() -> None:
    now = Profile(categories={"classes": Counter(car=80, bus=20)})
    usual = Profile(categories={"classes": Counter(car=50, bus=40, van=10)})
    found = distances(now, usual)
    assert found == {
        "classes/car": pytest.approx(effect_size(0.8, 0.5)),
        "classes/bus": pytest.approx(effect_size(0.2, 0.4)),
        "classes/van": 0.0,  # rare ones may be missing by chance
    }
    assert distances(usual, now)["classes/van"] == pytest.approx(effect_size(0.1, 0))
    few = Profile(categories={"classes": Counter(car=FEWEST - 1)})
    assert distances(few, usual) == {}
    assert (share("classes/bus", now), share("classes/bus", Profile())) == (0.2, 0)


def test_shifts_have_a_sign() -> None:
    dark, bright = profile(brightness={10: 4}), profile(brightness={20: 4})
    assert shift_of("brightness", dark, bright) == pytest.approx(-20)  # ten bins of 2
    now = Profile(categories={"classes": Counter(car=3, bus=1)})
    usual = Profile(categories={"classes": Counter(car=1, bus=1)})
    assert shift_of("classes/car", now, usual) == 0.25
    assert shift_of("view_shift", now, usual) == 0


def test_every_statistic_has_a_notable_distance() -> None:
    for name in (*NUMBERS, *CATEGORIES, *VIEWS, "classes/truck"):
        assert notable(name) > 0
    with pytest.raises(KeyError):
        notable("weather")

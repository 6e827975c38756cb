"""Summaries add up: minutes to hours as if the hour had been counted directly."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.monitoring.history.summary import PeriodSummary, added
from sightline.monitoring.profiles.profile import Profile

NAMES = st.sampled_from(["read", "dropped/stale", "class/car", "größe/ß"])
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("count"), NAMES, st.integers(0, 1 << 40)),
        st.tuples(st.just("put"), NAMES, st.integers(0, 520)),
        st.tuples(st.just("value"), NAMES, st.floats(-1e9, 1e9, allow_nan=False)),
    ),
    max_size=60,
)


def summary_of(happenings: list[tuple[str, str, float]]) -> PeriodSummary:
    found = PeriodSummary()
    for what, name, number in happenings:
        getattr(found, what)(name, number)
    return found


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HAPPENINGS, st.lists(st.integers(0, 60), max_size=5), st.randoms())
def test_parts_added_up_in_any_order_are_the_whole(
    happenings: list[tuple[str, str, float]], cuts: list[int], rnd: random.Random
) -> None:
    edges = [0, *sorted(cuts), len(happenings)]
    parts = [summary_of(happenings[a:b]) for a, b in pairwise(edges)]
    rnd.shuffle(parts)
    hours = [added(parts[:2]), added(parts[2:])]
    assert added(hours) == summary_of(happenings)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_value(value: float) -> None:
    with pytest.raises(ValueError, match="no value to keep"):
        PeriodSummary().value("accuracy/map50", value)


def test_a_value_has_its_mean_least_and_largest() -> None:
    found = PeriodSummary()
    for value in (0.5, 0.25, 0.75):
        found.value("accuracy/map50", value)
    told = found.values["accuracy/map50"]
    assert (told.mean, told.least, told.most, told.count) == (0.5, 250_000, 750_000, 3)


def test_a_profile_becomes_histograms_and_counts() -> None:
    profile = Profile(samples=2)
    profile._histogram("brightness")[[3, 7]] = (1, 4)
    profile.categories["classes"] = Counter({"car": 5})
    found = PeriodSummary()
    found.add_profile(profile)
    assert found.histograms == {"brightness": {3: 1, 7: 4}}
    assert found.counts == {"samples": 2, "classes/car": 5}
    assert found.parts("classes") == {"car": 5}

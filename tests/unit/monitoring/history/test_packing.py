"""What is packed comes back; what is damaged is refused."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.monitoring.history.packing import names_in, packed, unpacked
from sightline.monitoring.history.summary import PeriodSummary, ValueSummary

NAMES = {f"name {number}": number for number in range(1, 200)}
NAME = st.sampled_from(list(NAMES))
COUNTS = st.integers(0, 1 << 60)
SIGNED = st.integers(-(1 << 61), 1 << 61)
SUMMARIES = st.builds(
    lambda counts, histograms, values: PeriodSummary(
        type(PeriodSummary().counts)(counts),
        {name: type(PeriodSummary().counts)(bins) for name, bins in histograms.items()},
        {name: ValueSummary(*value) for name, value in values.items()},
    ),
    st.dictionaries(NAME, COUNTS, max_size=20),
    st.dictionaries(NAME, st.dictionaries(st.integers(0, 520), COUNTS, max_size=40), max_size=8),
    st.dictionaries(NAME, st.tuples(COUNTS, SIGNED, SIGNED, SIGNED), max_size=5),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SUMMARIES)
def test_back_and_forth(summary: PeriodSummary) -> None:
    assert set(names_in(summary)) <= NAMES.keys()
    found = unpacked(packed(summary, NAMES), {number: name for name, number in NAMES.items()})
    assert found == summary


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_damage_is_refused_or_read_as_something(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        unpacked(data, {number: name for name, number in NAMES.items()})


def test_a_bomb_is_refused() -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpacked(b"\x02" + zlib.compress(bytes(1 << 25))[2:-4], {})

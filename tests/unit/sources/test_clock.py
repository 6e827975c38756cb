"""Stream time starts at 0, follows the timestamps, and never goes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.sources.clock import StreamClock


@pytest.mark.parametrize(
    ("pts", "expected"),
    [
        pytest.param([5.0, 5.04, 5.08], [0, 0.04, 0.08], id="starts anywhere"),
        pytest.param([None, None, None], [0, 0.1, 0.2], id="no timestamps"),
        pytest.param([0.0, None, 0.2], [0, 0.1, 0.2], id="one is missing"),
        pytest.param([None, 7.0, 7.5], [0, 0.1, 0.6], id="the first is missing"),
        pytest.param([0.0, 0.5, 0.3, 0.6], [0, 0.5, 0.5, 0.6], id="jitter is held"),
        pytest.param([0.0, 9.0, 0.0, 0.04], [0, 9, 9.1, 9.14], id="back to the start"),
        pytest.param([0.0, 60.0, 120.0], [0, 60, 120], id="one frame a minute"),
    ],
)
def test_time(pts: list[float | None], expected: list[float]) -> None:
    clock = StreamClock()
    assert [clock.tick(p, 0.1) for p in pts] == pytest.approx(expected)


def test_a_large_step_is_replaced() -> None:
    clock = StreamClock(max_step_s=5)
    assert [clock.tick(p, 0.5) for p in (0, 1, 1000, 1001)] == pytest.approx([0, 1, 1.5, 2.5])


def test_restart_goes_on_by_the_step() -> None:
    clock = StreamClock()
    clock.tick(3.0, 0.1)
    clock.tick(4.0, 0.1)
    clock.restart()
    assert clock.tick(0.0, 0.25) == pytest.approx(1.25)
    assert clock.tick(0.5, 0.25) == pytest.approx(1.75)


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e6, 1e6, allow_nan=False), st.floats(0, 100), st.booleans()
        )
    ),
    st.floats(0.1, 10) | st.just(float("inf")),
)
def test_never_goes_back(ticks: list[tuple[float | None, float, bool]], max_step_s: float) -> None:
    clock, last = StreamClock(max_step_s), 0.0
    for pts, step_s, restart in ticks:
        if restart:
            clock.restart()
        now = clock.tick(pts, step_s)
        assert now >= last
        last = now

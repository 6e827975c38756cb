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


@pytest.mark.parametrize(
    ("pts", "expected", "doubt"),
    [
        pytest.param([2.0, 2.0, 2.0, 2.0], [0, 0, 0.1, 0.2], "do not advance at frame 2", id="all equal"),
        pytest.param(
            [0.0, 0.0004, 0.0008, 0.0012], [0, 0, 0.1, 0.2], "do not advance at frame 2", id="a tick apart"
        ),
        pytest.param([0.0, 0.0, 0.1, 0.1, 0.2, 0.2], [0, 0, 0.1, 0.1, 0.2, 0.2], None, id="in pairs"),
        pytest.param(
            [0.5, 0.4, 0.3, 0.2, 0.1, 0.0], [0, 0, 0.1, 0.2, 0.3, 0.4], "do not advance at frame 2",
            id="backwards",
        ),
        pytest.param(
            [0.0, 0.0, 0.0, 0.0, 0.1, 0.2], [0, 0, 0.1, 0.2, 0.3, 0.4], "do not advance at frame 2",
            id="equal at first",
        ),
        pytest.param(
            [0.0, 0.0, 0.0, 0.0, 0.05, 0.07], [0, 0, 0.1, 0.2, 0.3, 0.32], "do not advance at frame 2",
            id="a variable rate after that",
        ),
        pytest.param([0.0, 9.0, 0.0, 0.1], [0, 9, 9.1, 9.2], "go back by 9.0 s at frame 2", id="back"),
        pytest.param([0.0, 0.1, 99.0, 99.1], [0, 0.1, 0.2, 0.3], "jump by 98.9 s at frame 2", id="ahead"),
        pytest.param([0.0, 60.0, 120.0], [0, 0.1, 0.2], "jump by 60.0 s at frame 1", id="ahead each time"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_once(
    pts: list[float], expected: list[float], doubt: str | None
) -> None:
    clock = StreamClock(max_step_s=50)
    assert [clock.tick(p, 0.1) for p in pts] == pytest.approx(expected)
    said = f"its timestamps {doubt}: time goes on by the frame rate there"
    assert clock.doubt == (said if doubt else None)


def test_a_thousand_frames_a_second_advance() -> None:
    clock = StreamClock()
    assert [clock.tick(i / 1000, 1 / 1000) for i in range(4)] == pytest.approx(
        [0, 0.001, 0.002, 0.003]
    )
    assert clock.doubt is None


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

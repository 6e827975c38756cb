"""The ladder and who climbs it."""

from __future__ import annotations

import pytest

from sightline.config import AdaptiveOptions
from sightline.runtime.streams.adaptive import Controller, Level, ladder

LATE = {"age_p99_ms": 500.0, "fps": 2.0, "lost": True}
TIGHT = {"age_p99_ms": 80.0, "fps": 5.0, "lost": False}
ROOMY = {"age_p99_ms": 20.0, "fps": 5.0, "lost": False}


def controller(**options: object) -> Controller:
    return Controller(AdaptiveOptions(**options), ladder(2, 3))  # type: ignore[arg-type]


def judge(chosen: Controller, how: dict[str, object], periods: int) -> list[int]:
    seen = []
    for _ in range(periods):
        chosen.judge(**how)  # type: ignore[arg-type]
        seen.append(chosen.number)
    return seen


@pytest.mark.parametrize(
    ("sizes", "skip", "levels"),
    [
        pytest.param(1, 1, [(0, 1)], id="nothing may change"),
        pytest.param(0, 1, [(0, 1)], id="a model of one size"),
        pytest.param(1, 3, [(0, 1), (0, 2), (0, 3)], id="skipping"),
        pytest.param(3, 2, [(0, 1), (1, 1), (2, 1), (2, 2)], id="smaller first"),
    ],
)
def test_ladder(sizes: int, skip: int, levels: list[tuple[int, int]]) -> None:
    assert ladder(sizes, skip) == tuple(Level(*level) for level in levels)


def test_one_bad_period_changes_nothing() -> None:
    chosen = controller()
    for _ in range(5):
        assert judge(chosen, LATE, 1) == [0]
        assert judge(chosen, TIGHT, 1) == [0]


def test_down_to_the_end_under_load_and_back_with_patience() -> None:
    chosen = controller()
    assert judge(chosen, LATE, 9) == [0, 1, 1, 2, 2, 3, 3, 3, 3]
    assert judge(chosen, TIGHT, 30)[-1] == 3  # in time, but there is no room for more
    assert judge(chosen, ROOMY, 15) == [3] * 4 + [2] * 5 + [1] * 5 + [0]


def test_a_step_up_that_fails_doubles_the_wait() -> None:
    chosen = controller()
    judge(chosen, LATE, 2)
    waits = []
    for _ in range(4):
        waits.append(judge(chosen, ROOMY, 100).index(0) + 1)
        # 100 periods up there would forgive: fall at once instead
        chosen = fallen(waits)
    assert waits == [5, 10, 20, 40]


def fallen(waits: list[int]) -> Controller:
    """A controller that went up after each of these waits and fell at once."""
    chosen = controller()
    judge(chosen, LATE, 2)
    for wait in waits:
        judge(chosen, ROOMY, wait)
        assert chosen.number == 0
        judge(chosen, LATE, 2)
        assert chosen.number == 1
    return chosen


@pytest.mark.parametrize(
    ("how", "goes_down"),
    [
        pytest.param({"age_p99_ms": 20.0, "fps": 3.0, "lost": True}, True, id="too few, and lost"),
        pytest.param({"age_p99_ms": 20.0, "fps": 3.0, "lost": False}, False, id="nothing came"),
        pytest.param({"age_p99_ms": 20.0, "fps": 9.5, "lost": True}, False, id="enough"),
        pytest.param({"age_p99_ms": 200.0, "fps": 9.5, "lost": False}, True, id="late"),
    ],
)
def test_a_target_rate(how: dict[str, object], goes_down: bool) -> None:
    chosen = controller(target_fps=10.0)
    assert (judge(chosen, how, 2)[-1] == 1) is goes_down

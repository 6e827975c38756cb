"""Which summaries suit a time."""

from __future__ import annotations

import pytest

from sightline.monitoring.history.series import DAY_S, HOUR_S, MINUTE_S, Series, step_of


@pytest.mark.parametrize(
    ("seconds", "step"),
    [
        (1, MINUTE_S), (3 * HOUR_S, MINUTE_S), (3 * HOUR_S + 1, HOUR_S), (7 * DAY_S, HOUR_S),
        (62 * DAY_S, HOUR_S), (62 * DAY_S + 1, DAY_S), (366 * DAY_S, DAY_S),
    ],
)  # fmt: skip
def test_steps(seconds: float, step: int) -> None:
    assert step_of(seconds) == step
    assert seconds / step <= 1500  # a chart's points


def test_series_have_an_order() -> None:
    several = [
        Series("stream", "b"),
        Series("model", "z"),
        Series("stream", "a", "m"),
        Series("stream", "a"),
    ]
    assert sorted(several) == [several[1], several[3], several[2], several[0]]

"""How long summaries are kept: coarser ones as long as finer ones, at least."""

from __future__ import annotations

import pytest

from sightline.config import checked
from sightline.config.monitoring.history import HistoryOptions
from sightline.errors import ConfigError


def options(**days: float) -> HistoryOptions:
    return checked(HistoryOptions, database="history.db", **days)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        pytest.param(
            {"minute_days": 60},
            "minute_days: minutes are kept for 60 days, and hours for 35 only: reports of what is older would find "
            "nothing; lower `minute_days`, or raise `hour_days`",
            id="minutes",
        ),
        pytest.param(
            {"day_days": 7},
            "hour_days: hours are kept for 35 days, and days for 7 only: reports of what is older would find nothing; "
            "lower `hour_days`, or raise `day_days`",
            id="hours",
        ),
    ],
)
def test_finer_summaries_are_not_kept_for_longer(days: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        options(**days)
    assert str(refused.value) == said


def test_they_may_be_kept_equally_long() -> None:
    assert options(minute_days=7, hour_days=7, day_days=7).hour_days == 7

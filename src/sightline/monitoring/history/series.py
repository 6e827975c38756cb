"""What summaries are kept of, and a summary as it was kept."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.monitoring.history.summary import PeriodSummary

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
LEVELS = (MINUTE_S, HOUR_S, DAY_S)
"""Seconds of the times that summaries are kept of."""
_MINUTES_UP_TO_S = 3 * HOUR_S
_HOURS_UP_TO_S = 62 * DAY_S


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """What summaries are kept of: a stream and what finds its objects, a model, or the service.

    Args:
        kind: ``stream``, ``model`` or ``service``.
        name: its name; empty for the service.
        model: of a stream, the model that finds its objects.
    """

    kind: str
    name: str
    model: str = ""


SERVICE = Series("service", "")


@dataclass(frozen=True, slots=True, eq=False)
class StoredSummary:
    """What a series did in a time: its Unix start and its seconds."""

    series: Series
    start: int
    seconds: int
    summary: PeriodSummary


def step_of(seconds: float) -> int:
    """The seconds of the summaries that suit a time of this length."""
    if seconds <= _MINUTES_UP_TO_S:
        return MINUTE_S
    return HOUR_S if seconds <= _HOURS_UP_TO_S else DAY_S

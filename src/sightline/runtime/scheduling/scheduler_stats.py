"""What a scheduler tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sightline.config import Priority
from sightline.runtime.scheduling.items import PRIORITIES

OUTCOMES = ("done", "failed", "overloaded", "deadline", "stale", "cancelled")


@dataclass(frozen=True, slots=True)
class ModelStats:
    """One model's part of ``SchedulerStats``.

    ``capacity`` is pictures per second of the engine, 0 where it is not known yet. ``lost`` of its
    ``requests`` hang; ``hung``: all of them do. ``batch_sizes`` are those in use at each input size
    (width, height) that was warmed up.
    """

    waiting: Mapping[Priority, int]
    in_flight: int
    capacity: float
    outcomes: Mapping[str, int]
    requests: int
    lost: int
    batch_sizes: Mapping[tuple[int, int], tuple[int, ...]]

    @property
    def hung(self) -> bool:
        return self.lost >= self.requests


@dataclass(frozen=True, slots=True)
class SchedulerStats:
    """A snapshot: items that wait by priority, batches in flight, and items by outcome since start.

    Outcomes are ``done``, ``failed``, ``overloaded``, ``deadline``, ``stale`` and ``cancelled``.
    """

    models: Mapping[str, ModelStats]

    @property
    def waiting(self) -> dict[Priority, int]:
        models = self.models.values()
        return {priority: sum(m.waiting[priority] for m in models) for priority in PRIORITIES}

    @property
    def in_flight(self) -> int:
        return sum(model.in_flight for model in self.models.values())

    @property
    def capacity(self) -> float:
        """Pictures per second of all engines together."""
        return sum(model.capacity for model in self.models.values())

    @property
    def outcomes(self) -> dict[str, int]:
        models = self.models.values()
        return {outcome: sum(m.outcomes[outcome] for m in models) for outcome in OUTCOMES}

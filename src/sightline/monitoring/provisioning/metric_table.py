"""All metrics that a service shows, as a table: other files are made from it."""

from __future__ import annotations

from typing import NamedTuple

from sightline.monitoring.metrics import PrometheusMeter
from sightline.types import SchedulerStats

PREFIX = "sightline_"

_SUFFIXES = {"counter": "_total", "info": "_info", "histogram": "_bucket"}


class MetricRow(NamedTuple):
    """One metric: its name without a suffix, its kind (``counter``, ``gauge``, …) and what it says."""

    name: str
    kind: str
    meaning: str

    @property
    def series(self) -> str:
        """The name that Prometheus stores it under; of a histogram, that of its buckets."""
        return self.name + _SUFFIXES.get(self.kind, "")


def metric_table() -> list[MetricRow]:
    """The metrics of a service with streams, second models, worker processes and a history."""
    meter = PrometheusMeter(dict, lambda: SchedulerStats({}), lambda: 0, dict, lambda: 0)
    return [
        MetricRow(family.name, family.type, family.documentation)
        for family in meter.collect()
        if family.name.startswith("sightline")
    ]

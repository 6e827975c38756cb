"""The facts of a report: what summaries say of streams, models and the service in some time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from sightline.monitoring.drift.causes import CAUSES, UNKNOWN
from sightline.monitoring.history.latency import percentile_s
from sightline.monitoring.history.series import SERVICE, StoredSummary, step_of
from sightline.monitoring.history.summary import MICRO, PeriodSummary, added
from sightline.monitoring.reports.quality import QualityProblem, mean_of, quality_problems

_UP = frozenset({"running", "degraded"})
"""States of a stream in which it is analysed."""
_NOT_EXPECTED = frozenset({"ended", "paused"})
"""States that somebody wanted: they count for nothing."""
_PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_CURVES = ("brightness", "sharpness", "objects", "confidence")
"""Numbers of pictures and objects whose means are told step by step."""
_MILLISECONDS = 1e3


@dataclass(slots=True)
class ReportTime:
    """The time that a report is of, in Unix seconds; ``step_s`` are those of one bar of its charts.

    ``recorded_s`` of it were recorded: in the rest nothing ran, or nothing could be written.
    """

    after: int
    before: int
    step_s: int
    recorded_s: float = 0.0


@dataclass(slots=True)
class DriftCause:
    """A cause of drift: how long it was the likeliest one, when first and last, and what to do."""

    name: str
    seconds: float
    first: int
    last: int
    words: str
    advice: str


@dataclass(slots=True)
class StreamFacts:
    """What one stream did. ``steps`` has a row for each minute, hour or day in which something is known.

    ``availability`` (0 to 1) is of the time in which it should have run, while it was recorded; None: it never
    should. ``traffic`` counts objects by class when they come, ``counted_by`` tells how: by ``tracks``, or, where nothing is tracked,
    by ``samples``, one frame in so many seconds. ``drift_s`` are seconds by state; empty: nobody watches. So are ``accuracy_s`` of
    estimates, whose figures are among ``values``.
    """

    name: str
    models: list[str]
    availability: float | None
    states_s: dict[str, float]
    frames: dict[str, int]
    dropped: dict[str, int]
    missing: dict[str, int]
    traffic: dict[str, int]
    counted_by: str
    latency_ms: dict[str, float | None]
    drift_s: dict[str, float]
    drift_causes: list[DriftCause]
    accuracy_s: dict[str, float]
    values: dict[str, dict[str, float]]
    quality: list[QualityProblem]
    errors: dict[str, int]
    steps: list[dict[str, Any]]
    recommendations: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ModelFacts:
    """What one model did: pictures, those that failed by error and were refused by reason, and times."""

    name: str
    pictures: int
    failed: int
    errors: dict[str, int]
    refused: dict[str, int]
    inference_ms: dict[str, float | None]
    queue_ms: dict[str, float | None]


@dataclass(slots=True)
class ServiceFacts:
    """What the service did: seconds that it ran, requests by status, their times, and clocks that were set."""

    up_s: float
    requests: dict[str, int]
    latency_ms: dict[str, float | None]
    clock_jumps: int


@dataclass(slots=True)
class ReportFacts:
    """A report. ``empty`` says why there is nothing in it, and what to do; None: there is something."""

    database: str
    time: ReportTime
    service: ServiceFacts
    streams: list[StreamFacts]
    models: list[ModelFacts]
    empty: str | None = None
    recommendations: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        """Whether anything is known of its time."""
        return bool(self.streams or self.models or self.service.up_s or self.service.requests)

    def to_do(self) -> list[tuple[str, str]]:
        """All recommendations, each with the name of its stream; empty: it is of no one stream."""
        found = [("", words) for words in self.recommendations]
        return found + [(one.name, words) for one in self.streams for words in one.recommendations]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def report_facts(
    database: str, after: int, before: int, found: Iterable[StoredSummary]
) -> ReportFacts:
    """The facts of a time.

    Args:
        database: its name, for the report.
        after, before: Unix times of its beginning and end.
        found: what is known of it; the summaries of one name follow one another.
    """
    step = step_of(before - after)
    service, streams, models, known_s = _service([]), [], [], 0.0
    for (kind, name), rows in groupby(found, lambda one: (one.series.kind, one.series.name)):
        if kind == "stream":
            own = list(rows)
            streams.append(_stream(name, own, step))
            known_s = max(known_s, _known_s(own))
        elif kind == "model":
            models.append(_model(name, list(rows)))
        elif kind == SERVICE.kind:
            service = _service(list(rows))
    return ReportFacts(
        database,
        ReportTime(after - after % step, before, step, service.up_s or known_s),
        service,
        sorted(streams, key=lambda one: one.name),
        sorted(models, key=lambda one: one.name),
    )


def _stream(name: str, rows: Sequence[StoredSummary], step: int) -> StreamFacts:
    by_start: dict[int, PeriodSummary] = {}
    for row in rows:
        start = row.start - row.start % step
        by_start.setdefault(start, PeriodSummary()).merge(row.summary)
    total = added(by_start.values())
    states = total.parts("state")
    expected = sum(ms for state, ms in states.items() if state not in _NOT_EXPECTED)
    up = sum(ms for state, ms in states.items() if state in _UP)
    tracked = total.parts("arrived")
    return StreamFacts(
        name=name,
        models=sorted({row.series.model for row in rows}),
        availability=up / expected if expected else None,
        states_s=_seconds(states),
        frames={key: total.counts[key] for key in ("read", "analyzed", "lost", "reconnects")},
        dropped=_largest_first(total.parts("dropped")),
        missing=_largest_first(total.parts("missing")),
        traffic=_largest_first(tracked or total.parts("classes")),
        counted_by="tracks" if tracked else "samples",
        latency_ms=_latency(total, "latency"),
        drift_s=_seconds(total.parts("drift")),
        drift_causes=_causes(by_start, step),
        accuracy_s=_seconds(total.parts("accuracy")),
        values={key: _value(total, key) for key in sorted(total.values)},
        quality=quality_problems(by_start, step),
        errors=_largest_first(total.parts("error")),
        steps=[_step(start, by_start[start]) for start in sorted(by_start)],
    )


def _step(start: int, found: PeriodSummary) -> dict[str, object]:
    states, drift = found.parts("state"), found.parts("drift")
    return {
        "start": start,
        "traffic": _largest_first(found.parts("arrived") or found.parts("classes")),
        "analyzed": found.counts["analyzed"],
        "dropped": sum(found.parts("dropped").values()),
        "latency_ms": _latency(found, "latency"),
        "up_s": sum(ms for state, ms in states.items() if state in _UP) / _MILLISECONDS,
        "down_s": sum(ms for s, ms in states.items() if s not in _UP | _NOT_EXPECTED)
        / _MILLISECONDS,
        "drift_s": drift.get("drift", 0) / _MILLISECONDS,
        "means": {
            name: round(mean, 4)
            for name in _CURVES
            if (mean := mean_of(found, name)) is not None
        },
        "values": {name: round(value.mean, 6) for name, value in sorted(found.values.items())},
    }  # fmt: skip


def _model(name: str, rows: Sequence[StoredSummary]) -> ModelFacts:
    total = added(row.summary for row in rows)
    return ModelFacts(
        name,
        total.counts["pictures"],
        total.counts["failed"],
        _largest_first(total.parts("error")),
        _largest_first(total.parts("refused")),
        _latency(total, "inference"),
        _latency(total, "queue"),
    )


def _service(rows: Sequence[StoredSummary]) -> ServiceFacts:
    total = added(row.summary for row in rows)
    return ServiceFacts(
        total.counts["up_ms"] / _MILLISECONDS,
        _largest_first(total.parts("requests")),
        _latency(total, "latency"),
        total.counts["clock_jumps"],
    )


def _causes(by_start: Mapping[int, PeriodSummary], step: int) -> list[DriftCause]:
    found: dict[str, DriftCause] = {}
    for start in sorted(by_start):
        for name, milliseconds in by_start[start].parts("cause").items():
            kind = CAUSES.get(name, UNKNOWN)
            one = found.setdefault(
                name, DriftCause(name, 0.0, start, start, kind.words, kind.advice)
            )
            one.seconds += milliseconds / _MILLISECONDS
            one.last = start + step
    return sorted(found.values(), key=lambda one: -one.seconds)


def _latency(found: PeriodSummary, name: str) -> dict[str, float | None]:
    bins: Mapping[int, int] = found.histograms.get(name, {})
    times = {key: percentile_s(bins, share) for key, share in _PERCENTILES.items()}
    return {
        key: None if time is None else round(time * _MILLISECONDS, 2)
        for key, time in times.items()
    }  # fmt: skip


def _value(total: PeriodSummary, name: str) -> dict[str, float]:
    value = total.values[name]
    return {
        "mean": round(value.mean, 6),
        "least": value.least / MICRO,
        "most": value.most / MICRO,
        "count": value.count,
    }


def _known_s(rows: Sequence[StoredSummary]) -> float:
    return sum(sum(row.summary.parts("state").values()) for row in rows) / _MILLISECONDS


def _seconds(milliseconds: Mapping[str, int]) -> dict[str, float]:
    return {name: ms / _MILLISECONDS for name, ms in _largest_first(milliseconds).items()}


def _largest_first(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in Counter(counts).most_common() if number}

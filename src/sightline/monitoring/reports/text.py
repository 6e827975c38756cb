"""A report in a few lines of text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.monitoring.reports.advice import ACCURACY, BOUNDS
from sightline.monitoring.reports.facts import ReportFacts, StreamFacts
from sightline.monitoring.reports.words import duration, milliseconds, percent, period, whole
from sightline.redaction import one_line, printable

_CLASSES = 5


def report_lines(facts: ReportFacts) -> Iterator[str]:
    """The lines, without control characters."""
    time = facts.time
    yield f"{period(time.after, time.before)}: {duration(time.recorded_s)} recorded"
    if facts.empty is not None:
        yield facts.empty
        return
    for stream in facts.streams:
        yield from map(printable, _stream(stream))
    for model in facts.models:
        inference = milliseconds(model.inference_ms["p50"])
        refused = sum(model.refused.values())
        yield printable(
            f"model {model.name}: {whole(model.pictures)} pictures, {model.failed} failed, {refused} refused, "
            f"batches take {inference}"
        )
    found = facts.to_do()
    yield "what to do:" if found else "what to do: nothing"
    told = (f"{name}: {words}" if name else words for name, words in found)
    yield from (f"  {printable(one_line(line))}" for line in told)


def _stream(one: StreamFacts) -> Iterator[str]:
    available = "ended or paused all the time"
    if one.availability is not None:
        available = f"available {percent(one.availability)}"
    classes = list(one.traffic.items())
    told = ", ".join(f"{whole(number)} {name}" for name, number in classes[:_CLASSES])
    yield f"{one_line(one.name)}: {available}; {told or 'no objects'}"
    latency = " / ".join(milliseconds(one.latency_ms[key]) for key in ("p50", "p95", "p99"))
    dropped = sum(one.dropped.values())
    reasons = ", ".join(f"{whole(number)} {reason}" for reason, number in one.dropped.items())
    yield (
        f"  {whole(one.frames['analyzed'])} of {whole(one.frames['read'])} frames analysed; "
        f"{f'left out {whole(dropped)} ({reasons})' if dropped else 'none left out'}"
    )
    yield f"  latency {latency} (p50 / p95 / p99)"
    yield from _accuracy(one)
    for cause in one.drift_causes:
        yield f"  drift for {duration(cause.seconds)}: {cause.words}"


def _accuracy(one: StreamFacts) -> Iterator[str]:
    names = (f"{ACCURACY}map50", *BOUNDS)
    if all(name in one.values for name in names):
        estimate, low, high = (one.values[name]["mean"] for name in names)
        yield f"  mAP@50 estimated at {estimate:.2f}, between {low:.2f} and {high:.2f}"

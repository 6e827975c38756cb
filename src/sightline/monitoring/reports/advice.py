"""Recommendations: what the facts of a report ask somebody to do, in words."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.monitoring.reports.facts import ReportFacts, StreamFacts
from sightline.monitoring.reports.words import duration, percent

_AVAILABLE = 0.99
_DROPPED = 0.1
_CORRUPT = 0.001
_SLOW_MS = 1000.0
_FAILED = 0.02
_ACCURACY_DROP = 0.05
_NOT_ESTIMATED_S = 60.0
_WAITED_S = 7200.0
"""It takes a while until enough frames were looked at."""
ACCURACY = "accuracy/"
"""Named values that begin so are estimates of accuracy, 0 to 1."""
BOUNDS = ("accuracy/low", "accuracy/high")
"""Between these the estimate lies in nine of ten cases."""


def advise(facts: ReportFacts) -> None:
    """Write the recommendations into a report: those of each stream, and of all else."""
    for stream in facts.streams:
        stream.recommendations = list(_of_stream(stream))
    facts.recommendations = list(_of_all(facts))


def _of_stream(stream: StreamFacts) -> Iterator[str]:
    if stream.availability is not None and stream.availability < _AVAILABLE:
        down = {
            state: seconds
            for state, seconds in stream.states_s.items()
            if state not in ("running", "degraded", "ended", "paused")
        }
        state, seconds = max(down.items(), key=lambda item: item[1])
        yield (
            f"It ran {percent(stream.availability)} of the time, and was {state} for {duration(seconds)}: look at "
            "the camera, its power and its network"
        )
    if stream.states_s.get("degraded", 0.0) > 60:
        yield (
            f"An output could not be written for {duration(stream.states_s['degraded'])}: look at its disk or server"
        )
    yield from _of_frames(stream)
    for cause in stream.drift_causes:
        yield f"Drift for {duration(cause.seconds)}: {cause.words}. {_sentence(cause.advice)}"
    for problem in stream.quality:
        if problem.kind in ("blank", "frozen", "blurred"):
            yield f"In {percent(problem.share)} of the pictures {problem.words}: look at the camera"
    yield from _of_accuracy(stream)


def _of_frames(stream: StreamFacts) -> Iterator[str]:
    read = stream.frames["read"]
    if not read:
        if stream.availability:
            yield "No frame came although the camera was connected: look at its picture"
        return
    late = sum(stream.dropped.get(reason, 0) for reason in ("stale", "overloaded"))
    if late > _DROPPED * read:
        yield (
            f"{percent(late / read)} of the frames came too fast for this machine: `sightline tune` looks for a faster "
            "configuration; or set `every`, or give the stream a smaller model"
        )
    corrupt = stream.dropped.get("corrupt", 0)
    if corrupt > _CORRUPT * read:
        yield (
            f"{percent(corrupt / read)} of the frames came damaged: look at the network; take TCP for RTSP"
        )
    p95 = stream.latency_ms["p95"]
    if p95 is not None and p95 > _SLOW_MS:
        yield (
            f"Results are {p95 / 1e3:.1f} s old at p95: if it is a camera, too much is analysed for this machine; "
            "frames of a file may wait"
        )


def _of_accuracy(stream: StreamFacts) -> Iterator[str]:
    refused = stream.accuracy_s.get("refused", 0.0)
    if refused > _NOT_ESTIMATED_S:
        yield (
            f"Its accuracy was not estimated for {duration(refused)}: `sightline config check`, or GET /streams/{stream.name}, "
            "says why"
        )
    waited = stream.accuracy_s.get("waiting", 0.0)
    if waited > max(_WAITED_S, sum(stream.accuracy_s.values()) / 2):
        yield (
            "Its accuracy could hardly be estimated: there was no idle time, or the reference failed: GET "
            f"/streams/{stream.name} says what was left out, and why"
        )
    for name in stream.values:
        if not name.startswith(ACCURACY) or name in BOUNDS:
            continue
        series = [step["values"][name] for step in stream.steps if name in step["values"]]
        third = len(series) // 3
        if not third:
            continue
        first, last = sum(series[:third]) / third, sum(series[-third:]) / third
        if first - last > _ACCURACY_DROP:
            yield (
                f"The estimated {name.removeprefix(ACCURACY)} fell from {first:.2f} to {last:.2f}: look at newest frames, "
                "collect hard ones with `sightline collect`, and train with them"
            )


def _of_all(facts: ReportFacts) -> Iterator[str]:
    for model in facts.models:
        tried = model.pictures + model.failed
        if tried and model.failed > _FAILED * tried:
            kind = next(iter(model.errors), "")
            yield (
                f"Model {model.name}: {percent(model.failed / tried)} of its pictures failed, mostly with {kind}: look "
                "at the log"
            )
        refused = sum(model.refused.get(reason, 0) for reason in ("overloaded", "deadline"))
        if refused > _FAILED * (tried + refused):
            yield (
                f"Model {model.name}: {refused} pictures were refused or came too late: give it more of the machine, "
                "or fewer clients"
            )
    length = facts.time.before - facts.time.after
    if facts.time.recorded_s and facts.time.recorded_s < 0.98 * length:
        yield (
            f"Of {duration(length)}, {percent(facts.time.recorded_s / length)} were recorded: in the rest the service did not run, "
            "or its database could not be written"
        )
    if facts.service.clock_jumps:
        yield (
            f"The clock was set {facts.service.clock_jumps} times while the service ran: let NTP keep it, so that "
            "times in this report can be trusted"
        )
    if facts.streams and not any(stream.drift_s for stream in facts.streams):
        yield "Nobody watches for drift: give streams `drift: {reference: NAME.json}`"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

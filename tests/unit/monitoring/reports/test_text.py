"""A report in a few lines of text: what matters, in words, without control characters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sightline.monitoring.reports.facts import (
    DriftCause,
    ModelFacts,
    ReportFacts,
    StreamFacts,
    report_facts,
)
from sightline.monitoring.reports.text import report_lines
from sightline.monitoring.reports.words import milliseconds, percent, whole

LATENCY = {"p50": 12.0, "p95": 40.0, "p99": None}


def stream(name: str = "gate", **more: Any) -> StreamFacts:
    given: dict[str, Any] = {
        "name": name, "models": ["street"], "availability": 0.9981, "states_s": {}, "dropped": {"stale": 30, "late": 2},
        "frames": {"read": 9000, "analyzed": 8968}, "missing": {}, "traffic": {"car": 120, "person": 7}, "counted_by": "tracks",
        "latency_ms": LATENCY, "drift_s": {}, "drift_causes": [], "accuracy_s": {}, "values": {}, "quality": [], "errors": {},
        "steps": [],
    }  # fmt: skip
    return StreamFacts(**given | more)


def lines(*streams: StreamFacts, **more: Any) -> list[str]:
    facts = report_facts("history.db", 0, 86_400, [])
    given = {"streams": list(streams), "empty": None, **more}
    return list(report_lines(replace(facts, **given)))


def test_a_time_of_which_nothing_is_known_says_why() -> None:
    first, second = lines(empty="The database holds nothing yet")
    assert first.endswith(" recorded")
    assert second == "The database holds nothing yet"


def test_a_stream_in_three_lines() -> None:
    _, first, second, third, last = lines(stream())
    assert first == f"gate: available {percent(0.9981)}; 120 car, 7 person"
    assert (
        second
        == f"  {whole(8968)} of {whole(9000)} frames analysed; left out 32 (30 stale, 2 late)"
    )
    assert third.startswith(f"  latency {milliseconds(12.0)} / {milliseconds(40.0)} / ")
    assert last == "what to do: nothing"


def test_what_is_not_known_is_said() -> None:
    _, first, second, *_ = lines(stream(availability=None, traffic={}, dropped={}))
    assert first == "gate: ended or paused all the time; no objects"
    assert second.endswith("frames analysed; none left out")


def test_few_classes_are_named() -> None:
    traffic = {f"class-{number}": number for number in range(20)}
    assert lines(stream(traffic=traffic))[1].count("class-") == 5


def test_drift_and_estimates() -> None:
    values = {
        "accuracy_map50": {"mean": 0.61}, "accuracy_low": {"mean": 0.5}, "accuracy_high": {"mean": 0.7},
    }  # fmt: skip
    cause = DriftCause("fog", 7200.0, 0, 1, "fog or a fogged lens", "clean it")
    told = lines(stream(drift_causes=[cause], values=values))
    assert any(
        line.startswith("  drift for ") and line.endswith("fog or a fogged lens") for line in told
    )


def test_models_and_what_to_do() -> None:
    model = ModelFacts("street", 100, 2, {}, {"overloaded": 3}, {"p50": 7.0}, {"p50": 1.0})
    told = lines(
        stream(recommendations=["look at the lens"]),
        models=[model],
        recommendations=["keep more days"],
    )
    assert "model street: 100 pictures, 2 failed, 3 refused, batches take 7.0 ms" in told
    assert told[-3:] == ["what to do:", "  keep more days", "  gate: look at the lens"]


def test_names_do_not_speak_to_the_terminal() -> None:
    told = lines(stream("a\x1b[31m\nb", recommendations=["c\x1b[0m\nd"]))
    assert "\x1b" not in "".join(told)
    assert not any("\n" in line for line in told)
    assert isinstance(report_facts("x", 0, 1, []), ReportFacts)

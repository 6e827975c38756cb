"""Facts of a report, from summaries whose content is known."""

from __future__ import annotations

import json

from sightline.monitoring.history.latency import latency_bin
from sightline.monitoring.history.series import HOUR_S, SERVICE, Series, StoredSummary
from sightline.monitoring.history.summary import PeriodSummary
from sightline.monitoring.reports.facts import report_facts

START = 20_000 * 86400
GATE = Series("stream", "gate", "street")


def summary(**counts: int) -> PeriodSummary:
    found = PeriodSummary()
    for name, number in counts.items():
        found.count(name.replace("__", "/"), number)
    return found


def hour(number: int, one: PeriodSummary, series: Series = GATE) -> StoredSummary:
    return StoredSummary(series, START + number * HOUR_S, HOUR_S, one)


def test_availability_is_of_the_time_in_which_it_should_have_run() -> None:
    found = report_facts("x", START, START + 4 * HOUR_S * 24, [
        hour(0, summary(state__running=60_000, state__paused=900_000, state__ended=1_000)),
        hour(1, summary(state__degraded=30_000, state__reconnecting=10_000)),
    ])  # fmt: skip
    (gate,) = found.streams
    assert gate.availability == 0.9
    assert gate.states_s["paused"] == 900


def test_a_camera_that_was_only_paused_has_no_availability() -> None:
    (gate,) = report_facts("x", START, START + HOUR_S, [hour(0, summary(state__paused=5))]).streams
    assert gate.availability is None


def test_traffic_is_of_tracks_or_else_of_samples() -> None:
    tracked = hour(0, summary(arrived__car=3, classes__car=90))
    only_sampled = hour(0, summary(classes__bus=2), Series("stream", "yard", "street"))
    gate, yard = report_facts("x", START, START + 9 * HOUR_S, [tracked, only_sampled]).streams
    assert (gate.counted_by, gate.traffic) == ("tracks", {"car": 3})
    assert (yard.counted_by, yard.traffic) == ("samples", {"bus": 2})


def test_percentiles_are_of_all_hours_together() -> None:
    slow, fast = PeriodSummary(), PeriodSummary()
    fast.put("latency", latency_bin(0.010), 97)
    slow.put("latency", latency_bin(0.500), 3)
    (gate,) = report_facts("x", START, START + 9 * HOUR_S, [hour(0, fast), hour(1, slow)]).streams
    assert gate.latency_ms["p95"] is not None
    assert abs(gate.latency_ms["p95"] - 10) < 0.3
    assert gate.latency_ms["p99"] is not None
    assert abs(gate.latency_ms["p99"] - 500) < 15


def test_causes_of_drift_have_their_time_and_advice() -> None:
    rows = [hour(n, summary(drift__drift=600_000, cause__fog=600_000)) for n in (1, 2)]
    rows.append(hour(5, summary(drift__drift=60_000, cause__of_another_version=60_000)))
    (gate,) = report_facts("x", START, START + 9 * HOUR_S, rows).streams
    fog, other = gate.drift_causes
    assert (fog.name, fog.seconds) == ("fog", 1200)
    assert (fog.first, fog.last) == (START + HOUR_S, START + 3 * HOUR_S)
    assert "wait for the weather" in fog.advice
    assert "no known cause" in other.words


def test_a_stream_that_changed_its_model_is_one_stream() -> None:
    rows = [hour(0, summary(read=1)), hour(1, summary(read=2), Series("stream", "gate", "large"))]
    (gate,) = report_facts("x", START, START + 9 * HOUR_S, rows).streams
    assert (gate.models, gate.frames["read"]) == (["large", "street"], 3)


def test_models_and_requests() -> None:
    model = summary(pictures=98, failed=2, error__InferenceError=2, refused__deadline=1)
    service = summary(up_ms=7_000, requests__200=5, clock_jumps=1)
    found = report_facts("x", START, START + 9 * HOUR_S, [
        hour(0, model, Series("model", "street")), hour(0, service, SERVICE),
    ])  # fmt: skip
    (street,) = found.models
    assert (street.pictures, street.failed, street.errors) == (98, 2, {"InferenceError": 2})
    assert (found.service.up_s, found.service.requests) == (7, {"200": 5})
    assert found.time.recorded_s == 7
    json.dumps(found.to_dict(), allow_nan=False)

"""Which facts ask for which recommendation, and that usual ones ask for none."""

from __future__ import annotations

import pytest

from sightline.monitoring.history.series import HOUR_S, SERVICE, Series, StoredSummary
from sightline.monitoring.history.summary import PeriodSummary
from sightline.monitoring.reports.advice import advise
from sightline.monitoring.reports.facts import ReportFacts, report_facts

START = 20_000 * 86400
GATE = Series("stream", "gate", "street")
USUAL = {
    "state/running": 3_600_000, "read": 10_000, "analyzed": 9_900, "dropped/stale": 100,
    "drift/usual": 3_600_000,
}  # fmt: skip


def report(series: Series = GATE, **counts: int) -> ReportFacts:
    usual, other, up = PeriodSummary(), PeriodSummary(), PeriodSummary()
    for name, number in USUAL.items():
        usual.count(name, number)
    for name, number in counts.items():
        other.count(name.replace("__", "/").replace("_of_", " "), number)
    up.count("up_ms", 4 * HOUR_S * 1000)
    rows = [StoredSummary(GATE, START, HOUR_S, usual), StoredSummary(SERVICE, START, HOUR_S, up)]
    rows.append(StoredSummary(series, START, HOUR_S, other))
    rows.sort(key=lambda row: row.series)  # as they are read
    facts = report_facts("x", START, START + 4 * HOUR_S, rows)
    advise(facts)
    return facts


def test_what_is_usual_asks_for_nothing() -> None:
    facts = report()
    assert facts.recommendations == []
    assert facts.streams[0].recommendations == []


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        pytest.param({"state__reconnecting": 600_000}, "reconnecting for 10 min", id="away"),
        pytest.param({"state__degraded": 600_000}, "output could not be written", id="output"),
        pytest.param({"read": 9_000, "dropped__overloaded": 9_000}, "sightline tune", id="slow"),
        pytest.param({"dropped__corrupt": 400}, "came damaged: look at the network", id="damaged"),
        pytest.param({"drift__drift": 9, "cause__blurred": 9_000}, "Focus the lens", id="drift"),
        pytest.param({"accuracy__refused": 600_000}, "not estimated for 10 min", id="refused"),
        pytest.param({"accuracy__waiting": 9_000_000}, "no idle time", id="no idle time"),
    ],
)
def test_a_stream(counts: dict[str, int], words: str) -> None:
    (stream,) = report(**counts).streams
    assert any(words in told for told in stream.recommendations), stream.recommendations


@pytest.mark.parametrize(
    ("series", "counts", "words"),
    [
        pytest.param(
            Series("model", "street"), {"pictures": 90, "failed": 9, "error__InferenceError": 9},
            "mostly with InferenceError", id="failures",
        ),
        pytest.param(
            Series("model", "street"), {"pictures": 90, "refused__deadline": 9},
            "9 pictures were refused", id="refused",
        ),
        pytest.param(SERVICE, {"clock_jumps": 2}, "The clock was set 2 times", id="clock"),
        pytest.param(SERVICE, {"up_ms": -8_000_000}, " % were recorded", id="gap"),
    ],
)  # fmt: skip
def test_all(series: Series, counts: dict[str, int], words: str) -> None:
    facts = report(series, **counts)
    assert any(words in told for told in facts.recommendations), facts.recommendations


def test_an_estimated_accuracy_that_fell() -> None:
    rows = []
    for number in range(9):
        found = PeriodSummary()
        found.count("state/running", 3_600_000)
        found.count("read", 9)
        found.count("drift/usual", 9)
        found.value("accuracy/map50", 0.8 if number < 5 else 0.7)
        found.value("accuracy/low", 0.7 if number < 5 else 0.6)
        found.count("accuracy/waiting", 300_000)
        found.count("accuracy/estimated", 3_300_000)
        rows.append(StoredSummary(GATE, START + number * HOUR_S, HOUR_S, found))
    facts = report_facts("x", START, START + 9 * HOUR_S, rows)
    advise(facts)
    (told,) = facts.streams[0].recommendations
    assert "map50 fell from 0.80 to 0.70" in told


def test_nobody_watches() -> None:
    found = PeriodSummary()
    found.count("state/running", 3_600_000)
    found.count("read", 9)
    facts = report_facts("x", START, START + HOUR_S, [StoredSummary(GATE, START, HOUR_S, found)])
    advise(facts)
    assert any("watches for drift" in told for told in facts.recommendations)

"""The page of a report: whole, escaped, and without anything from elsewhere."""

from __future__ import annotations

import re
from xml.dom.minidom import parseString

import pytest

from sightline.monitoring.history.latency import latency_bin
from sightline.monitoring.history.series import HOUR_S, SERVICE, Series, StoredSummary
from sightline.monitoring.history.summary import PeriodSummary
from sightline.monitoring.reports.advice import advise
from sightline.monitoring.reports.facts import ReportFacts, report_facts
from sightline.monitoring.reports.page import report_page
from sightline.monitoring.reports.text import report_lines

START = 20_000 * 86400
EVIL = "<script>alert(1)</script>\x1b[31m\"'&"


def evil_facts(streams: int = 1) -> ReportFacts:
    found = PeriodSummary()
    for name in ("arrived", "dropped", "error", "state", "drift", "cause", "missing", "refused"):
        found.count(f"{name}/{EVIL}", 3)
    found.count("read", 100)
    found.put("latency", latency_bin(0.02), 5)
    found.put("brightness", 60, 5)
    found.value(f"accuracy/{EVIL}", 0.5)
    found.value("accuracy/map50", 0.5)
    rows = [
        StoredSummary(
            Series("stream", f"{EVIL}{number}", EVIL), START + hour * HOUR_S, HOUR_S, found
        )
        for number in range(streams)
        for hour in (0, 1, 5)
    ]
    rows += [StoredSummary(Series("model", EVIL), START, HOUR_S, found)]
    requests = PeriodSummary()
    requests.count(f"requests/{EVIL}", 3)
    rows += [StoredSummary(SERVICE, START, HOUR_S, requests)]
    facts = report_facts(EVIL, START, START + 30 * HOUR_S, rows)
    advise(facts)
    return facts


def test_names_are_escaped() -> None:
    page = report_page(evil_facts())
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    for svg in re.findall(r"<svg.*?</svg>", page):
        parseString(svg)


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = report_page(evil_facts())
    assert not re.search(r"(?:src|href)=\"(?!#)|url\(|@import|https?:", page)


def test_lines_have_no_control_characters() -> None:
    for line in report_lines(evil_facts()):
        assert "\x1b" not in line
        assert "\n" not in line


def test_a_report_over_nothing_says_so() -> None:
    facts = report_facts("x", START, START + HOUR_S, [])
    facts.empty = "Nothing was recorded"
    assert "Nothing was recorded" in report_page(facts)
    assert list(report_lines(facts))[-1] == "Nothing was recorded"


def test_a_page_of_many_streams_has_all_in_its_table() -> None:
    page = report_page(evil_facts(streams=70))
    assert page.count("<h2 id=") == 60
    assert "10 more streams" in page
    assert page.count("href=") == 60


@pytest.mark.parametrize("facts", [evil_facts()])
def test_what_nobody_estimates_is_said_plainly(facts: ReportFacts) -> None:
    assert "nobody estimates" not in report_page(facts)
    facts.streams[0].values.clear()
    assert "nobody estimates the accuracy" in report_page(facts)
    facts.streams[0].accuracy_s["refused"] = 9.0
    assert "the estimate was refused" in report_page(facts)


def test_an_estimate_stands_with_its_interval_before_classes() -> None:
    found = PeriodSummary()
    found.count("state/running", 3_600_000)
    for name, value in (("map50", 0.61), ("low", 0.5), ("high", 0.7), ("ap50 of car", 0.66)):
        found.value(f"accuracy/{name}", value)
    row = StoredSummary(Series("stream", "gate", "street"), START, HOUR_S, found)
    facts = report_facts("x", START, START + HOUR_S, [row])
    page = report_page(facts).split("Estimated accuracy")[1]
    assert page.index("ap50 of car") < page.index("<svg")  # in the table only
    legend = page[page.index("<svg") :]
    assert "map50" in legend
    assert "ap50 of car" not in legend
    assert "  mAP@50 estimated at 0.61, between 0.50 and 0.70" in report_lines(facts)

"""Charts: where bars and lines stand, and that odd content is drawn, too."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.dom.minidom import parseString

import pytest

from sightline.monitoring.reports.charts import TimeAxis, lines, stacked_bars, strip

DAY = 20_000 * 86400
AXIS = TimeAxis(DAY, DAY + 86400, 3600)


def heights(svg: str) -> list[float]:
    return [
        float(one)
        for one in re.findall(
            r'class="k\d+" x="[^"]*" y="[^"]*" width="[^"]*" height="([^"]*)"', svg
        )
    ]


def test_bars_are_as_high_as_their_counts() -> None:
    svg = stacked_bars(AXIS, {DAY: {"car": 10}, DAY + 3600: {"car": 5, "bus": 5}})
    tall, half, other = heights(svg.partition("</svg>")[0])
    assert tall == pytest.approx(2 * half, abs=0.2)
    assert half == pytest.approx(other, abs=0.2)
    assert "car 15" in svg


def test_more_kinds_than_colours_are_counted_together() -> None:
    svg = stacked_bars(AXIS, {DAY: {f"class {number}": number + 1 for number in range(9)}})
    assert "others 6" in svg


def test_a_line_has_a_gap_where_nothing_is_known() -> None:
    curve = dict.fromkeys([DAY, DAY + 3600, DAY + 6 * 3600, DAY + 7 * 3600], 3.0)
    assert lines(AXIS, {"p50": curve}, "ms").count("<polyline") == 2


@pytest.mark.parametrize("days", [0.02, 0.2, 1, 7, 30, 400])
def test_times_have_room(days: float) -> None:
    axis = TimeAxis(DAY + 7000, DAY + 7000 + int(days * 86400), 3600)
    svg = strip(axis, {axis.after: ("ok", "running")})
    places = [float(x) for x in re.findall(r'<text x="([^"]*)"', svg)]
    assert 1 <= len(places) <= 10
    assert all(b - a > 60 for a, b in pairwise(places))


def test_nothing_is_drawn_too() -> None:
    for svg in (stacked_bars(AXIS, {}), lines(AXIS, {}, "ms"), strip(AXIS, {})):
        parseString(svg)

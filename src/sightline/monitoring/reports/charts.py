"""Charts as inline SVG, which take their colours from the page's style. Nothing is needed to draw them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sightline.imaging.html_page import shown
from sightline.monitoring.history.series import DAY_S
from sightline.monitoring.reports.words import local, whole

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 52, 8, 8, 22
MOST_KINDS = 6
"""Kinds of bars that have colours of their own; all others share the last one."""
_TICKS = 9
_ROOM = 30
"""Pixels from the edge of a chart within which a time is not centred."""
_EVERY_S = (
    300,
    900,
    1800,
    3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    DAY_S,
    7 * DAY_S,
    28 * DAY_S,
    182 * DAY_S,
)
"""Seconds between two times at the axis."""
_FRACTION = 10


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """From when to when a chart goes, in Unix seconds, and how long each step of it is."""

    after: int
    before: int
    step_s: int

    def x(self, at: float) -> float:
        """Where a moment is, in pixels."""
        share = (at - self.after) / max(1, self.before - self.after)
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(1.0, max(0.0, share))


def stacked_bars(axis: TimeAxis, steps: Mapping[int, Mapping[str, int]], height: int = 170) -> str:
    """Bars of counts by kind, one for each step by its start; the kinds with most have a legend."""
    totals: dict[str, int] = {}
    for counts in steps.values():
        for kind, number in counts.items():
            totals[kind] = totals.get(kind, 0) + number
    kinds = sorted(totals, key=lambda kind: -totals[kind])
    places = {kind: min(number, MOST_KINDS) for number, kind in enumerate(kinds)}
    top = _round_up(max((sum(counts.values()) for counts in steps.values()), default=0))
    y = _scale(0, top, height)
    parts = [_frame(axis, 0, top, height, y)]
    for start, counts in sorted(steps.items()):
        left, right = axis.x(start), axis.x(start + axis.step_s)
        width, below = max(0.5, (right - left) * 0.86), 0
        told = ", ".join(f"{whole(counts[kind])} {kind}" for kind in kinds if counts.get(kind))
        bars = []
        for kind in kinds:
            number = counts.get(kind, 0)
            if number:
                high, low = y(below + number), y(below)
                bars.append(
                    f'<rect class="k{places[kind]}" x="{left:.1f}" y="{high:.1f}" width="{width:.1f}" '
                    f'height="{low - high:.1f}"/>'
                )
                below += number
        if bars:
            title = shown(f"{local(start, axis.step_s)}: {told}")
            parts.append(f"<g><title>{title}</title>{''.join(bars)}</g>")
    named = [(f"k{places[kind]}", f"{kind} {whole(totals[kind])}") for kind in kinds[:MOST_KINDS]]
    if len(kinds) > MOST_KINDS:
        rest = sum(totals[kind] for kind in kinds[MOST_KINDS:])
        named.append((f"k{MOST_KINDS}", f"others {whole(rest)}"))
    return _svg(height, "".join(parts), "objects by class") + _legend(named)


def lines(
    axis: TimeAxis,
    curves: Mapping[str, Mapping[int, float]],
    unit: str,
    bounds: tuple[float, float] | None = None,
    height: int = 120,
) -> str:
    """A line for each name: its values by the start of their step. Where a step is missing, so is the line.

    ``bounds`` are those of the values' axis; None: from 0 to the largest.
    """
    values = [value for curve in curves.values() for value in curve.values()]
    low, high = bounds or (0.0, _round_up(max(values, default=0.0)))
    y = _scale(low, high, height)
    parts = [_frame(axis, low, high, height, y)]
    for number, (name, curve) in enumerate(curves.items()):
        for run in _runs(curve, axis.step_s):
            points = " ".join(
                f"{axis.x(at + axis.step_s / 2):.1f},{y(curve[at]):.1f}" for at in run
            )
            parts.append(f'<polyline class="l{number}" points="{points}"/>')
            if len(run) == 1:
                at = run[0]
                x = axis.x(at + axis.step_s / 2)
                parts.append(
                    f'<circle class="d{number}" cx="{x:.1f}" cy="{y(curve[at]):.1f}" r="2.5"/>'
                )
        for at, value in curve.items():
            title = shown(f"{local(at, axis.step_s)}: {name} {_short(value)} {unit}")
            x = axis.x(at + axis.step_s / 2)
            parts.append(
                f'<circle class="h" cx="{x:.1f}" cy="{y(value):.1f}" r="6"><title>{title}</title></circle>'
            )
    named = [(f"d{number}", name) for number, name in enumerate(curves)]
    return _svg(height, "".join(parts), ", ".join(curves)) + _legend(named)


def strip(axis: TimeAxis, cells: Mapping[int, tuple[str, str]], height: int = 34) -> str:
    """A coloured cell for each step by its start: the class of its colour, and what it says."""
    parts = []
    for start, (colour, words) in sorted(cells.items()):
        left, right = axis.x(start), axis.x(start + axis.step_s)
        title = shown(f"{local(start, axis.step_s)}: {words}")
        parts.append(
            f'<rect class="{colour}" x="{left:.1f}" y="2" width="{max(0.5, right - left - 0.6):.1f}" height="10">'
            f"<title>{title}</title></rect>"
        )
    return _svg(height, "".join(parts) + _times(axis, height), "state by time")


def _svg(height: int, content: str, label: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{shown(label)}">{content}</svg>'


def _scale(low: float, high: float, height: int) -> Callable[[float], float]:
    span = (high - low) or 1.0

    def y(value: float) -> float:
        share = min(1.0, max(0.0, (value - low) / span))
        return height - _BOTTOM - (height - _TOP - _BOTTOM) * share

    return y


def _round_up(value: float) -> float:
    """The next number with one digit, or one and a half, that an axis may end at."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * digit for digit in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * digit >= value)


def _frame(
    axis: TimeAxis, low: float, high: float, height: int, y: Callable[[float], float]
) -> str:
    """Lines and numbers of both axes."""
    parts = []
    for share in (0.0, 0.5, 1.0):
        value = low + (high - low) * share
        if share and high <= low:
            continue
        parts.append(
            f'<line class="g" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{_short(value)}</text>'
        )
    return "".join(parts) + _times(axis, height)


def _times(axis: TimeAxis, height: int) -> str:
    """Round hours or days of this computer's time, as many as have room."""
    length = axis.before - axis.after
    every = next((one for one in _EVERY_S if length / one <= _TICKS), _EVERY_S[-1])
    first = axis.after + time.localtime(axis.after).tm_gmtoff
    parts = []
    for at in range(axis.after + -first % every, axis.before, every):
        x = axis.x(at)
        anchor = "start" if x < _LEFT + _ROOM else "end" if x > _WIDTH - _ROOM else "middle"
        parts.append(
            f'<text x="{x:.1f}" y="{height - 6}" text-anchor="{anchor}">{_tick(at, every)}</text>'
        )
    return "".join(parts)


def _tick(at: int, every_s: int) -> str:
    here = time.localtime(at)
    whole_day = every_s >= DAY_S or (here.tm_hour, here.tm_min) == (0, 0)
    return shown(time.strftime("%a %d %b" if whole_day else "%H:%M", here))


def _runs(curve: Mapping[int, float], step_s: int) -> list[list[int]]:
    """The starts of a curve's steps, in runs without a gap."""
    found: list[list[int]] = []
    for at in sorted(curve):
        if found and found[-1][-1] == at - step_s:
            found[-1].append(at)
        else:
            found.append([at])
    return found


def _legend(named: Sequence[tuple[str, str]]) -> str:
    if not named:
        return ""
    items = "".join(
        f'<span><svg viewBox="0 0 10 10"><rect class="{css}" width="10" height="10" rx="2"/></svg>{shown(text)}</span>'
        for css, text in named
    )
    return f'<p class="legend">{items}</p>'


def _short(value: float) -> str:
    if value == int(value) or abs(value) >= 1000:
        return whole(value)
    return f"{value:.1f}" if abs(value) >= _FRACTION else f"{value:.2f}"

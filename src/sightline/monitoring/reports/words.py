"""Numbers and times as a person reads them."""

from __future__ import annotations

import time

from sightline.monitoring.history.series import DAY_S, HOUR_S, MINUTE_S


def duration(seconds: float) -> str:
    """``3 d 4 h``, ``2 h 10 min``, ``5 min``, ``12 s``."""
    whole = round(seconds)
    if whole >= DAY_S:
        return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S} h"
    if whole >= HOUR_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S} min"
    return f"{whole // MINUTE_S} min" if whole >= MINUTE_S else f"{whole} s"


def percent(share: float) -> str:
    """A share as a percentage: exact near the ends, which are told only where they are reached."""
    of_hundred = 100 * share
    if 0 < of_hundred < 1 or 99 < of_hundred < 100:
        return f"{min(max(of_hundred, 0.01), 99.99):.2f} %"
    return f"{of_hundred:.0f} %"


def local(utc: float, step_s: int = MINUTE_S) -> str:
    """A Unix time here, as fine as steps of so many seconds need: ``Mon 30 Nov, 14:00``."""
    told = "%a %d %b" if step_s >= DAY_S else "%a %d %b, %H:%M"
    return time.strftime(told, time.localtime(utc))


def period(after: float, before: float) -> str:
    """A time from one moment to another, with the year where there are two."""
    year = ""
    if time.localtime(after).tm_year != time.localtime(before).tm_year:
        year = " %Y"
    told = (time.strftime(f"%a %d %b{year}, %H:%M", time.localtime(at)) for at in (after, before))
    return " to ".join(told)


def milliseconds(value: float | None) -> str:
    """A latency; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms".replace(",", " ")


def whole(number: float) -> str:
    """A number with thin groups of thousands."""
    return f"{number:,.0f}".replace(",", " ")

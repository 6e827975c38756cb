"""A report from a database: of which time, of which streams and models; and what is said where there is none."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sightline.errors import ConfigError, Conflict, InvalidRequest, NotFound, Overloaded
from sightline.monitoring.history.series import DAY_S, HOUR_S
from sightline.monitoring.reports.advice import advise
from sightline.monitoring.reports.facts import ReportFacts, report_facts
from sightline.monitoring.reports.words import period
from sightline.runtime.history.reading import StoredHistory
from sightline.runtime.history.recorder import HistoryStatus

log = logging.getLogger(__name__)

_NAMED = 20
"""Names that an error lists, at most."""
Last = Literal["hour", "day", "week", "month"]
LENGTHS_S: dict[Last, int] = {
    "hour": HOUR_S,
    "day": DAY_S,
    "week": 7 * DAY_S,
    "month": 30 * DAY_S,
}


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What is asked for: the time up to now or between two moments, and of what.

    Args:
        last: the time up to now, where ``after`` is not given.
        after, before: beginning and end; ``before`` None: now.
        streams, models: names; empty: all.
    """

    last: Last = "day"
    after: datetime | None = None
    before: datetime | None = None
    streams: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def time(self, now: float) -> tuple[int, int]:
        """Unix times of beginning and end. Raises ConfigError: it ends before it begins."""
        before = int(now if self.before is None else self.before.timestamp())
        after = before - LENGTHS_S[self.last]
        if self.after is not None:
            after = int(self.after.timestamp())
        if after >= before:
            raise ConfigError("a report's time must begin before it ends, and before now")
        return after, before


def make_report(
    database: str, asked: ReportRequest, clock: Callable[[], float] = time.time
) -> ReportFacts:
    """The report of a database, with its recommendations.

    Raises:
        ConfigError: the database cannot be read, or has no history; the time ends before it begins.
        NotFound: nothing is known of a stream or model.
    """
    after, before = asked.time(clock())
    stored = StoredHistory(database)
    _check_names(stored, "stream", asked.streams)
    _check_names(stored, "model", asked.models)
    found = stored.read(after, before, asked.streams, asked.models)
    facts = report_facts(stored.name, after, before, found)
    if facts.anything:
        advise(facts)
    else:
        facts.empty = _why_empty(stored, after, before)
    return facts


def _check_names(stored: StoredHistory, kind: str, names: Sequence[str]) -> None:
    known = stored.names(kind)
    there = f"; there are {', '.join(known[:_NAMED])}" if known else ""
    for name in names:
        if name not in known:
            raise NotFound(f"nothing was recorded of a {kind} {name!r:.80}{there}")


def _why_empty(stored: StoredHistory, after: int, before: int) -> str:
    span = stored.span()
    if span is None:
        return (
            "The database holds nothing yet: `sightline run` with `history: {database: ...}` writes into it once a "
            "minute"
        )
    first, last = span
    return (
        f"Nothing was recorded from {period(after, before)}; the database knows the time from "
        f"{period(first, last)}: ask for a part of that"
    )


class ServedReports:
    """Reports of one database for clients, one at a time: each takes a while of the processor.

    Args:
        database: see ``HistoryOptions``.
        status: how the recorder of this process stands.
    """

    def __init__(self, database: str, status: Callable[[], HistoryStatus] = HistoryStatus) -> None:
        self._database = database
        self.status = status
        self._making = threading.Lock()

    def make(self, asked: ReportRequest) -> ReportFacts:
        """See ``make_report``; where the database lies is not told.

        Raises:
            NotFound: nothing is known of a stream or model.
            Conflict: there is nothing to report on yet, or the database cannot be read.
            InvalidRequest: the time ends before it begins.
            Overloaded: another report is being made.
        """
        if not self._making.acquire(blocking=False):
            raise Overloaded("another report is being made: ask again", retry_after_s=2.0)
        try:
            return self._make(asked)
        finally:
            self._making.release()

    def _make(self, asked: ReportRequest) -> ReportFacts:
        try:
            asked.time(time.time())
        except ConfigError as exc:
            raise InvalidRequest(str(exc)) from exc
        try:
            facts = make_report(self._database, asked)
        except ConfigError as exc:  # it names files of this computer
            log.warning("report: %s", exc)
            raise Conflict(
                "there is nothing to report on yet: the history is written once a minute. Ask again in a minute; where that "
                "does not help, the service's log says why"
            ) from exc
        facts.database = ""
        return facts

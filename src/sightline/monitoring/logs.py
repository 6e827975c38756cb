"""Logs of the service and of ``sightline run``: structlog behind the standard loggers.

Every module logs through ``logging``; libraries do so anyway (uvicorn, OpenTelemetry). One handler
takes all records, limits those that repeat, adds the ids that are bound, hides secrets, and writes
JSON lines, or text on a terminal.
"""

from __future__ import annotations

import copy
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TextIO

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter
from structlog.types import EventDict, Processor

from sightline.monitoring.context import bound_ids
from sightline.monitoring.outlet import Outlet
from sightline.redaction import redacted

MOST = 20
PERIOD_S = 10.0
"""So many records of one event are written in so many seconds; the others are counted."""
_MOST_EVENTS = 1000
_FIRST = ("time", "level", "logger", "message")


def verbosity() -> int:
    """The verbosity of this process's logs, as ``set_up`` takes it: for a process that is started."""
    level = logging.getLogger("sightline").getEffectiveLevel()
    return 2 if level <= logging.DEBUG else int(level <= logging.INFO)


def set_up(
    verbose: int = 1,
    *,
    json: bool | None = None,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> logging.Handler:
    """Send all logs of this process through one handler, which is returned.

    Args:
        verbose: 0 shows warnings, 1 also information, 2 everything (of other libraries: warnings).
        json: JSON lines or text; None takes text on a terminal.
        stream: where to; None takes stderr.
        clock: monotonic seconds, of the limit on repeated events.
    """
    stream = stream or sys.stderr
    handler = LimitedHandler(stream, clock=clock)
    handler.setFormatter(_formatter(json=not stream.isatty() if json is None else json))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.getLogger("sightline").setLevel(level)
    logging.captureWarnings(capture=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        # Its own handlers, where it has set them up, would write what ours hides.
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    return handler


def _formatter(*, json: bool) -> logging.Formatter:
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ExtraAdder(),
        _with_ids,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(event_key="message", timestamp_key="time", colors=False)
    )
    return ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            _redacted_in_order,
            renderer,
        ],
    )


def _with_ids(_logger: object, _method: str, event: EventDict) -> EventDict:
    """The ids that were bound when the record was made, as keys of their own."""
    ids = event.pop("ids", {})
    return {**event, **ids}


def _redacted_in_order(_logger: object, _method: str, event: EventDict) -> EventDict:
    shown: EventDict = redacted(event)
    first = {key: shown.pop(key) for key in _FIRST if key in shown}
    return {**first, **shown}


@dataclass
class _Window:
    """One event since ``start``: how many came, and the last one that was not written."""

    start: float
    count: int = 1
    kept: logging.LogRecord | None = None


class RateLimit:
    """Lets ``most`` records of one event through in ``period_s`` seconds.

    An event is what is logged at one place (logger, level and text before its values are put in)
    of one stream. The last of those that were held back comes when the period is over, with the
    number of the others as ``left_out``: what is written and what is left out make the whole.
    """

    def __init__(self, most: int = MOST, period_s: float = PERIOD_S) -> None:
        self._most = most
        self._period_s = period_s
        self._windows: OrderedDict[tuple[object, ...], _Window] = OrderedDict()

    def admits(self, record: logging.LogRecord, now: float) -> bool:
        """Whether a record may be logged at ``now`` (seconds); those that may not are counted."""
        stream = getattr(record, "stream", None) or bound_ids().get("stream")
        key = (record.name, record.levelno, str(record.msg), stream)
        window = self._windows.get(key)
        if window is None:
            self._windows[key] = _Window(now)
            return True
        window.count += 1
        if window.count <= self._most:
            return True
        window.kept = record
        return False

    def over(self, now: float) -> Iterator[logging.LogRecord]:
        """What was held back in periods that are over; periods begin in the order of the table."""
        while self._windows:
            key, window = next(iter(self._windows.items()))
            if now - window.start < self._period_s and len(self._windows) < _MOST_EVENTS:
                return
            del self._windows[key]
            if window.kept is not None:
                yield self._last(window.kept, window.count - self._most - 1)

    @staticmethod
    def _last(kept: logging.LogRecord, left_out: int) -> logging.LogRecord:
        record = copy.copy(kept)
        if left_out:
            record.left_out = left_out
        return record


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes records to a stream, those that repeat only as often as ``limit`` allows.

    What nobody reads holds nobody up: where a pipe is full, records are counted, and told of as
    soon as it is read again.
    """

    def __init__(
        self,
        stream: TextIO,
        limit: RateLimit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._limit = limit or RateLimit()
        self._clock = clock
        self._outlet = Outlet(stream)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record, or count it where too many are alike; what was held back is told in its time."""
        now = self._clock()
        for held in self._limit.over(now):
            self._write(held)
        record.ids = bound_ids()
        if self._limit.admits(record, now):
            self._write(record)
        elif record.exc_info and record.exc_info[1]:
            # It waits: a trace would keep everything alive that its frames hold.
            record.error = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
            record.exc_info = None

    def _write(self, record: logging.LogRecord) -> None:
        if not self._outlet.takes_more():
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            text = "%d lines of the log are lost, as nobody read them"
            told = logging.LogRecord(__name__, logging.WARNING, "", 0, text, (lost,), None)
            super().emit(told)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Unlike logging's own, tell nothing of the record's values: they are not redacted."""
        if sys.exc_info()[0] is not BrokenPipeError:
            sys.stderr.write(f"a log record of {record.name} could not be written\n")

    def close(self) -> None:
        """Write what is held back."""
        self.acquire()
        try:
            for held in self._limit.over(float("inf")):
                self._write(held)
        finally:
            self.release()
        super().close()

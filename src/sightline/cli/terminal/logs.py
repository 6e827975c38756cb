"""Logs of commands on stderr: text on a terminal, JSON lines elsewhere.

``run`` and ``serve`` log through ``sightline.monitoring.logs``, which writes the same keys.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO

from sightline.redaction import redact, redacted


def set_up(verbose: int) -> None:
    """Send all logs to stderr; ``verbose`` 0 shows warnings, 1 information, 2 everything."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Text() if sys.stderr.isatty() else _JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sightline").setLevel(level)


@contextlib.contextmanager
def above_display(stderr: TextIO) -> Iterator[None]:
    """Within a display of Rich's, send logs through it: they stand above it, not on its line.

    Args:
        stderr: what ``sys.stderr`` was before the display began; it is Rich's own by now.
    """
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is stderr
    ]
    for handler in handlers:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(stderr)


class _Text(logging.Formatter):
    """One line for each record, without passwords."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """A line of text without secrets."""
        return redact(super().format(record))


class _JsonLines(logging.Formatter):
    """One JSON object for each record, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        """A JSON object in one line, without secrets."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(redacted(entry))

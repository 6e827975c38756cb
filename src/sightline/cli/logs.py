"""Logs of commands on stderr: text on a terminal, JSON lines elsewhere.

``run`` and ``serve`` log through ``sightline.monitoring.logs``, which writes the same keys.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from sightline.redaction import redact, redacted


def set_up(verbose: int) -> None:
    """Send all logs to stderr; ``verbose`` 0 shows warnings, 1 information, 2 everything."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Text() if sys.stderr.isatty() else _JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sightline").setLevel(level)


class _Text(logging.Formatter):
    """One line for each record, without passwords."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _JsonLines(logging.Formatter):
    """One JSON object for each record, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(redacted(entry))

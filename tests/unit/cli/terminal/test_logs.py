"""Logs of commands: text on a terminal, JSON elsewhere, never a password."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest

from sightline.cli.terminal import logs

URL = "rtsp://joe:geheim@camera/live"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("sightline")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])


def stderr(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, verbose: int = 0) -> io.StringIO:
    monkeypatch.setattr(sys, "stderr", stream)
    logs.set_up(verbose)
    return stream


def test_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    out = stderr(monkeypatch, Terminal())
    logging.getLogger("sightline.x").warning("cannot open %s", URL)
    assert out.getvalue() == "WARNING: cannot open rtsp://joe:***@camera/live\n"


def test_json_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    out = stderr(monkeypatch, io.StringIO())
    try:
        raise ValueError(URL)
    except ValueError:
        logging.getLogger("sightline.x").exception("cannot open\n%s", URL)
    (line,) = out.getvalue().splitlines()
    entry = json.loads(line)
    assert list(entry) == ["time", "level", "logger", "message", "exception"]
    assert (entry["level"], entry["logger"]) == ("error", "sightline.x")
    assert entry["message"] == "cannot open\nrtsp://joe:***@camera/live"
    assert "geheim" not in line
    assert datetime.fromisoformat(entry["time"]).utcoffset() is not None


@pytest.mark.parametrize(
    ("verbose", "shown"),
    [
        (0, {"WARNING"}),
        (1, {"WARNING", "INFO"}),
        (2, {"WARNING", "INFO", "DEBUG"}),
        (9, {"WARNING", "INFO", "DEBUG"}),
    ],
)
def test_how_much_is_told(monkeypatch: pytest.MonkeyPatch, verbose: int, shown: set[str]) -> None:
    out = stderr(monkeypatch, Terminal(), verbose)
    for logger in ("sightline.x", "urllib3"):
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logging.getLogger(logger).log(level, logger)
    lines = out.getvalue().splitlines()
    assert {line.split(":")[0] for line in lines if "sightline" in line} == shown
    assert [line for line in lines if "urllib3" in line] == ["WARNING: urllib3"]


def test_logs_stand_above_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = stderr(monkeypatch, Terminal())
    display = io.StringIO()
    monkeypatch.setattr(sys, "stderr", display)  # as Rich does
    with logs.above_display(terminal):
        logging.getLogger("sightline").warning("within")
    logging.getLogger("sightline").warning("after")
    assert display.getvalue() == "WARNING: within\n"
    assert terminal.getvalue() == "WARNING: after\n"

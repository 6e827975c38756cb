"""Signals that come at a bad moment."""

from __future__ import annotations

import io
import logging
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.monitoring import logs
from sightline.serving.http.server import _signals


class Interrupted(io.RawIOBase):
    """A file whose first write is interrupted by SIGTERM, as one that blocks may be."""

    def __init__(self) -> None:
        self.content = b""
        self.writes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.writes += 1
        if self.writes == 1:
            signal.raise_signal(signal.SIGTERM)
        self.content += bytes(data)
        return len(data)


def test_a_signal_while_a_line_of_the_log_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The handler runs inside of that write; a second write there is refused by Python."""
    file = Interrupted()
    stream = io.TextIOWrapper(io.BufferedWriter(file), line_buffering=True)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    logs.set_up(json=True, stream=stream)
    server: Any = SimpleNamespace(should_exit=False, force_exit=False, ended_by="")
    log = logging.getLogger("sightline.test")
    with _signals(server):
        log.info("first")
        log.info("second")
    assert capsys.readouterr().err == ""
    assert (server.should_exit, server.force_exit, server.ended_by) == (True, False, "SIGTERM")
    assert [b"first" in line or b"second" in line for line in file.content.splitlines()] == [
        True
    ] * 2

"""Progress on one line of a terminal, and on few lines elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from sightline.cli.terminal import progress_line
from sightline.cli.terminal.progress_line import LINE_EVERY_S, ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    with ProgressLine() as progress:
        progress("reading: 1")
        progress("reading: 2")
    assert out.getvalue() == "\r\x1b[2Kreading: 1 …\r\x1b[2Kreading: 2 …\r\x1b[2K"


def test_elsewhere_a_line_for_each_part_and_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    now = [100.0]
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: now[0])
    with ProgressLine() as progress:
        for after_s, what in (
            (0, "reading: 1"), (1, "reading: 2"), (LINE_EVERY_S, "reading: 3"), (0, "writing: 1"),
            (0, "writing: 2"), (0, "done"),
        ):  # fmt: skip
            now[0] += after_s
            progress(what)
    assert out.getvalue().splitlines() == ["reading: 1 …", "reading: 3 …", "writing: 1 …", "done …"]


def test_a_failure_leaves_the_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    with pytest.raises(ValueError, match="x"), ProgressLine():
        raise ValueError("x")
    assert out.getvalue() == "\r\x1b[2K"

"""Ctrl-C and SIGTERM: where they are heard, and where they wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.cli.main import _run
from sightline.cli.terminal import interrupts
from sightline.cli.terminal.interrupts import Interrupts

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)

SWALLOWS = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.{number})
    time.sleep(0.2)
except:  # as libraries do where they look for others
    pass
looked = True
"""


def _import_and_wait(module: str) -> None:
    __import__(module)
    time.sleep(10)


def _press(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(1)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_an_import_is_not_interrupted(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that catches whatever fails would go on without what it looked for."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"swallows_{number}.py").write_text(SWALLOWS.format(number=number))
    Interrupts().listen()
    with pytest.raises(KeyboardInterrupt):
        _import_and_wait(f"swallows_{number}")
    assert sys.modules.pop(f"swallows_{number}").looked


def test_a_press_counts_once_and_another_a_second_later_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Interrupts().listen()
    with pytest.raises(KeyboardInterrupt):
        _press(signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)  # the terminal's
    monkeypatch.setattr(interrupts, "ONE_PRESS_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        _press(signal.SIGTERM)


def test_the_signal_that_came_first_is_known() -> None:
    heard = Interrupts()
    heard.listen()
    assert heard.first is None
    with pytest.raises(KeyboardInterrupt):
        _press(signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    assert heard.first == signal.SIGTERM


def test_after_the_command_nothing_is_heard() -> None:
    heard = Interrupts()
    heard.listen()
    heard.end()
    for number in SIGNALS:
        os.kill(os.getpid(), number)


def test_how_to_go_on_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt("7 steps are kept in here.pt")

    monkeypatch.setattr("sightline.cli.main.app", interrupted)
    assert _run() == 130
    assert capsys.readouterr().err == "interrupted: 7 steps are kept in here.pt\n"


def test_a_program_says_how_to_go_on() -> None:
    program = (
        "from sightline.optimize.training.interruption import told_interrupts\n"
        "with told_interrupts():\n    raise KeyboardInterrupt('kept in here.pt')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (130, "interrupted: kept in here.pt\n")

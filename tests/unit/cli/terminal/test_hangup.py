"""SIGHUP: outputs go on in new files, unless the terminal has gone."""

from __future__ import annotations

import os
import pty
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from sightline.cli.terminal import hangup
from sightline.cli.terminal.hangup import reopen_on_hangup

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(),
    reason="signals come to the main thread",
)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def reopened() -> tuple[threading.Event, Callable[[], None]]:
    done = threading.Event()
    return done, done.set


def test_outputs_are_opened_again_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hangup, "_terminal", lambda: None)
    done, reopen = reopened()
    with reopen_on_hangup(reopen):
        signal.raise_signal(signal.SIGHUP)
        assert done.wait(10)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


@pytest.mark.parametrize("gone", [True, False])
def test_a_terminal_that_has_gone_ends_the_run(gone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    killed: list[int] = []
    monkeypatch.setattr(hangup, "_terminal", lambda: theirs)
    monkeypatch.setattr(hangup.os, "kill", lambda pid, number: killed.append(number) or pid)
    if gone:
        os.close(ours)
    done, reopen = reopened()
    with reopen_on_hangup(reopen):
        signal.raise_signal(signal.SIGHUP)
        assert done.wait(0.05 if gone else 10) is not gone
    assert killed == ([signal.SIGTERM] if gone else [])
    os.close(theirs)
    if not gone:
        os.close(ours)


def test_with_nohup_the_terminal_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(hangup, "_terminal", lambda: pytest.fail("it is asked"))
    done, reopen = reopened()
    with reopen_on_hangup(reopen):
        signal.raise_signal(signal.SIGHUP)
        assert done.wait(10)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_an_error_gives_the_signal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hangup, "_terminal", lambda: None)
    with pytest.raises(ValueError, match="x"), reopen_on_hangup(print):
        raise ValueError("x")
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def stream(terminal: bool, number: int) -> SimpleNamespace:
    return SimpleNamespace(isatty=lambda: terminal, fileno=lambda: number)


@pytest.mark.parametrize(
    ("err", "into", "found"),
    [
        (stream(True, 2), stream(True, 0), 2),
        (stream(False, 2), stream(True, 0), 0),
        (stream(False, 2), stream(False, 0), None),
        (None, stream(True, 0), 0),
        (None, None, None),
    ],
)
def test_which_terminal_this_runs_in(
    err: object, into: object, found: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "stdin", into)
    assert hangup._terminal() == found

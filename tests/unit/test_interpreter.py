"""What runs threads ends with the interpreter, newest first, and learns of forks."""

from __future__ import annotations

import gc
import signal
import threading
import time

import pytest

from sightline import interpreter


class Thing:
    """Keeps what it is told, in a list that several share."""

    def __init__(self, name: str, log: list[str], error: Exception | None = None) -> None:
        self.name, self.log, self.error = name, log, error

    def end_threads(self, deadline: float) -> None:
        self.log.append(f"end {self.name}")
        self.deadline = deadline
        if self.error is not None:
            raise self.error

    def after_fork(self) -> None:
        self.log.append(f"fork {self.name}")


@pytest.fixture(autouse=True)
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of other tests is watched, and the process goes on afterwards."""
    monkeypatch.setattr(interpreter, "_watched", {})
    monkeypatch.setattr(interpreter._Process, "ending", False)
    monkeypatch.setattr(interpreter._Process, "forks", 0)
    monkeypatch.setattr(interpreter, "PATIENCE_S", 0.05)


def test_the_newest_ends_first_and_all_have_one_deadline() -> None:
    log: list[str] = []
    things = [Thing(name, log) for name in "abc"]
    for thing in things:
        interpreter.watch(thing)
    assert not interpreter.ending()
    before = time.monotonic()
    interpreter._end_threads()
    assert log == ["end c", "end b", "end a"]
    assert len({thing.deadline for thing in things}) == 1
    assert before + 0.05 <= things[0].deadline <= time.monotonic() + 0.05
    assert interpreter.ending()


def test_one_that_fails_keeps_no_other_from_ending(capsys: pytest.CaptureFixture[str]) -> None:
    log: list[str] = []
    things = [Thing("a", log), Thing("b", log, ValueError("broken")), Thing("c", log)]
    for thing in things:
        interpreter.watch(thing)
    interpreter._end_threads()
    assert log == ["end c", "end b", "end a"]
    assert capsys.readouterr().err == "sightline: ValueError while exiting: broken\n"


def test_what_is_gone_is_forgotten() -> None:
    log: list[str] = []
    interpreter.watch(Thing("gone", log))
    kept = Thing("kept", log)
    interpreter.watch(kept)
    gc.collect()
    interpreter._end_threads()
    assert log == ["end kept"]
    assert len(interpreter._watched) == 1


def test_ctrl_c_does_not_cut_the_end_short() -> None:
    during: list[object] = []

    class Interrupted(Thing):
        def end_threads(self, deadline: float) -> None:
            during.append(signal.getsignal(signal.SIGINT))
            signal.raise_signal(signal.SIGINT)

    thing = Interrupted("a", [])
    interpreter.watch(thing)
    before = signal.getsignal(signal.SIGINT)
    interpreter._end_threads()
    assert during == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) == before


def test_in_another_thread_no_signal_is_touched() -> None:
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=interpreter._end_threads)
    thread.start()
    thread.join(10)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_forked_copy_is_told_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    skipped: list[int] = []
    monkeypatch.setattr(interpreter, "_skip_native_destructors", lambda: skipped.append(1))
    interpreter._tell_of_fork()
    assert (interpreter.forks(), skipped) == (1, []), "nothing runs threads, so nothing hangs"
    log: list[str] = []
    things = [Thing(name, log) for name in "ab"]
    for thing in things:
        interpreter.watch(thing)
    interpreter._tell_of_fork()
    assert (interpreter.forks(), skipped) == (2, [1])
    assert log == ["fork b", "fork a"]


def test_only_daemon_threads_stop_while_the_interpreter_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(
        interpreter, "_stop_here", lambda: stopped.append(threading.current_thread().name)
    )
    for ending in (False, True):
        monkeypatch.setattr(interpreter._Process, "ending", ending)
        for daemon in (False, True):
            name = f"daemon {daemon}, ending {ending}"
            thread = threading.Thread(target=interpreter.stop_if_ending, daemon=daemon, name=name)
            thread.start()
            thread.join(10)
    assert stopped == ["daemon True, ending True"]


def test_memory_is_given_back_once_for_many_who_ask_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go, calls = threading.Event(), threading.Event(), []

    class Library:
        def malloc_trim(self, pad: int) -> None:
            calls.append(pad)
            begun.set()
            go.wait(10)

    monkeypatch.setattr("ctypes.CDLL", lambda _: Library())
    first = threading.Thread(target=interpreter.give_back_memory)
    first.start()
    begun.wait(10)
    for _ in range(5):
        interpreter.give_back_memory()  # returns at once
    go.set()
    first.join(10)
    assert calls == [0, 0], "once more for all who asked meanwhile"
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    interpreter.give_back_memory()

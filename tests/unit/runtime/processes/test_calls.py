"""Calls to another process through a pipe: answered, refused, forgotten, and never hanging."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest
from tests.waiting import wait_for

from sightline.errors import NotFound, Overloaded, SightlineError
from sightline.runtime.processes.calls import ProcessCalls
from sightline.runtime.processes.shard import Answer, Call


@pytest.fixture
def calls() -> ProcessCalls:
    return ProcessCalls("worker 1")


@pytest.fixture
def other(calls: ProcessCalls) -> Iterator[Connection]:
    """The other process's end of the pipe."""
    calls.pipe, theirs = Pipe()
    yield theirs
    for end in (calls.pipe, theirs):
        end.close()


def asked(calls: ProcessCalls, *arguments: object, limit_s: float = 10.0) -> tuple[threading.Thread, list[Any]]:  # fmt: skip
    """A call in a thread, and what becomes of it."""
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(calls.call("add", arguments, limit_s, lambda: True))
        except SightlineError as exc:
            found.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, found


def test_each_call_gets_its_own_answer(calls: ProcessCalls, other: Connection) -> None:
    first, second = asked(calls, 1), asked(calls, 2)
    received = [other.recv() for _ in range(2)]
    assert all(isinstance(one, Call) and one.method == "add" for one in received)
    assert len(calls) == 2
    for call in reversed(received):  # the later one first
        calls.answered(Answer(call.number, call.arguments[0] * 10, None))
    for thread, _ in (first, second):
        thread.join(10)
    assert (first[1], second[1]) == ([10], [20])
    assert len(calls) == 0


def test_what_the_method_raises_is_raised_here(calls: ProcessCalls, other: Connection) -> None:
    thread, found = asked(calls)
    calls.answered(Answer(other.recv().number, None, NotFound("no stream")))
    thread.join(10)
    assert isinstance(found[0], NotFound)


def test_what_is_not_permitted_is_not_sent(calls: ProcessCalls, other: Connection) -> None:
    assert calls.call("add", (), 1.0, lambda: False) is None
    assert not other.poll()

    def refuse() -> bool:
        raise NotFound("it was removed meanwhile")

    with pytest.raises(NotFound, match="meanwhile"):
        calls.call("add", (), 1.0, refuse)
    assert not calls.lock.locked()
    assert len(calls) == 0


def test_silence_is_told_after_a_while_and_a_late_answer_is_forgotten(
    calls: ProcessCalls, other: Connection
) -> None:
    thread, found = asked(calls, limit_s=0.02)
    number = other.recv().number
    thread.join(10)
    assert str(found[0]) == "worker 1 does not answer"
    assert len(calls) == 0
    calls.answered(Answer(number, "late", None))


@pytest.mark.parametrize("act", [lambda c: c.tell("x"), lambda c: c.end()])
def test_a_process_that_is_gone_hears_nothing(
    calls: ProcessCalls, other: Connection, act: Callable[[ProcessCalls], None]
) -> None:
    other.close()
    with pytest.raises(Overloaded, match="worker 1 has just died and starts again"):
        calls.call("add", (), 1.0, lambda: True)
    assert len(calls) == 0
    act(calls)
    assert not calls.lock.locked()


def test_all_who_wait_are_refused_when_it_dies(calls: ProcessCalls, other: Connection) -> None:
    waiting = [asked(calls, number) for number in range(3)]
    wait_for(lambda: len(calls) == 3)
    calls.refuse("worker 1 has died")
    for thread, found in waiting:
        thread.join(10)
        assert (type(found[0]), str(found[0])) == (Overloaded, "worker 1 has died")
    assert len(calls) == 0


def test_telling_waits_for_nothing(calls: ProcessCalls, other: Connection) -> None:
    calls.tell("reopen", 1, "a")
    calls.end()
    told = other.recv()
    assert (told.method, told.arguments) == ("reopen", (1, "a"))
    assert other.recv() is None
    assert len(calls) == 0

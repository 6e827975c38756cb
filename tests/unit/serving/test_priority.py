"""The thread that answers comes before those that compute."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from tests.waiting import wait_for

from sightline.serving import priority
from sightline.serving.priority import answering_first

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority there")


class Worker:
    """A thread that waits, with its priority."""

    def __init__(self, name: str = "worker") -> None:
        self.end, self.native = threading.Event(), 0
        ready = threading.Event()

        def run() -> None:
            self.native = threading.get_native_id()
            ready.set()
            self.end.wait(30)

        self.thread = threading.Thread(target=run, name=name)
        self.thread.start()
        ready.wait(10)

    @property
    def nice(self) -> int:
        return os.getpriority(os.PRIO_PROCESS, self.native)

    def close(self) -> None:
        self.end.set()
        self.thread.join(10)


def own() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_others_are_nicer_and_the_answering_thread_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "LOOK_S", 0.01)
    before, worker, poller = own(), Worker(), Worker("ThreadPool_poll_wrapper")
    later = None
    # Threads of the test runner keep their priority.
    there = [threading.get_native_id(), worker.native, poller.native]
    monkeypatch.setattr(priority.os, "listdir", lambda _: map(str, there))
    try:
        with answering_first(3):
            wait_for(lambda: worker.nice == before + 3)
            later = Worker()
            there.append(later.native)
            wait_for(lambda: later.nice == before + 3)  # type: ignore[union-attr]
            assert own() == before
            assert poller.nice == before, "it wakes the thread that answers"
    finally:
        for one in (worker, poller, later):
            if one is not None:
                one.close()


def test_with_0_nothing_is_done() -> None:
    threads = threading.active_count()
    worker = Worker()
    try:
        with answering_first(0):
            assert threading.active_count() == threads + 1
            assert worker.nice == own()
    finally:
        worker.close()


def test_elsewhere_than_on_linux_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority.sys, "platform", "darwin")
    threads = threading.active_count()
    with answering_first(5):
        assert threading.active_count() == threads


def test_an_error_ends_the_watch() -> None:
    threads = threading.active_count()
    with pytest.raises(ValueError, match="x"), answering_first(1):
        raise ValueError("x")
    assert threading.active_count() == threads

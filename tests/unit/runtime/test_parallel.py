"""Several streams at once: none stops another, an interrupt stops all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sightline.errors import SourceError
from sightline.runtime.parallel import run_all


class FakeStream:
    """What ``run_all`` uses of a stream; runs until it is stopped or its ``work`` is done."""

    def __init__(self, work: Callable[[FakeStream], None]) -> None:
        self._work = work
        self.stopped = threading.Event()
        self.started = threading.Event()
        self.ended = False
        self.error: Exception | None = None

    def run(self) -> None:
        self.started.set()
        try:
            self._work(self)
        finally:
            self.ended = True

    def stop(self) -> None:
        self.stopped.set()


def until_stopped(stream: FakeStream) -> None:
    assert stream.stopped.wait(timeout=30)


def nothing(_: FakeStream) -> None:
    return


def failing(stream: FakeStream) -> None:
    stream.error = SourceError("gone")  # as a Stream does: its failure is its own


@pytest.fixture
def ticks() -> list[float]:
    return []


def run(streams: list[FakeStream], ticks: list[float], **options: Any) -> None:
    known = {"jobs": 4, "interval_s": 0.01} | options
    run_all(streams, tick=lambda: ticks.append(time.monotonic()), **known)  # type: ignore[arg-type]


def test_all_streams_run_and_a_failing_one_stops_no_other(ticks: list[float]) -> None:
    done = []

    def slow(stream: FakeStream) -> None:
        assert not stream.stopped.wait(timeout=0.1)
        done.append(stream)

    streams = [FakeStream(slow), FakeStream(failing), FakeStream(slow)]
    run(streams, ticks)
    assert all(stream.ended for stream in streams)
    assert len(done) == 2
    assert not any(stream.stopped.is_set() for stream in streams)
    assert len(ticks) >= 3  # while they ran, and at the end


def test_a_tick_comes_at_the_end(ticks: list[float]) -> None:
    streams = [FakeStream(nothing)]
    seen: list[bool] = []
    run_all(streams, jobs=1, tick=lambda: seen.append(streams[0].ended), interval_s=5)  # type: ignore[arg-type]
    assert seen
    assert seen[-1]


def test_no_more_than_jobs_run_at_a_time(ticks: list[float]) -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def work(_: FakeStream) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1

    run([FakeStream(work) for _ in range(8)], ticks, jobs=2)
    assert most == [2]


def test_streams_that_never_end_take_no_place_of_those_that_do(ticks: list[float]) -> None:
    endless = [FakeStream(until_stopped) for _ in range(3)]

    def last(_: FakeStream) -> None:
        """The last file to run ends the live streams, which all must have begun by then."""
        for stream in endless:
            assert stream.started.wait(timeout=10)
            stream.stop()

    files = [FakeStream(nothing), FakeStream(nothing), FakeStream(last)]
    run([files[0], *endless, *files[1:]], ticks, jobs=1, turns=files)
    assert all(stream.ended for stream in [*files, *endless])


def test_streams_that_never_end_do_not_wait_for_those_that_do(ticks: list[float]) -> None:
    live = FakeStream(nothing)

    def file(_: FakeStream) -> None:
        assert live.started.wait(timeout=10)

    files = [FakeStream(file), FakeStream(file)]
    run([*files, live], ticks, jobs=1, turns=files)


def test_no_streams_at_all(ticks: list[float]) -> None:
    run([], ticks)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_stops_all_and_waits_until_they_have_ended(
    error: type[BaseException],
) -> None:
    streams = [FakeStream(until_stopped) for _ in range(3)]
    waiting = [FakeStream(until_stopped) for _ in range(2)]

    def tick() -> None:
        if all(stream.started.is_set() for stream in streams):
            raise error

    with pytest.raises(error):
        run_all([*streams, *waiting], jobs=3, tick=tick, interval_s=0.01)  # type: ignore[arg-type]
    assert all(stream.ended for stream in streams)
    assert not any(stream.started.is_set() for stream in waiting)
    assert all(stream.stopped.is_set() for stream in [*streams, *waiting])


def test_a_defect_in_one_stops_all_and_reaches_the_caller(ticks: list[float]) -> None:
    others = [FakeStream(until_stopped) for _ in range(2)]

    def broken(_: FakeStream) -> None:
        assert all(stream.started.wait(timeout=10) for stream in others)
        raise ZeroDivisionError("bug")

    with pytest.raises(ZeroDivisionError, match="bug"):
        run([*others, FakeStream(broken)], ticks)
    assert all(stream.ended for stream in others)

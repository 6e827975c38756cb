"""A thread of jobs: in order, few at a time, and none of them ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from tests.waiting import wait_for

from sightline.runtime.rollouts.jobs import JobThread


@pytest.fixture
def jobs() -> Iterator[JobThread]:
    made = JobThread("jobs", 2)
    yield made
    made.close()


def test_jobs_are_done_in_order(jobs: JobThread) -> None:
    done: list[int] = []
    for number in range(20):
        wait_for(lambda n=number: jobs.put(lambda: done.append(n)))  # type: ignore[misc]
    wait_for(lambda: len(done) == 20)
    assert done == list(range(20))
    assert jobs.idle


def test_no_more_wait_than_allowed(jobs: JobThread) -> None:
    go, begun = threading.Event(), threading.Event()
    assert jobs.put(lambda: (begun.set(), go.wait(10)))  # type: ignore[arg-type, func-returns-value]
    begun.wait(10)
    assert [jobs.put(lambda: None) for _ in range(3)] == [True, True, False]
    assert not jobs.idle
    go.set()


def test_a_job_that_raises_is_logged_and_ends_no_other(
    jobs: JobThread, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()
    jobs.put(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    jobs.put(done.set)
    assert done.wait(10)
    assert "jobs: a job broke off" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_what_waits_is_forgotten_at_the_end(jobs: JobThread) -> None:
    go, begun, done = threading.Event(), threading.Event(), []
    jobs.put(lambda: (begun.set(), go.wait(10)))  # type: ignore[arg-type, func-returns-value]
    begun.wait(10)
    jobs.put(lambda: done.append(1))
    threading.Timer(0.05, go.set).start()
    jobs.close()
    jobs.close()
    assert done == []
    assert not jobs.put(lambda: done.append(2))


def test_a_job_that_hangs_keeps_the_process_no_longer_than_allowed(jobs: JobThread) -> None:
    go, begun = threading.Event(), threading.Event()
    jobs.put(lambda: (begun.set(), go.wait(10)))  # type: ignore[arg-type, func-returns-value]
    begun.wait(10)
    # Others hand jobs in at that very moment, so that there is no room to tell the thread to end.
    end = jobs._jobs.get_nowait

    def refilled() -> object:
        try:
            return end()
        finally:
            jobs._jobs.get_nowait = end  # type: ignore[method-assign]
            jobs._jobs.queue.extend([print, print])

    jobs._jobs.get_nowait = refilled  # type: ignore[method-assign, assignment]
    started = time.monotonic()
    jobs.end_threads(time.monotonic() + 0.05)
    assert time.monotonic() - started < 5
    go.set()


def test_a_job_may_end_its_own_thread(jobs: JobThread) -> None:
    done = threading.Event()
    jobs.put(lambda: (jobs.close(), done.set()))  # type: ignore[arg-type, func-returns-value]
    assert done.wait(10)


def test_a_forked_copy_takes_nothing() -> None:
    copy = JobThread("copy", 1)
    copy.after_fork()
    assert not copy.put(lambda: None)
    copy.close()

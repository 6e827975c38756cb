"""What is dropped of what waits: too old, too late, cancelled; and what runs again."""

from __future__ import annotations

import pytest
from tests.unit.runtime.scheduling.queue_bench import MS, Bench

from sightline.errors import DeadlineExceeded

# Who is not run.


def test_what_is_too_old_is_dropped() -> None:
    bench = Bench()
    bench.push("running")
    bench.take()
    bench.push("stale", max_age_s=0.1, age_ms=60)
    bench.push("late", deadline_ms=30)
    bench.push("good", max_age_s=0.1)
    assert bench.queue.wake_at(bench.now) == pytest.approx(bench.now + 30 * MS)
    bench.wait(50)
    assert bench.take() is None  # no request is free; what is late goes all the same
    dropped = bench.queue.backlog.dropped()
    assert [(bench.names[d.item], d.reason) for d in dropped] == [
        ("stale", "stale"),
        ("late", "deadline"),
    ]
    assert all(isinstance(d.error, DeadlineExceeded) for d in dropped)
    assert "older than its maximum age after 50 ms" in str(dropped[0].error)
    assert "its deadline after 50 ms" in str(dropped[1].error)
    bench.end()
    assert bench.take() == ["good"]


def test_what_comes_too_late_is_never_run() -> None:
    bench = Bench()
    bench.push("stale", max_age_s=0.1, age_ms=200)
    bench.push("late", deadline_ms=-1)
    assert bench.take() is None
    assert bench.dropped() == [("stale", "stale"), ("late", "deadline")]


def test_a_deadline_that_will_be_missed_is_not_worth_an_inference() -> None:
    bench = Bench(requests=2, sizes=(1,), alone_ms=(40,))
    bench.push("running")
    bench.take()
    bench.push("hopeless", deadline_ms=30)
    bench.push("possible", deadline_ms=90)
    assert bench.take() == ["possible"]
    assert bench.dropped() == [("hopeless", "deadline")]


def test_an_idle_engine_tries_all_the_same() -> None:
    bench = Bench(sizes=(1,), alone_ms=(40,))
    bench.push("hopeful", deadline_ms=30)
    assert bench.take() == ["hopeful"]


def test_the_cancelled_are_skipped() -> None:
    bench = Bench()
    for name in ("a", "b", "c"):
        item = bench.push(name)
        if name != "c":
            item.future.cancel()
    assert bench.take() == ["c"]
    assert bench.dropped() == [("a", "cancelled"), ("b", "cancelled")]


def test_a_running_item_cannot_be_cancelled() -> None:
    bench = Bench()
    item = bench.push("a")
    bench.take()
    assert not item.future.cancel()


# When things go wrong.


def test_a_failed_batch_runs_again_one_by_one_before_anything_else() -> None:
    bench = Bench(sizes=(1, 2))
    bench.push("0")
    bench.push("1")
    bench.push("u", priority="urgent")
    bench.queue.take(bench.now)
    assert bench.take() is None
    (batch,) = bench.queue.in_flight
    bench.end(well=False)
    bench.queue.backlog.requeue(batch.items)
    assert len(batch.items) == 2
    names = [bench.names[item] for item in batch.items]
    assert [bench.take(), bench.end(), bench.take()][::2] == [[names[0]], [names[1]]]


def test_what_runs_again_is_dropped_when_it_is_too_late_by_then() -> None:
    bench = Bench(sizes=(1, 2))
    bench.push("0", deadline_ms=30)
    bench.push("1")
    bench.take()
    assert bench.last is not None
    bench.end(after_ms=50, well=False)
    bench.queue.backlog.requeue(bench.last.items)
    assert bench.take() == ["1"]
    assert bench.dropped() == [("0", "deadline")]

"""Live frames that wait: fresh ones first, older ones as spares."""

from __future__ import annotations

from tests.unit.runtime.scheduling.queue_bench import Bench

# Live frames.


def test_a_live_frame_is_not_refused_but_runs_when_nothing_fresher_waits() -> None:
    bench = Bench(cost_ms=30)
    bench.push("running", "a", live=True)
    assert bench.take() == ["running"]
    for name in ("b", "c", "d", "e"):
        bench.push(name, live=True)
    # Budgets are 50 ms: the third of these would wait for 60.
    assert bench.queue.backlog.order.spares == 2
    bench.end(after_ms=30)
    assert bench.run_all(each_ms=1) == ["b", "c", "e", "d"]  # of spares the newest first
    assert bench.dropped() == []


def test_a_newer_frame_takes_the_place_of_an_older_one_that_would_wait_too_long() -> None:
    bench = Bench(cost_ms=30)
    bench.push("running", "a", live=True)
    assert bench.take() == ["running"]
    for name in ("b", "c", "d"):
        bench.push(name, live=True)
    bench.wait(10)
    bench.push("newer d", "d", live=True)
    bench.push("newer b", "b", live=True)
    assert bench.dropped() == [("d", "overloaded"), ("b", "overloaded")]
    bench.end(after_ms=1)
    assert bench.run_all() == ["c", "newer b", "newer d"]


def test_parts_of_one_frame_do_not_replace_each_other() -> None:
    bench = Bench(cost_ms=100)
    bench.push("running", "a")
    assert bench.take() == ["running"]
    for part in ("left", "right"):
        bench.push(part, "b", live=True, age_ms=5)
    bench.end(after_ms=1)
    assert bench.run_all() == ["left", "right"]


def test_who_was_passed_over_comes_first_the_next_time() -> None:
    bench = Bench(cost_ms=60)
    bench.push("running", "x", live=True)
    assert bench.take() == ["running"]
    bench.push("a", live=True)
    bench.push("b", live=True)  # would wait for longer than its budget
    bench.end(after_ms=40)
    assert bench.take() == ["a"]
    bench.push("a again", "a", live=True)
    bench.push("b again", "b", live=True)
    assert bench.dropped() == [("b", "overloaded")]
    bench.end(after_ms=1)
    assert bench.run_all() == ["b again", "a again"]


def test_a_dropped_frame_gives_its_minimum_rate_back() -> None:
    bench = Bench(cost_ms=60)
    bench.push("running", "x")
    assert bench.take() == ["running"]
    bench.push("first", "kept", live=True, min_rate=1.0)
    bench.push("normal", "n")
    bench.push("second", "kept", live=True, min_rate=1.0)
    bench.wait(10)
    bench.push("third", "kept", live=True, min_rate=1.0)
    bench.end(after_ms=1)
    assert bench.take() == ["third"]


def test_spares_take_no_room_from_requests() -> None:
    bench = Bench(cost_ms=1, queue=2)
    bench.push("running", "x")
    assert bench.take() == ["running"]
    for name in ("a", "b", "c", "d"):
        bench.push(name, live=True)
    assert bench.queue.backlog.order.spares == 2
    bench.end(after_ms=1)
    assert sorted(bench.run_all()) == ["a", "b", "c", "d"]

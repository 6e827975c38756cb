"""Who is refused, and how long the others wait at most."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from tests.unit.runtime.scheduling.queue_bench import LANE, Bench

from sightline.config import Priority
from sightline.errors import Overloaded
from sightline.runtime.scheduling.items import Item, Terms

# Who is refused.


def test_what_would_wait_for_too_long_is_refused() -> None:
    bench = Bench(cost_ms=10, normal_ms=50, refuse_after=2)
    bench.push("running")
    bench.take()
    for i in range(11):
        bench.push(f"{i}")
    with pytest.raises(Overloaded, match=r"model m: 11 items .* normal for about 110 ms") as caught:
        bench.push("too many")
    assert caught.value.retry_after_s == pytest.approx(0.1)
    assert len(bench.queue.backlog.items) == 11


@pytest.mark.parametrize(
    ("client", "priority", "refused"),
    [
        pytest.param("busy", "normal", True, id="whose items wait already"),
        pytest.param("busy", "urgent", False, id="urgent"),
        pytest.param("new", "normal", False, id="a client that may get another's place"),
    ],
)
def test_a_check_tells_what_a_push_would_do(client: str, priority: Priority, refused: bool) -> None:
    bench = Bench(cost_ms=10, requests=1)
    item = Item((1, *LANE), print, print, Terms(client, priority, max_wait_s=0.2), bench.now)
    bench.queue.check(item, bench.now)  # nothing waits yet
    for _ in range(21):
        bench.push("x", "busy", max_wait_s=0.2)
    if refused:
        with pytest.raises(Overloaded, match="items wait"):
            bench.queue.check(item, bench.now)
    else:
        bench.queue.check(item, bench.now)
    assert len(bench.queue.backlog.items) == 21


def test_a_check_counts_what_is_still_coming() -> None:
    bench = Bench(cost_ms=10, requests=1)
    item = Item((1, *LANE), print, print, Terms("c", max_wait_s=0.2), bench.now)
    for _ in range(11):
        bench.push("x", "c", max_wait_s=0.2)
    bench.queue.check(item, bench.now, coming=8.0)
    with pytest.raises(Overloaded, match="items wait"):
        bench.queue.check(item, bench.now, coming=12.0)


@pytest.mark.parametrize(
    ("terms", "accepted"),
    [
        pytest.param({"max_wait_s": 1.0}, 101, id="as long as it takes 1 s"),
        pytest.param({"max_wait_s": 0.2}, 21, id="0.2 s"),
        pytest.param({"max_wait_s": 1.0, "deadline_ms": 310}, 31, id="its deadline is earlier"),
        pytest.param({"max_wait_s": 1.0, "deadline_ms": 5000}, 101, id="its deadline is later"),
        pytest.param({"max_wait_s": 1.0, "deadline_ms": 3}, 1, id="it can only come too late"),
        pytest.param({}, 11, id="by its priority's budget"),
    ],
)
@pytest.mark.parametrize("clients", [1, 1000])
def test_what_can_be_answered_in_time_is_taken(
    terms: dict[str, Any], accepted: int, clients: int
) -> None:
    bench = Bench(sizes=(1,), alone_ms=(10,))
    bench.push("running", max_wait_s=1.0)
    bench.take()
    for i in range(accepted):
        bench.push(f"{i}", f"{i % clients}", **terms)
    with pytest.raises(Overloaded) as caught:
        bench.push("too many", f"{accepted % clients}", **terms)
    assert bench.dropped() == []
    assert caught.value.retry_after_s == pytest.approx(0.1)


def test_before_the_speed_is_known_everything_is_taken() -> None:
    bench = Bench(queue=300)
    for i in range(300):
        bench.push(f"{i}", "a", max_wait_s=1.0, deadline_ms=10_000)
    with pytest.raises(Overloaded):
        bench.push("too many", "a", max_wait_s=1.0)


def test_a_client_in_a_hurry_is_taken_before_one_that_fills_the_queue() -> None:
    bench = Bench(sizes=(1,), alone_ms=(10,))
    bench.push("running")
    bench.take()
    for _ in range(80):
        bench.push("greedy", max_wait_s=1.0)
    for _ in range(4):  # each client has every other turn
        bench.push("modest", max_wait_s=1.0, deadline_ms=100)
    with pytest.raises(Overloaded, match="too late for its deadline"):
        bench.push("modest", max_wait_s=1.0, deadline_ms=60)
    assert bench.dropped() == []
    taken = [bench.take() for _ in range(8) if not bench.end(after_ms=10)]
    assert taken.count(["modest"]) == 4


def test_a_client_whose_turns_are_slow_waits_no_longer_than_promised() -> None:
    """Its items leave half as fast as the engine works: something else is served between them."""
    bench = Bench(sizes=(1,), alone_ms=(10,))
    bench.push("running", "a", max_wait_s=1.0)
    bench.take()
    bench.push("first", "a", max_wait_s=1.0)
    waits: list[float] = []
    for turn in range(600):
        with suppress(Overloaded):
            bench.push("a", max_wait_s=1.0)
        with suppress(Overloaded):
            bench.push("a", max_wait_s=1.0)
        if turn % 2:
            bench.wait(10)  # the engine is free, and nobody hands it anything
        else:
            bench.end(after_ms=10)
            bench.take()
            assert bench.last is not None
            waits += [bench.now - item.arrived for item in bench.last.items]
    assert 0.8 < max(waits) < 1.2


def test_the_next_in_line_is_never_refused() -> None:
    bench = Bench(cost_ms=5000)
    bench.push("running")
    bench.take()
    bench.push("next")
    with pytest.raises(Overloaded):
        bench.push("one more")

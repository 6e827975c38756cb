"""Room for what waits, shared fairly where there is too little."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.runtime.scheduling.queue_bench import Bench

from sightline.config import Priority
from sightline.errors import Overloaded
from sightline.runtime.scheduling.room import QueueCapacity


def test_a_full_queue_refuses() -> None:
    bench = Bench(queue=3)
    for _ in range(3):
        bench.push("a")
    with pytest.raises(Overloaded):
        bench.push("a")


@pytest.mark.parametrize(
    ("newcomer", "victim"),
    [
        pytest.param("urgent", "b1", id="urgent"),
        pytest.param("normal", "b1", id="normal"),
        pytest.param("batch", None, id="batch"),
    ],
)
def test_the_newest_of_a_lower_priority_makes_room(newcomer: Priority, victim: str | None) -> None:
    bench = Bench(queue=4)
    for name, priority in (("n0", "normal"), ("b0", "batch"), ("b1", "batch"), ("n1", "normal")):
        bench.push(name, name[0], priority=priority)  # type: ignore[arg-type]
    if victim is None:
        with pytest.raises(Overloaded):
            bench.push("new", "b", newcomer)
    else:
        bench.push("new", priority=newcomer)
    dropped = bench.queue.backlog.dropped()
    assert [bench.names[d.item] for d in dropped] == ([victim] if victim else [])
    assert all(isinstance(d.error, Overloaded) for d in dropped)
    assert len(bench.queue.backlog.items) == 4


def test_room_is_made_in_the_queues_of_other_models_too() -> None:
    room = QueueCapacity(2)
    one, other = Bench(room=room), Bench(room=room)
    one.push("b0", priority="batch")
    one.push("b1", priority="batch")
    other.push("u", priority="urgent")
    assert one.dropped() == [("b1", "overloaded")]


@pytest.mark.parametrize(
    ("limits", "modest"),
    [
        pytest.param({"queue": 8}, 4, id="items: half of them"),
        # Whoever has had a place keeps it, unless it has more than twice as many as the other.
        pytest.param({"cost_ms": 10, "normal_ms": 35, "refuse_after": 2}, 2, id="waiting time"),
    ],
)
def test_a_client_cannot_fill_the_queue_for_others(limits: dict[str, Any], modest: int) -> None:
    bench = Bench(**limits)
    bench.push("running")
    bench.take()
    for _ in range(8):
        bench.push("greedy")
    for _ in range(modest):
        bench.push("modest")
    with pytest.raises(Overloaded):
        bench.push("modest")
    clients = [item.terms.client for item in bench.queue.backlog.items]
    assert clients == ["greedy"] * (8 - modest) + ["modest"] * modest
    assert bench.dropped() == [("greedy", "overloaded")] * modest


def test_a_slow_model_shuts_no_other_out() -> None:
    room = QueueCapacity(40)
    slow, fast, third = Bench(room=room), Bench(room=room), Bench(room=room)
    for _ in range(28):  # 2 × 6 places are kept for the other two
        slow.push("a")
    with pytest.raises(Overloaded):
        slow.push("a")
    for _ in range(6):
        fast.push("a")
    with pytest.raises(Overloaded):
        fast.push("a")
    for _ in range(6):
        third.push("a")
    assert sum(len(bench.queue.backlog.items) for bench in (slow, fast, third)) == 40
    assert slow.dropped() == fast.dropped() == []


def test_the_cancelled_make_room_first() -> None:
    bench = Bench(queue=2)
    gone = bench.push("a")
    bench.push("b")
    gone.future.cancel()
    bench.wait(20)
    bench.push("c")
    assert bench.dropped() == [("a", "cancelled")]
    assert bench.run_all() == ["b", "c"]

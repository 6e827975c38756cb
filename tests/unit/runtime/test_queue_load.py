"""The queue under loads of minutes, simulated: what is promised to whom, at and over the capacity."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulated_queue import Simulation, p99_of

from sightline.config import Priority, SchedulerOptions
from sightline.errors import Overloaded
from sightline.runtime.scheduling.items import NEVER, Batch, Item, Terms
from sightline.runtime.scheduling.queue import BatchQueue
from sightline.runtime.scheduling.room import QueueCapacity
from sightline.runtime.scheduling.speed import Speed

SECONDS = 15.0


@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.06])
def test_four_times_the_capacity_hardly_slows_what_is_accepted(seconds: float) -> None:
    capacity = 2 / seconds
    p99, rates = {}, {}
    for times in (1, 4):
        simulation = Simulation(lambda n: seconds * n)
        for i in range(8):
            simulation.open_load(Terms(f"{i}"), times * capacity / 8, SECONDS, seed=i)
        simulation.run()
        p99[times] = p99_of(simulation)
        told = simulation.told.values()
        rates[times] = sum(len(t.answered) for t in told) / SECONDS
    late = [waited for t in told for waited in t.dropped]
    at_once = [0.0] * sum(t.refused for t in told)
    assert np.percentile(late + at_once, 99) < 0.05
    assert p99[4] <= 2 * p99[1]
    # Two budgets in the queue, and what the engine has inside.
    assert p99[4] <= 2 * 0.05 + 6 * seconds
    assert rates[4] == pytest.approx(capacity, rel=0.02)


@pytest.mark.parametrize("seconds", [0.005, 0.02, 0.06])
@pytest.mark.parametrize(
    ("clients", "urgent", "cameras"),
    [
        pytest.param(1, 0.0, 0, id="one client"),
        pytest.param(20, 0.0, 0, id="twenty clients"),
        pytest.param(1, 0.4, 0, id="two fifths for urgent ones"),
        pytest.param(1, 0.0, 4, id="beside four streams that take all they get"),
    ],
)
def test_requests_wait_no_longer_than_they_may(
    seconds: float, clients: int, urgent: float, cameras: int
) -> None:
    capacity = 2 / seconds
    simulation = Simulation(lambda n: seconds * n)
    for i in range(clients):
        terms = Terms(f"{i}", max_wait_s=1.0, deadline=NEVER)
        simulation.open_load(terms, 4 * capacity / clients, SECONDS, i, start=2.0)
    if urgent:
        terms = Terms("urgent", "urgent", max_wait_s=1.0)
        simulation.open_load(terms, urgent * capacity, 2 + SECONDS, seed=77)
    for i in range(cameras):
        simulation.closed_load(Terms(f"camera {i}", max_wait_s=1e9), 2, 2 + SECONDS)
    simulation.run()
    told = [simulation.told[f"{i}"] for i in range(clients)]
    queued = [waited for one in told for waited in one.queued]
    late = [waited for one in told for waited in one.dropped]
    at_once = [0.0] * sum(one.refused for one in told)
    assert np.percentile(queued, 90) > 0.6
    # Fewer pictures a second, larger steps: one picture more or less is a tenth of the time.
    assert np.percentile(queued, 99) < 1.12 + 16 * seconds
    assert np.percentile(late + at_once, 99) < 0.05 + 2 * seconds
    if urgent:
        assert np.percentile(simulation.told["urgent"].queued, 99) < 0.01 + 2 * seconds
        assert not simulation.told["urgent"].refused


@pytest.mark.parametrize("seconds", [0.002, 0.01])
def test_closed_loops_are_never_refused(seconds: float) -> None:
    simulation = Simulation(lambda n: seconds * n)
    for i in range(64):
        simulation.closed_load(Terms(f"{i % 3}", max_wait_s=1.0), 1, SECONDS)
    simulation.run()
    assert sum(one.refused + len(one.dropped) for one in simulation.told.values()) == 0


def test_a_greedy_client_slows_nobody_else() -> None:
    p99 = {}
    for greedy in (10.0, 1000.0):
        simulation = Simulation()
        simulation.open_load(Terms("greedy"), greedy, SECONDS)
        for i in range(4):
            simulation.open_load(Terms(f"{i}"), 10, SECONDS, seed=i)
        simulation.run()
        p99[greedy] = max(simulation.told[f"{i}"].p99() for i in range(4))
        refused = sum(simulation.told[f"{i}"].refused for i in range(4))
        dropped = sum(len(simulation.told[f"{i}"].dropped) for i in range(4))
        assert refused + dropped <= 0.01 * 4 * 10 * SECONDS
    assert p99[1000.0] <= 2 * p99[10.0]


def test_weights_share_an_overloaded_engine() -> None:
    simulation = Simulation()
    for name, weight in (("one", 1.0), ("three", 3.0)):
        simulation.closed_load(Terms(name, weight=weight), 8, SECONDS)
    simulation.run()
    one, three = (len(simulation.told[name].answered) for name in ("one", "three"))
    assert three / one == pytest.approx(3, rel=0.1)


def test_minimum_rates_are_kept_under_overload() -> None:
    simulation = Simulation()
    for i in range(20):
        simulation.open_load(Terms(f"{i}", weight=10.0), 50, SECONDS, seed=i)
    simulation.open_load(Terms("kept", weight=0.1, min_rate=5.0), 25, SECONDS, seed=99)
    simulation.run()
    assert len(simulation.told["kept"].answered) >= 5 * SECONDS * 0.98


def test_urgent_items_hardly_wait_while_others_saturate() -> None:
    simulation = Simulation()
    for i in range(4):
        simulation.closed_load(Terms(f"batch-{i}", "batch"), 8, SECONDS)
    simulation.closed_load(Terms("urgent", "urgent"), 1, SECONDS, pause=0.037)
    simulation.run()
    urgent = simulation.told["urgent"]
    assert urgent.refused == 0
    assert urgent.dropped == []
    assert np.percentile(urgent.queued, 99) < 0.010 + 0.020


def test_batch_priority_keeps_a_share_while_normal_saturates() -> None:
    simulation = Simulation()
    for i in range(4):
        simulation.closed_load(Terms(f"normal-{i}"), 8, SECONDS)
    simulation.closed_load(Terms("batch", "batch"), 8, SECONDS)
    simulation.run()
    share = len(simulation.told["batch"].answered) / (SECONDS * 100)
    assert share == pytest.approx(1 / 8, rel=0.1)


def test_batches_grow_with_the_load_where_they_pay() -> None:
    """A serial engine that takes 4 ms and 0.1 ms for each picture more."""
    mean, p99 = {}, {}
    for per_second in (20, 200, 1000, 2000):
        simulation = Simulation(
            lambda n: 0.004 + 0.0001 * n, requests=2, parallel=1, sizes=(1, 2, 4, 8, 16)
        )
        for i in range(20):
            simulation.open_load(Terms(f"{i}"), per_second / 20, 10, seed=i)
        simulation.run()
        sizes = [n for told in simulation.told.values() for n in told.batches.elements()]
        mean[per_second] = float(np.mean(sizes))
        p99[per_second] = p99_of(simulation)
        assert not any(told.refused for told in simulation.told.values())
    assert mean[20] < 1.2
    assert mean[20] < mean[200] < mean[1000] < mean[2000]
    assert mean[2000] > 10
    assert max(p99.values()) < 0.05


# Whatever comes, in whatever order.

EVENT = st.one_of(
    st.tuples(
        st.just("push"),
        st.sampled_from("abc"),
        st.sampled_from(["urgent", "normal", "batch"]),
        st.integers(1, 5),
        st.sampled_from([None, 0.0, 0.02]),
        st.sampled_from([0.0, 20.0]),
        st.sampled_from([(8, 8), (8, 16)]),
        st.booleans(),
    ),
    st.tuples(st.just("wait"), st.floats(0, 0.1)),
    st.tuples(st.just("end"), st.booleans()),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
)


class Play:
    """Plays events to a queue and counts the outcomes of its items."""

    def __init__(self, sizes: tuple[int, ...] | None, requests: int) -> None:
        self.speed = Speed(requests, sizes)
        options = SchedulerOptions(queue=10, watchdog_s=0.5)
        self.queue = BatchQueue("m", options, QueueCapacity(10), self.speed)
        self.now = 50.0
        self.accepted: list[Item] = []
        self.outcomes: Counter[Item] = Counter()
        self.running: list[Batch] = []

    def push(
        self,
        client: str,
        priority: Priority,
        pictures: int,
        deadline: float | None,
        min_rate: float,
        input_size: tuple[int, int],
        live: bool,
    ) -> None:
        until = None if deadline is None else self.now + deadline
        terms = Terms(client, priority, min_rate=min_rate, deadline=until, live=live)
        item = Item((pictures, *input_size), print, print, terms, self.now)
        with contextlib.suppress(Overloaded):
            self.queue.push(item, self.now)
            self.accepted.append(item)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def cancel(self, which: int) -> None:
        if self.accepted:
            self.accepted[which % len(self.accepted)].future.cancel()

    def end(self, well: bool) -> None:
        if not self.running:
            return
        batch = self.running.pop(0)
        self.queue.ended(batch, self.now, well=well)
        items = [item for item in batch.items if not item.gone]
        if well or len(batch.items) == 1:
            self.outcomes.update(items)
        else:
            self.queue.backlog.requeue(items)

    def step(self) -> None:
        queue, speed = self.queue, self.speed
        for batch in queue.overdue(self.now):
            self.running.remove(batch)
            self.outcomes.update(item for item in batch.items if not item.gone)
        while (taken := queue.take(self.now)) is not None:
            self.check(taken)
            self.running.append(taken)
        self.outcomes.update(item for item, _, _ in queue.backlog.dropped())
        assert len(queue.backlog.items) - queue.backlog.order.spares <= 10
        # Nobody waits beside an engine with nothing to do.
        assert speed.in_flight or speed.hung or not queue.backlog.items
        assert queue.wake_at(self.now) >= self.now

    def check(self, batch: Batch) -> None:
        assert self.speed.free >= 0
        assert batch.pictures == sum(item.pictures for item in batch.items)
        assert len({item.input_size for item in batch.items}) == 1
        assert len(batch.items) == 1 or batch.pictures in self.speed.sizes(batch.input_size)
        assert all(item.expiry > self.now for item in batch.items)


@given(st.lists(EVENT, max_size=120), st.sampled_from([None, (1, 2, 4)]), st.integers(1, 3))
def test_nothing_is_lost_or_run_twice(
    events: list[tuple[Any, ...]], sizes: tuple[int, ...] | None, requests: int
) -> None:
    play = Play(sizes, requests)
    for name, *arguments in events:
        getattr(play, name)(*arguments)
        play.step()
    while play.running:
        play.end(True)
        play.step()
    queue = play.queue
    assert play.speed.hung or not queue.backlog.items
    assert play.outcomes == Counter(play.accepted)
    assert sum(queue.backlog.order.pictures) == 0
    assert queue.backlog.clients.busy == 0
    assert not queue.backlog.order.input_sizes
    assert not queue.backlog.order.spares
    assert not queue.backlog.order.fresh

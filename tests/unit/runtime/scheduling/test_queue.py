"""The scheduler's queue by a virtual clock: who runs next, with whom, and who is refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from sightline.config import Priority, SchedulerOptions
from sightline.errors import DeadlineExceeded, InferenceError, Overloaded
from sightline.runtime.scheduling.items import Batch, Item, Terms
from sightline.runtime.scheduling.queue import BatchQueue
from sightline.runtime.scheduling.room import Room
from sightline.runtime.scheduling.speed import Measured, Speed

LANE = (8, 8)
MS = 1e-3


class Bench:
    """A queue with a virtual clock and an engine that ends batches when it is told to."""

    def __init__(
        self,
        requests: int = 1,
        sizes: Sequence[int] | None = None,
        *,
        alone_ms: float | Sequence[float] = (),
        cost_ms: float | None = None,
        room: Room | None = None,
        **options: Any,
    ) -> None:
        self.options = SchedulerOptions(**options)
        self.room = room or Room(self.options.queue)
        self.speed = Speed(requests, sizes)
        if isinstance(alone_ms, Sequence) and alone_ms:
            # A serial engine: what a batch takes alone is what it takes of the engine.
            taken = zip(sizes or (1,), alone_ms, strict=True)
            self.speed.learn(LANE, [Measured(n, ms * MS, ms * MS / n) for n, ms in taken])
        if cost_ms is not None:
            self.speed.cost = cost_ms * MS
        self.queue = BatchQueue("m", self.options, self.room, self.speed)
        self.now = 100.0
        self.names: dict[Item, str] = {}

    def push(
        self,
        name: str,
        client: str | None = None,
        priority: Priority = "normal",
        *,
        pictures: int = 1,
        input_size: tuple[int, int] = LANE,
        age_ms: float | None = None,
        **terms: Any,
    ) -> Item:
        if "deadline_ms" in terms:
            terms["deadline"] = self.now + terms.pop("deadline_ms") * MS
        if age_ms is not None:
            terms["since"] = self.now - age_ms * MS
        item = Item(
            (pictures, *input_size),
            lambda _: None,
            lambda _: None,
            Terms(client or name, priority, **terms),
            self.now,
        )
        self.names[item] = name
        self.queue.push(item, self.now)
        return item

    def take(self) -> list[str] | None:
        batch = self.queue.take(self.now)
        self.last: Batch | None = batch
        return None if batch is None else [self.names[item] for item in batch.items]

    def end(self, *, after_ms: float = 0.0, well: bool = True) -> None:
        """The oldest batch in flight comes back."""
        self.wait(after_ms)
        self.queue.ended(next(iter(self.queue.in_flight)), self.now, well=well)

    def wait(self, ms: float) -> None:
        self.now += ms * MS

    def run_all(self, each_ms: float = 0.0) -> list[str]:
        """Run what waits, a batch at a time; names in the order in which they ran."""
        ran: list[str] = []
        while (names := self.take()) is not None:
            ran += names
            self.end(after_ms=each_ms)
        return ran

    def dropped(self) -> list[tuple[str, str]]:
        return [(self.names[item], reason) for item, reason, _ in self.queue.backlog.dropped()]


# Who is next.


@pytest.mark.parametrize(
    ("pushed", "order"),
    [
        pytest.param([("b", "batch"), ("n", "normal"), ("u", "urgent")], "u n b", id="by priority"),
        pytest.param([("n1", "normal"), ("n2", "normal")], "n1 n2", id="by arrival when alike"),
        pytest.param(
            [("n", "normal"), *((f"u{i}", "urgent") for i in range(9))],
            "u0 u1 u2 u3 u4 u5 u6 u7 u8 n",
            id="urgent strictly first",
        ),
    ],
)
def test_priorities_come_first(pushed: list[tuple[str, Priority]], order: str) -> None:
    bench = Bench()
    for name, priority in pushed:
        bench.push(name, priority=priority)
    assert bench.run_all() == order.split()


@pytest.mark.parametrize(
    ("clients", "order"),
    [
        pytest.param({"a": 1.0, "b": 1.0}, "a b a b a b a b", id="alike"),
        pytest.param({"a": 1.0, "b": 3.0}, "a b b b a b a a", id="three times the weight"),
        pytest.param({"a": 2.0, "b": 2.0, "c": 2.0}, "a b c a b c a b c a b c", id="three"),
    ],
)
def test_clients_take_turns_by_weight(clients: dict[str, float], order: str) -> None:
    bench = Bench()
    for client, weight in clients.items():
        for _ in range(4):
            bench.push(client, weight=weight)
    assert bench.run_all() == order.split()


def test_a_large_item_costs_its_client_as_many_turns() -> None:
    bench = Bench()
    for _ in range(2):
        bench.push("a", pictures=3)
    for _ in range(6):
        bench.push("b")
    assert bench.run_all() == ["a", "b", "b", "b", "a", "b", "b", "b"]


def test_a_client_that_was_away_has_saved_up_nothing() -> None:
    bench = Bench()
    for _ in range(6):
        bench.push("a")
    for _ in range(2):
        assert bench.take() == ["a"]
        bench.end()
    for _ in range(3):
        bench.push("late")
    assert bench.run_all() == ["late", "a", "late", "a", "late", "a", "a"]


def test_a_busy_past_is_no_debt_once_everything_was_served() -> None:
    bench = Bench()
    for _ in range(20):
        bench.push("a")
    bench.run_all()
    bench.push("a")
    for _ in range(2):
        bench.push("b")
    assert bench.run_all() == ["a", "b", "b"]


def test_minimum_rates_come_before_shares() -> None:
    bench = Bench()
    for _ in range(3):
        bench.push("heavy", weight=100.0)
    for i in range(3):
        bench.push(f"kept{i}", "kept", min_rate=10.0)
    # One was assured; the others take turns like anybody's.
    assert bench.run_all()[0] == "kept0"
    bench.wait(200)  # two more have come due
    for _ in range(3):
        bench.push("heavy", weight=100.0)
    for i in range(3):
        bench.push(f"kept{i}", "kept", min_rate=10.0)
    assert bench.run_all()[:2] == ["kept0", "kept1"]


def test_urgent_items_come_before_minimum_rates() -> None:
    bench = Bench()
    bench.push("kept", min_rate=10.0)
    bench.push("u", priority="urgent")
    assert bench.run_all() == ["u", "kept"]


def test_a_refused_item_does_not_use_up_the_minimum_rate() -> None:
    bench = Bench(queue=1, requests=1)
    bench.push("running")
    bench.take()
    bench.push("u", priority="urgent")
    for _ in range(3):
        with pytest.raises(Overloaded):
            bench.push("kept", min_rate=0.001)
    bench.end()
    assert bench.take() == ["u"]
    bench.push("n")
    bench.push("kept", min_rate=0.001)  # pushes "n" out
    assert bench.dropped() == [("n", "overloaded")]


def test_batch_priority_gets_one_turn_in_eight_once_it_is_late() -> None:
    bench = Bench(batch_ms=100)
    for _ in range(3):
        bench.push("b", priority="batch")
    for _ in range(30):
        bench.push("n")
    order = bench.run_all(each_ms=10)
    # Nothing before its budget is over (10 batches), then one in eight.
    assert [i for i, name in enumerate(order) if name == "b"] == [10, 18, 26]


def test_batch_priority_waits_for_urgent_items_even_when_it_is_late() -> None:
    bench = Bench(batch_ms=10)
    bench.push("b", priority="batch")
    for _ in range(12):
        bench.push("u", priority="urgent")
    assert bench.run_all(each_ms=10) == ["u"] * 12 + ["b"]


# With whom.


@pytest.mark.parametrize(
    ("sizes", "pictures", "batches"),
    [
        pytest.param((1, 2, 4), [1] * 7, [4, 2, 1], id="largest allowed"),
        pytest.param(None, [1, 1, 1], [1, 1, 1], id="nothing known to pay"),
        pytest.param((1, 2, 4), [3, 1], [4], id="a larger item is filled up"),
        pytest.param((1, 2, 4), [3, 3], [3, 3], id="no size fits both"),
        pytest.param((1, 2, 4), [6, 1], [6, 1], id="larger than any size, alone"),
        pytest.param(
            (1, 4), [1, 1, 3], [1, 4], id="who is too large for one batch may complete the next"
        ),
        pytest.param((1, 2, 4), [1, 1, 4], [2, 4], id="who does not fit waits"),
    ],
)
def test_batch_sizes(
    sizes: tuple[int, ...] | None, pictures: list[int], batches: list[int]
) -> None:
    bench = Bench(sizes=sizes)
    for i, n in enumerate(pictures):
        bench.push(f"{i}", pictures=n)
    ran = []
    while bench.take():
        assert bench.last is not None
        ran.append(bench.last.pictures)
        bench.end()
    assert ran == batches


def test_pictures_of_different_sizes_are_never_joined() -> None:
    bench = Bench(sizes=(1, 2, 4))
    for i in range(4):
        bench.push(f"{i}", input_size=(8, 8) if i % 2 else (8, 16))
    assert [bench.take(), bench.end(), bench.take()][::2] == [["0", "2"], ["1", "3"]]


@pytest.mark.parametrize(
    ("eight_ms", "company"),
    [
        pytest.param(9.0, 8, id="within its budget"),
        pytest.param(14.0, 8, id="half as slow again"),
        pytest.param(40.0, 1, id="too slow"),
    ],
)
def test_an_urgent_item_takes_only_company_that_does_not_slow_it(
    eight_ms: float, company: int
) -> None:
    bench = Bench(sizes=(1, 8), alone_ms=(10.0 if eight_ms > 10 else 3.0, eight_ms))
    bench.push("u", priority="urgent")
    for i in range(7):
        bench.push(f"n{i}")
    names = bench.take()
    assert names is not None
    assert names[0] == "u"
    assert len(names) == company


def test_a_deadline_that_a_large_batch_would_miss_makes_it_small() -> None:
    bench = Bench(sizes=(1, 2, 4), alone_ms=(10, 20, 40))
    bench.push("hurried", deadline_ms=25)
    for i in range(3):
        bench.push(f"{i}")
    assert bench.take() == ["hurried", "0"]


def test_who_would_be_late_in_a_large_batch_is_left_out_of_it() -> None:
    bench = Bench(sizes=(1, 2, 4), alone_ms=(10, 20, 40))
    bench.push("first")
    bench.push("hurried", deadline_ms=25)
    for i in range(3):
        bench.push(f"{i}")
    assert bench.take() == ["first", "0", "1", "2"]


def test_a_model_that_proved_unfit_is_not_joined_again() -> None:
    bench = Bench(sizes=(1, 2))
    bench.speed.join_nothing()
    bench.push("0")
    bench.push("1")
    assert bench.take() == ["0"]


# When.


def test_an_idle_engine_does_not_wait_for_company() -> None:
    bench = Bench(requests=2, sizes=(1, 2, 4, 8), alone_ms=(10, 11, 12, 13))
    for i in range(5):  # five clients that are active
        bench.push(f"{i}")
        bench.wait(3)
    bench.run_all()
    bench.push("0")
    assert bench.take() == ["0"]


class Holding(Bench):
    """A serial engine with a free request and a batch of client "busy" running.

    Client "idle" sends every 15 ms and has nothing here now.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(requests=2, sizes=(1, 2, 4), alone_ms=(10, 11, 12), **options)
        for _ in range(200):
            self.wait(5)
            self.push("idle")
            self.take()
            self.end(after_ms=10)
        self.push("busy")
        assert self.take() == ["busy"]


def test_a_busy_engine_waits_for_company_for_twice_the_usual_pause() -> None:
    bench = Holding()
    bench.push("a")
    assert bench.take() is None
    assert bench.queue.wake_at(bench.now) == pytest.approx(bench.now + 30 * MS, rel=0.1)
    bench.wait(25)
    assert bench.take() is None
    bench.wait(10)
    assert bench.take() == ["a"]


def test_a_busy_engine_waits_for_company_until_the_budget_is_nearly_over() -> None:
    bench = Holding(normal_ms=30)
    bench.push("a")
    assert bench.take() is None
    assert bench.queue.wake_at(bench.now) == pytest.approx(bench.now + (30 - 10) * MS)
    bench.wait(19)
    assert bench.take() is None
    bench.wait(2)
    assert bench.take() == ["a"]


def test_nobody_waits_when_the_next_is_expected_too_late() -> None:
    bench = Holding(normal_ms=20)
    bench.push("a")
    assert bench.take() == ["a"]


@pytest.mark.parametrize(
    ("pushed", "expected"),
    [
        pytest.param(["a", "b", "c", "d"], ["a", "b", "c", "d"], id="full"),
        pytest.param(["a", "idle"], ["a", "idle"], id="nobody is left who could send"),
    ],
)
def test_waiting_ends_when_it_is_vain(pushed: list[str], expected: list[str]) -> None:
    bench = Holding()
    for name in pushed:
        bench.push(name)
    assert bench.take() == expected


def test_waiting_ends_when_the_engine_has_nothing_to_do() -> None:
    bench = Holding()
    bench.push("a")
    assert bench.take() is None
    bench.end(after_ms=1)
    assert bench.take() == ["a"]


def test_nobody_waits_for_clients_that_fell_silent() -> None:
    bench = Holding()
    bench.wait(5_000)
    bench.push("a")
    assert bench.take() == ["a"]


def test_nobody_waits_where_larger_batches_bring_nothing() -> None:
    bench = Bench(requests=2)
    for name in ("idle", "busy"):
        bench.push(name)
        bench.take()
    bench.end()
    bench.push("a")
    assert bench.take() == ["a"]


def test_an_engine_that_runs_two_side_by_side_is_not_kept_waiting() -> None:
    bench = Holding()
    bench.speed.learn(LANE, [Measured(1, 10 * MS, 5 * MS), Measured(4, 32 * MS, 4 * MS)])
    bench.push("a")
    assert bench.take() == ["a"]


def test_no_more_batches_are_in_flight_than_the_engine_has_requests() -> None:
    bench = Bench(requests=2)
    for i in range(3):
        bench.push(f"{i}")
    assert [bench.take(), bench.take(), bench.take()] == [["0"], ["1"], None]
    bench.end()
    assert bench.take() == ["2"]


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
    ("priority", "accepted"),
    [
        pytest.param("urgent", 3, id="urgent: 20 ms"),
        pytest.param("normal", 6, id="normal: 100 ms, with the urgent ones before it"),
        pytest.param("batch", 11, id="batch: 200 ms, after all"),
    ],
)
def test_only_what_is_served_before_counts(priority: Priority, accepted: int) -> None:
    bench = Bench(cost_ms=10, refuse_after=2)
    bench.push("running")
    bench.take()
    for i in range(5):
        bench.push(f"n{i}")
    for i in range(5):
        bench.push(f"b{i}", priority="batch")
    bench.wait(1000 * 60)  # what came before is no rate any more
    for _ in range(accepted):
        bench.push("x", priority=priority)
    with pytest.raises(Overloaded):
        bench.push("x", priority=priority)


def test_a_lively_higher_priority_leaves_less_of_the_engine() -> None:
    bench = Bench(cost_ms=10, requests=100)
    for _ in range(300):  # 75 urgent pictures a second of the 100 that the engine does
        bench.wait(1000 / 75)
        bench.push("u", priority="urgent")
        bench.take()
        bench.end()
    for _ in range(100):
        bench.push("running")
        bench.take()
    bench.push("n")
    assert bench.queue._waits.whole(
        Item((1, 8, 8), print, print, Terms("x"), bench.now), bench.now
    ) == pytest.approx(0.04, rel=0.1)


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
    room = Room(2)
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
    room = Room(40)
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


def test_a_request_that_hangs_is_given_up() -> None:
    bench = Bench(requests=2, watchdog_s=10)
    bench.push("hanging")
    bench.take()
    bench.wait(4000)
    bench.push("later")
    bench.take()
    assert bench.queue.wake_at(bench.now) == pytest.approx(bench.now + 6)
    bench.wait(6000)
    (batch,) = bench.queue.overdue(bench.now)
    assert [bench.names[item] for item in batch.items] == ["hanging"]
    assert batch.settled
    assert not bench.speed.hung
    bench.push("next")
    assert bench.take() is None  # one request is lost, the other one is in use


def test_an_engine_that_hangs_altogether_refuses() -> None:
    bench = Bench(requests=1, watchdog_s=10)
    bench.push("hanging")
    bench.take()
    bench.push("waiting")
    bench.wait(10_000)
    assert len(bench.queue.overdue(bench.now)) == 1
    assert bench.speed.hung
    ((item, reason, error),) = bench.queue.backlog.dropped()
    assert (bench.names[item], reason) == ("waiting", "failed")
    assert isinstance(error, InferenceError)
    with pytest.raises(Overloaded, match="all its requests hang"):
        bench.push("new")
    bench.speed.lost -= 1  # the late result
    bench.push("new")
    assert bench.take() == ["new"]


# How fast.


@pytest.mark.parametrize("requests", [1, 4])
def test_the_cost_of_a_picture_is_the_engines_time_for_it(requests: int) -> None:
    """An engine that has ``requests`` in flight for 40 ms each does one in 40 / requests ms."""
    bench = Bench(requests=requests)
    for _ in range(requests):
        bench.push("x")
        bench.take()
        bench.wait(40 / requests)
    for _ in range(20):
        bench.end()
        bench.push("x")
        bench.take()
        bench.wait(40 / requests)
    assert bench.speed.cost == pytest.approx(40 * MS / requests, rel=0.02)
    assert bench.speed.time(LANE, 1) == pytest.approx(40 * MS)


def test_an_engine_that_is_hardly_used_tells_nothing_of_its_throughput() -> None:
    bench = Bench(requests=4)
    for _ in range(20):
        bench.push("x")
        bench.take()
        bench.end(after_ms=10)
    assert bench.speed.cost is None
    assert bench.speed.time(LANE, 1) == pytest.approx(10 * MS)


def test_the_first_inference_of_a_size_is_no_measure() -> None:
    bench = Bench()
    for ms in (500, 10, 10):
        bench.push("x")
        bench.take()
        bench.end(after_ms=ms)
    assert bench.speed.time(LANE, 1) == pytest.approx(10 * MS)
    assert bench.speed.cost == pytest.approx(10 * MS)


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


def test_an_engine_is_busy_with_as_much_as_it_can_do_at_a_time() -> None:
    speed = Speed(4, (1,))
    speed.learn((8, 8), [Measured(1, alone_s=0.02, cost_s=0.01)])  # two batches side by side
    first, second = speed.started(10.0), speed.started(11.0)
    third = speed.started(12.0)
    for ended, share in ((13.0, first), (14.0, second), (16.0, third)):
        speed.ended((8, 8), 1, 10.0, share, ended)
    # Half of 10 to 11, 11 to 14, half of 14 to 16, and nothing since.
    assert speed.busy(20.0) == pytest.approx(0.5 + 3.0 + 1.0)

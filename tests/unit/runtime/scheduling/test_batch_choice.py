"""Which items run next, and together with whom, by a virtual clock."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.runtime.scheduling.queue_bench import LANE, MS, Bench

from sightline.config import Priority
from sightline.runtime.scheduling.speed import Measured

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


def test_urgent_items_come_before_minimum_rates() -> None:
    bench = Bench()
    bench.push("kept", min_rate=10.0)
    bench.push("u", priority="urgent")
    assert bench.run_all() == ["u", "kept"]


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

"""Clients share an engine: turns by weight, minimum rates, and what is saved up."""

from __future__ import annotations

import pytest
from tests.unit.runtime.scheduling.queue_bench import Bench

from sightline.errors import Overloaded


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

"""How long an item will wait."""

from __future__ import annotations

import pytest
from tests.unit.runtime.scheduling.queue_bench import Bench

from sightline.config import Priority
from sightline.errors import Overloaded
from sightline.runtime.scheduling.items import Item, Terms


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

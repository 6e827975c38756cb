"""The order of what waits."""

from __future__ import annotations

import pytest

from sightline.config import Priority
from sightline.runtime.scheduling.items import BATCH, NORMAL, RANKS, URGENT, Item, Terms
from sightline.runtime.scheduling.waiting import Waiting


def item(
    name: str,
    tag: float = 0.0,
    priority: Priority = "normal",
    *,
    size: tuple[int, int] = (8, 8),
    pictures: int = 1,
    live: bool = False,
) -> Item:
    made = Item((pictures, *size), print, print, Terms(name, priority, live=live), now=0.0)
    made.tag = tag
    return made


def names(items: list[Item]) -> list[str]:
    return [each.terms.client for each in items]


@pytest.mark.parametrize(
    ("items", "order"),
    [
        pytest.param([item("a", 2), item("b", 1), item("c", 3)], "b a c", id="by tag"),
        pytest.param([item("a", 1), item("b", 1), item("c", 1)], "a b c", id="then as they came"),
        pytest.param(
            [item("a", 2), item("b", 1, size=(4, 4)), item("c", 3)],
            "b a c",
            id="of all input sizes",
        ),
        pytest.param(
            [item("a", 2), item("b", 1, "urgent"), item("c", 1, "batch")], "a", id="of one rank"
        ),
    ],
)
def test_items_of_a_rank_are_in_turn(items: list[Item], order: str) -> None:
    waiting = Waiting()
    for each in items:
        waiting.add(each)
    assert names(waiting.in_turn(NORMAL)) == order.split()
    assert names(list(waiting.items)) == [each.terms.client for each in items]


def test_sums_follow_what_comes_and_goes() -> None:
    waiting = Waiting()
    large = item("large", pictures=3)
    urgent = item("urgent", priority="urgent", size=(4, 4), live=True)
    for each in (large, urgent):
        waiting.add(each)
    assert (waiting.pictures[NORMAL], waiting.pictures[URGENT]) == (3, 1)
    assert (waiting.fresh, set(waiting.input_sizes)) == (1, {(8, 8), (4, 4)})
    waiting.remove(urgent)
    assert (waiting.fresh, set(waiting.input_sizes)) == (0, {(8, 8)})
    waiting.remove(large)
    assert (waiting.items, waiting.input_sizes, waiting.pictures) == ({}, {}, [0] * RANKS)


def test_an_item_in_the_middle_of_the_order_is_taken_out() -> None:
    waiting = Waiting()
    items = [item(f"{i}", tag=i) for i in range(7)]
    for each in items:
        waiting.add(each)
    for number in (3, 0, 5):
        waiting.remove(items[number])
    assert names(waiting.in_turn(NORMAL)) == ["1", "2", "4", "6"]


def test_spares_run_by_their_own_key_and_do_not_count() -> None:
    waiting = Waiting()
    old, new, normal = item("old", live=True), item("new", live=True), item("normal", tag=1.0)
    for each in (old, new, normal):
        waiting.add(each)
    for each in (old, new):
        waiting.make_spare(each, key=5.0)
    assert names(waiting.in_turn(NORMAL)) == ["normal"]
    assert (waiting.spares, waiting.fresh, waiting.pictures[NORMAL]) == (2, 0, 1)
    heap = waiting.input_sizes[8, 8][NORMAL]
    assert [e[2].terms.client for e in sorted(heap)] == ["normal", "new", "old"]  # newest first
    waiting.remove(new)
    assert (waiting.spares, waiting.pictures[NORMAL], waiting.pictures[BATCH]) == (1, 1, 0)

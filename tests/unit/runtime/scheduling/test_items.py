"""What waits for an engine: when it comes too late, and how it ranks."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.runtime.scheduling.items import (
    BATCH,
    KEPT,
    NEVER,
    NOBODY,
    NORMAL,
    RANK,
    URGENT,
    Client,
    Item,
    Terms,
)


def item(now: float = 100.0, shape: tuple[int, int, int] = (2, 480, 640), **terms: Any) -> Item:
    return Item(shape, lambda _: None, lambda _: None, Terms("gate", **terms), now)


@pytest.mark.parametrize(
    ("terms", "expiry"),
    [
        ({}, NEVER),
        ({"deadline": 105.0}, 105.0),
        ({"max_age_s": 2.0}, 102.0),
        ({"max_age_s": 2.0, "since": 99.5}, 101.5),
        ({"max_age_s": 2.0, "deadline": 101.0}, 101.0),
        ({"max_age_s": 2.0, "deadline": 103.0}, 102.0),
        ({"max_age_s": 0.0}, 100.0),
        ({"deadline": 0.0}, 0.0),
    ],
)
def test_when_an_item_comes_too_late(terms: dict[str, float], expiry: float) -> None:
    assert item(**terms).expiry == expiry


def test_an_item_is_what_was_submitted() -> None:
    found = item(since=90.0, priority="batch")
    assert (found.pictures, found.input_size) == (2, (480, 640))
    assert (found.arrived, found.since, found.priority, found.rank) == (100.0, 90.0, "batch", BATCH)
    assert found.client is NOBODY
    assert not found.future.done()
    assert (found.spare, found.again, found.gone, found.error) == (False, False, False, None)


def test_urgent_ones_run_first_and_those_of_an_assured_rate_before_others() -> None:
    assert URGENT < KEPT < NORMAL < BATCH
    assert [RANK[one] for one in ("urgent", "normal", "batch")] == [URGENT, NORMAL, BATCH]


def test_a_new_client_has_no_history() -> None:
    one, other = Client("a", 5.0), Client("b", 5.0)
    one.waiting[NORMAL] += 1
    one.frames.append(item())
    assert other.waiting == [0, 0, 0, 0]
    assert other.frames == []
    assert (other.busy, other.tokens, other.known_until) == (0, 1.0, 5.0)

"""Where bicycles and motorcycles stand: at the kerb, apart, and in nobody's way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.sources.street.layout import PARKING, make_layout
from sightline.sources.street.stands import END, START, make_bay, make_stands, row

SEEDS = range(12)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_stands_are_beside_the_road_and_clear_of_what_is_there(seed: int) -> None:
    layout = make_layout(seed)
    found = make_stands(layout, rng(seed))
    assert found
    fixed = [(tree.x, tree.y) for tree in layout.trees] + list(layout.lamps)
    for stand in found:
        assert abs(abs(stand.x) - layout.half - 0.85) < 0.1
        assert START - 1 <= stand.y <= END + 12
        assert math.hypot(stand.hx, stand.hy) == pytest.approx(1.0, abs=0.01)
        assert abs(stand.y - layout.zebra) > 2.5
        near = [1 for x, y in fixed if x * stand.x > 0 and abs(y - stand.y) <= 1.4]
        assert near == []


def test_the_same_numbers_make_the_same_stands() -> None:
    layout = make_layout(3)
    assert make_stands(layout, rng(7)) == make_stands(layout, rng(7))
    assert make_stands(layout, rng(7)) != make_stands(layout, rng(8))


@pytest.mark.parametrize("seed", SEEDS)
def test_things_in_a_row_stand_alike_and_apart(seed: int) -> None:
    found = row(rng(seed), "bicycle", 5.0, 10.0, 1, 4)
    assert {(stand.kind, abs(stand.hx), abs(stand.hy)) for stand in found} == {
        ("bicycle", abs(found[0].hx), abs(found[0].hy))
    }
    gaps = np.diff([stand.y for stand in found])
    assert (gaps > 1.3).all()
    assert row(rng(seed), "bicycle", 5.0, 10.0, 1, 0) == []


@pytest.mark.parametrize("side", [-1, 1])
def test_a_bay_is_in_the_parking_strip(side: int) -> None:
    layout = make_layout(1)
    found = make_bay(layout, rng(), side, 20.0)
    assert len(found) == 3
    for stand in found:
        assert abs(stand.x - side * (layout.half - PARKING / 2)) < 0.1
        assert 17.9 < stand.y < 22.1

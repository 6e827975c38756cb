"""The street of a seed: its lanes, buildings, trees and lamps, each where it can be."""

from __future__ import annotations

import pytest

from sightline.sources.street.layout import CROSSING, LANE, PARKING, SIDE_HALF, make_layout

SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_street_fits_together(seed: int) -> None:
    street = make_layout(seed)
    assert street.lanes in (1, 2)
    assert street.half == pytest.approx(street.lanes * LANE + 0.3 + PARKING * any(street.parking))
    assert 3.2 <= street.pavement <= 4.6
    assert 19 <= street.zebra <= 23
    assert 44 <= street.junction <= 58
    assert street.zebra + CROSSING < street.junction - SIDE_HALF


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_stands_on_the_road_or_in_a_building(seed: int) -> None:
    street = make_layout(seed)
    things = [(tree.x, tree.y) for tree in street.trees] + list(street.lamps)
    assert things
    for x, _ in things:
        assert street.half <= abs(x) <= street.half + street.pavement
    for building in street.buildings:
        assert building.x0 < building.x1
        assert building.y0 < building.y1
        assert building.height > 0
        assert min(abs(building.x0), abs(building.x1)) >= street.half + street.pavement - 1e-9
        assert not any(
            building.x0 < x < building.x1 and building.y0 < y < building.y1 for x, y in things
        )


def test_one_seed_makes_one_street_and_others_others() -> None:
    assert make_layout(3) == make_layout(3)
    streets = [make_layout(seed) for seed in SEEDS]
    assert len({street.junction for street in streets}) == len(streets)
    assert {street.lanes for street in streets} == {1, 2}

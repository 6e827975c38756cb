"""The light of the street: by day, weather and place."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from sightline.sources.street.drawing.light import (
    GroundLight,
    Lighting,
    make_haze_table,
    make_lighting,
)
from sightline.sources.street.layout import make_layout
from sightline.sources.street.options import StreetOptions

LIGHTS, WEATHERS = ("day", "dusk", "night"), ("clear", "rain", "fog")


def light_of(light: str, weather: str = "clear", seed: int = 1) -> Lighting:
    return make_lighting(StreetOptions(seed=seed, light=light, weather=weather).resolved())  # type: ignore[arg-type]


@pytest.mark.parametrize(("light", "weather"), list(product(LIGHTS, WEATHERS)))
def test_every_light_is_possible(light: str, weather: str) -> None:
    found = light_of(light, weather)
    assert math.hypot(*found.direction) == pytest.approx(1.0)
    assert found.direction[2] > 0
    assert found.wet is (weather == "rain")
    assert found.soft is (weather != "clear" or light != "day")
    assert found.headlights is (light != "day" or weather != "clear")
    assert (found.lamps == 0) is (light == "day")


def test_days_are_brighter_than_nights_and_fog_is_thicker_than_rain() -> None:
    day, dusk, night = (sum(light_of(light).ambient) for light in LIGHTS)
    assert day > dusk > night
    clear, rain, fog = (light_of("day", weather).thickness for weather in WEATHERS)
    assert clear < rain < fog
    assert sum(light_of("day", "rain").sun) < sum(light_of("day").sun)


def test_the_sun_stands_elsewhere_on_another_street_and_never_ahead_of_the_camera() -> None:
    suns = {light_of("day", seed=seed).direction for seed in range(30)}
    assert len(suns) > 20
    assert all(y < 0.2 for _, y, _ in suns)


@pytest.mark.parametrize("thickness", [0.0022, 0.028])
def test_haze_takes_its_share_with_the_depth(thickness: float) -> None:
    table = make_haze_table(thickness)
    assert (table.shape, table.dtype, table[0]) == ((4096,), np.float32, 1.0)
    assert (np.diff(table) <= 0).all()
    assert table[400] == pytest.approx(math.exp(-thickness * 100), abs=1e-4)


STREET = make_layout(1)


def test_buildings_cast_shadows_where_the_sun_shines() -> None:
    sunny = GroundLight(STREET, light_of("day"))
    overcast = GroundLight(STREET, light_of("day", "rain"))
    assert sunny.sun.min() == 0.0
    assert sunny.sun.max() == 1.0
    assert overcast.sun.min() > 0.3, "trees only"
    assert sunny.sun.shape == (GroundLight.ROWS, GroundLight.COLUMNS)


def test_lamps_light_what_is_below_them() -> None:
    night = GroundLight(STREET, light_of("night"))
    x, y = STREET.lamps[0]
    below = night.at(x - math.copysign(1.6, x), y)[1]
    assert below > 2 * night.at(0.0, -20.0)[1]
    assert GroundLight(STREET, light_of("day")).lamp.max() == 0.0


def test_beyond_the_ground_there_is_sun_and_no_lamp() -> None:
    night = GroundLight(STREET, light_of("night"))
    for x, y in ((-1000.0, 0.0), (0.0, 1000.0), (GroundLight.X0 - 0.3, 0.0)):
        assert night.at(x, y) == (1.0, 0.0)


def test_many_points_are_lit_as_single_ones() -> None:
    ground = GroundLight(STREET, light_of("dusk"))
    points = np.random.default_rng(1).uniform((-40, -20), (40, 200), (200, 2)).astype(np.float32)
    sun, lamp = ground.sample(points[:, 0], points[:, 1])
    single = [ground.at(float(x), float(y)) for x, y in points]
    assert sun.tolist() == pytest.approx([one for one, _ in single])
    assert lamp.tolist() == pytest.approx([one for _, one in single])

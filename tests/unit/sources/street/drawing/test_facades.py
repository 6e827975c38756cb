"""Walls with windows: by day they reflect, by night some of them shine."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.sources.street.drawing.facades import paint_facade
from sightline.sources.street.drawing.ground import make_texture
from sightline.sources.street.layout import Building, make_layout

TEXTURE = make_texture(np.random.Generator(np.random.PCG64(1)))
HOUSE: Building = make_layout(1).buildings[0]


def facade(box: Building = HOUSE, axis: int = 0, lit: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Points every 10 cm of a part of the wall."""
    u, v = (one.ravel().astype(np.float32) for one in np.meshgrid(np.arange(0, 15, 0.1), np.arange(0, box.height, 0.1)))  # fmt: skip
    size = np.full_like(u, 0.1)
    return paint_facade(box, axis, u, v, size, size, lit, TEXTURE)


def test_every_point_has_a_colour_and_a_shine() -> None:
    albedo, shine = facade()
    assert albedo.shape == (len(shine), 3)
    assert albedo.dtype == np.float32
    assert np.isfinite(albedo).all()
    assert ((albedo >= 0) & (albedo <= 1.3)).all()
    assert ((shine >= 0) & (shine <= 1.5)).all()
    assert albedo.std() > 0.02, "windows stand out from the wall"


def test_at_night_more_windows_shine() -> None:
    shines = [facade(lit=lit)[1] for lit in (0.0, 0.3, 0.9)]
    shares = [float((shine > 0.05).mean()) for shine in shines]
    assert shares == sorted(set(shares))
    assert shares[-1] < 0.4
    upper = len(shines[0]) // 2
    assert shines[0][upper:].max() == 0, "above the shops nobody has a lamp on by day"
    assert shines[-1][upper:].max() > 0.3


def test_a_roof_is_plain_and_dark() -> None:
    albedo, shine = facade(axis=2)
    assert shine.max() == 0
    assert albedo.std() < 0.05


def test_shops_are_on_the_street_side_only() -> None:
    street, other = facade(axis=0)[1], facade(axis=1)[1]
    ground = int(2.5 / 0.1) * 150
    assert street[:ground].max() > 0
    assert other[:ground].max() == 0


@pytest.mark.parametrize("pixel", [0.5, 3.0, 20.0])
def test_from_afar_windows_become_an_even_tone(pixel: float) -> None:
    u = np.linspace(0, 60, 500).astype(np.float32)
    v = np.full_like(u, 9.0)
    size = np.full_like(u, pixel)
    albedo, _ = paint_facade(HOUSE, 0, u, v, size, size, 0.0, TEXTURE)
    assert albedo.std(0).max() < (0.03 if pixel > 10 else 0.3)


def test_each_building_has_a_look_of_its_own() -> None:
    tones = {
        tuple(facade(box)[0].mean(0).round(3).tolist()) for box in make_layout(1).buildings[:6]
    }
    assert len(tones) > 3
    assert (facade()[0] == facade()[0]).all()

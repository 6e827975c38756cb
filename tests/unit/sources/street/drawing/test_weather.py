"""What the air and the camera add to a picture, and that it is the same for one seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.sources.street.drawing.light import make_lighting
from sightline.sources.street.drawing.shapes import HEAD, TAIL
from sightline.sources.street.drawing.weather import Lens
from sightline.sources.street.options import StreetOptions
from sightline.types import Pixels


def lens(**more: Any) -> Lens:
    given: dict[str, Any] = {
        "seed": 3,
        "width": 160,
        "height": 96,
        "noise": 0,
        "jpeg": 0,
        "shake": 0,
        "blur": 0,
    }
    options = StreetOptions(**{**given, **more}).resolved()
    return Lens(options, make_lighting(options))


def grey(level: int = 100) -> Pixels:
    return np.full((96, 160, 3), level, np.uint8)


def test_a_clear_lens_changes_nothing() -> None:
    assert (lens().finish(grey()) == 100).all()


def test_noise_is_even_and_grows() -> None:
    weak, strong = (lens(noise=amount).finish(grey()).astype(float) for amount in (1.0, 2.0))
    assert weak.mean() == pytest.approx(100, abs=0.5)
    assert 0.5 < weak.std() < strong.std()
    one = lens(noise=1.0)
    assert (one.finish(grey()) != one.finish(grey())).any(), "each frame has its own"


def test_rain_only_brightens_and_snow_hides() -> None:
    rain = lens(weather="rain").finish(grey())
    assert (rain >= 100).all()
    assert 0 < (rain > 100).mean() < 0.9
    stripes = np.zeros((96, 160, 3), np.uint8)
    stripes[:, ::2] = 255
    snowy = lens(snow=1.0).finish(stripes.copy()).astype(int)
    contrast = abs(snowy[:, 1::2] - snowy[:, ::2]).mean(2)
    assert contrast.min() < 60, "where it lies hardly a stripe is seen"
    assert contrast.max() == 255


@pytest.mark.parametrize(("exposure", "brighter"), [(1.0, True), (-1.0, False)])
def test_exposure(exposure: float, brighter: bool) -> None:
    found = lens(exposure=exposure).finish(grey())
    assert found.min() == found.max()
    assert bool(found.max() > 100) is brighter
    assert lens(exposure=3.0).finish(grey(250)).max() == 255
    assert lens(exposure=exposure).finish(grey(0)).max() == 0


def test_blur_softens_an_edge() -> None:
    edge = grey(0)
    edge[:, 80:] = 200
    assert len(np.unique(lens(blur=2).finish(edge.copy()))) > 2
    assert len(np.unique(lens().finish(edge.copy()))) == 2


def test_a_lamp_shines_around_itself_and_never_beyond_the_picture() -> None:
    one = lens(light="night")
    dark = grey(0)
    one.add_glow(dark, 80, 48, 10, HEAD)
    assert dark[48, 80].min() > 100
    assert dark[48, 85].max() < dark[48, 80].max()
    assert dark[48, 95].max() == 0
    red = grey(0)
    one.add_glow(red, 80, 48, 10, TAIL)
    assert red[48, 80, 2] > 2 * red[48, 80, 0]
    for x, y in ((-500, 48), (0, 0), (159, 95), (80, 5000)):
        one.add_glow(grey(0), x, y, 30, HEAD)
    bright = grey(255)
    one.add_glow(bright, 80, 48, 10, HEAD)
    assert (bright == 255).all()


def test_a_wet_road_shows_a_lamp_again() -> None:
    dry, wet = grey(0), grey(0)
    lens(light="night").add_glow(dry, 80, 30, 10, HEAD)
    lens(light="night", weather="rain").add_glow(wet, 80, 30, 10, HEAD)
    below = slice(45, 60), 80
    assert wet[below].sum() > dry[below].sum()


def test_the_camera_sways_within_limits_and_is_still_where_it_should_be() -> None:
    swaying, still = lens(shake=1.0), lens()
    moves = [swaying.sway() for _ in range(300)]
    assert len(set(moves)) > 3
    assert max(abs(part) for move in moves for part in move) <= 4
    assert {still.sway() for _ in range(100)} == {(0, 0)}


def test_automatic_exposure_is_never_quite_still_nor_far_off() -> None:
    one = lens()
    gains = [one.exposure() for _ in range(2000)]
    assert max(abs(gain - 1) for gain in gains) <= 0.03
    assert len(set(gains)) > 100


def test_one_seed_makes_one_sequence() -> None:
    first, again, other = (
        [lens(seed=seed, noise=1.0, shake=1.0, weather="rain").finish(grey()) for _ in range(2)] for seed in (3, 3, 4)
    )  # fmt: skip
    assert (first[1] == again[1]).all()
    assert (first[1] != other[1]).any()

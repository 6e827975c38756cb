"""Footage that says little of what cameras show is told apart from footage that does."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from sightline.optimize.variants.footage import FootageLook, look_at
from sightline.optimize.variants.pictures import NetworkPictures
from sightline.types import Pixels

RNG = np.random.default_rng(0)


def scenes(count: int) -> list[Pixels]:
    """Coloured pictures with something at another place in each of them, and noise."""
    found = []
    for number in range(count):
        pixels = RNG.integers(90, 110, (96, 160, 3)).astype(np.uint8)
        pixels[..., 0] += 30
        x = 6 * (number % 25)
        pixels[20:50, x : x + 10] = 200
        found.append(pixels)
    return found


def seen(pictures: list[Pixels], source: tuple[int, int] = (320, 192)) -> FootageLook:
    with closing(NetworkPictures()) as kept:
        for pixels in pictures:
            kept.add(pixels, source)
        return look_at(kept)


def test_usual_footage_is_not_doubted() -> None:
    assert seen(scenes(24)) == FootageLook(24, ())


def test_one_picture_with_noise_again_and_again() -> None:
    one = scenes(1)[0]
    again = [np.clip(one + RNG.normal(0, 6, one.shape), 0, 255).astype(np.uint8) for _ in range(40)]
    look = seen(again)
    assert look.different == 1
    assert look.doubts == ("only 1 of 40 pictures differ: take footage in which more happens",)


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (lambda p: np.repeat(p.mean(2, keepdims=True), 3, 2), "no picture has colours"),
        (lambda p: p * 0.2, "all pictures are dark"),
        (lambda p: 255 - p * 0.15, "all pictures are bright"),
    ],
)
def test_pictures_that_are_all_of_one_kind(change: object, doubt: str) -> None:
    assert callable(change)
    changed = [change(pixels.astype(np.float32)).astype(np.uint8) for pixels in scenes(24)]
    (told,) = seen(changed).doubts
    assert doubt in told
    assert seen([*changed[:20], *scenes(4)]).doubts == ()


def test_a_border_makes_no_dark_picture_bright() -> None:
    framed = []
    for pixels in scenes(24):
        picture = np.full((160, 160, 3), 114, np.uint8)
        picture[:96] = pixels // 5
        framed.append(picture)
    (told,) = seen(framed).doubts
    assert "dark" in told


def test_small_pictures_are_told_with_their_size() -> None:
    (told,) = seen(scenes(24), source=(40, 24)).doubts
    assert told.startswith("pictures such as those of 40×24 are enlarged 4.0 times")

"""The shape of a video's pixels."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.sources.pixel_aspect import PixelAspect, displayed_width, usable_aspect


@pytest.mark.parametrize(
    ("ratio", "aspect"),
    [
        (None, 1.0),
        (Fraction(0), 1.0),
        (Fraction(1), 1.0),
        (Fraction(3201, 3200), 1.0),
        (Fraction(1000), 1.0),
        (Fraction(-4, 3), 1.0),
        (Fraction(4, 3), 4 / 3),
        (Fraction(8), 8.0),
        (Fraction(10, 11), 10 / 11),
    ],
)
def test_ratios_that_can_be_followed(ratio: Fraction | None, aspect: float) -> None:
    assert usable_aspect(ratio) == aspect


@pytest.mark.parametrize(
    ("width", "aspect", "shown"),
    [(720, 1.0, 720), (721, 1.0, 721), (720, 16 / 15, 768), (720, 10 / 11, 654), (1, 1 / 8, 2)],
)
def test_the_width_with_square_pixels(width: int, aspect: float, shown: int) -> None:
    assert displayed_width(width, aspect) == shown


def stream(coded: Fraction | None, guessed: Fraction | None) -> Any:
    return SimpleNamespace(
        codec_context=SimpleNamespace(sample_aspect_ratio=coded), sample_aspect_ratio=guessed
    )


def frames(aspect: PixelAspect, *pts: int | None) -> list[float]:
    return [aspect.of(SimpleNamespace(pts=at)) for at in pts]  # type: ignore[arg-type]


def test_what_the_container_says_holds() -> None:
    video = stream(Fraction(1), Fraction(4, 3))
    aspect = PixelAspect(video)
    video.codec_context.sample_aspect_ratio = Fraction(2)
    aspect.note(SimpleNamespace(pts=5))  # type: ignore[arg-type]
    assert frames(aspect, 4, 5) == [4 / 3, 4 / 3]


def test_a_change_holds_from_the_picture_that_brought_it() -> None:
    video = stream(Fraction(4, 3), Fraction(4, 3))
    aspect = PixelAspect(video)
    assert frames(aspect, 0) == [4 / 3]
    video.codec_context.sample_aspect_ratio = Fraction(2)
    aspect.note(SimpleNamespace(pts=3))  # type: ignore[arg-type]
    aspect.note(SimpleNamespace(pts=4))  # type: ignore[arg-type]
    assert frames(aspect, 1, 2, 3, 4) == [4 / 3, 4 / 3, 2, 2]


def test_a_change_before_the_first_picture_holds_at_once() -> None:
    video = stream(None, None)
    aspect = PixelAspect(video)
    video.codec_context.sample_aspect_ratio = Fraction(4, 3)
    aspect.note(SimpleNamespace(pts=9))  # type: ignore[arg-type]
    assert frames(aspect, 0) == [4 / 3]

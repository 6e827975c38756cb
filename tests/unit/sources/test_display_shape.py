"""The shape of a video's pixels, and how its frames are turned."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sightline.sources.display_shape import (
    DisplayMatrix,
    PixelAspect,
    displayed_width,
    usable_aspect,
)


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


class Shown:
    """A decoded frame with a display matrix, which counts how often it is asked for it."""

    def __init__(self, rotation: float, matrix: tuple[int, ...] | None) -> None:
        self.rotation = rotation
        self._matrix = matrix
        self.asked = 0

    @property
    def side_data(self) -> dict[str, bytes]:
        self.asked += 1
        return (
            {}
            if self._matrix is None
            else {"DISPLAYMATRIX": np.array(self._matrix, np.int32).tobytes()}
        )


ONE = 1 << 16


@pytest.mark.parametrize(
    ("rotation", "matrix", "orientation"),
    [
        pytest.param(0, None, (0, False), id="none"),
        pytest.param(-90, (0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30), (270, False), id="a quarter"),
        pytest.param(
            0, (ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), (180, True), id="upside down in a mirror"
        ),
    ],
)
def test_the_display_matrix(
    rotation: float, matrix: tuple[int, ...] | None, orientation: tuple[int, bool]
) -> None:
    shown: Any = Shown(rotation, matrix)
    assert DisplayMatrix().of(shown) == orientation


def test_the_matrix_is_read_again_where_the_rotation_changes() -> None:
    """Reading it keeps the frame until the garbage collector comes."""
    matrix = DisplayMatrix()
    plain: list[Any] = [Shown(0, None) for _ in range(3)]
    turned: list[Any] = [Shown(-90, (0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30)) for _ in range(2)]
    assert [matrix.of(one).turn for one in (*plain, *turned, plain[0])] == [0, 0, 0, 270, 270, 0]
    assert [one.asked for one in (*plain, *turned)] == [2, 0, 0, 1, 0]

"""Strokes on a canvas: what is drawn alone covers the very pixels that are drawn together."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.sources.street.drawing.paint import (
    BITS,
    DISC,
    LINE,
    OUTLINE,
    POLYGON,
    THINNEST,
    Stroke,
    draw,
)

ONE = 1 << BITS
CORNERS = np.array([[20, 20], [60, 20], [60, 50], [20, 50]], np.int32) * ONE
COLOUR = (10, 20, 30, 7)
STROKES: dict[str, Stroke] = {
    "polygon": (POLYGON, CORNERS, COLOUR, 0),
    "line": (LINE, ((20 * ONE, 20 * ONE), (60 * ONE, 50 * ONE)), COLOUR, THINNEST),
    "disc": (DISC, (40 * ONE, 40 * ONE), COLOUR, 12 * ONE),
    "outline": (OUTLINE, CORNERS, COLOUR, THINNEST),
}


def canvas() -> np.ndarray:
    return np.zeros((80, 100, 4), np.uint8)


@pytest.mark.parametrize("stroke", STROKES.values(), ids=STROKES)
def test_a_stroke_has_its_colour_and_its_slot(stroke: Stroke) -> None:
    together = canvas()
    draw(together, [stroke])
    painted = together[together[..., 3] > 0]
    assert len(painted) > 50
    assert (painted == COLOUR).all()


@pytest.mark.parametrize("stroke", STROKES.values(), ids=STROKES)
@pytest.mark.parametrize("shift", [(0, 0), (-15, -10), (25, 20)])
def test_alone_it_covers_the_same_pixels(stroke: Stroke, shift: tuple[int, int]) -> None:
    together, alone = canvas(), np.zeros((80, 100), np.uint8)
    draw(together, [stroke])
    draw(alone, [stroke], shift)
    moved = np.roll(together[..., 3], (shift[1], shift[0]), (0, 1))
    assert ((alone == 255) == (moved > 0)).all()


def test_areas() -> None:
    for name, least, most in (("polygon", 1200, 1300), ("disc", 440, 500), ("outline", 250, 450)):
        found = canvas()
        draw(found, [STROKES[name]])
        assert least < (found[..., 3] > 0).sum() < most, name


def test_later_strokes_lie_above() -> None:
    found = canvas()
    draw(found, [STROKES["polygon"], (DISC, (40 * ONE, 40 * ONE), (1, 2, 3, 8), 5 * ONE)])
    assert found[40, 40].tolist() == [1, 2, 3, 8]
    assert found[21, 21].tolist() == list(COLOUR)
    draw(found, [])
    assert found[40, 40, 3] == 8


def test_what_reaches_beyond_the_canvas_is_cut_off() -> None:
    found = canvas()
    draw(found, [(POLYGON, CORNERS - 40 * ONE, COLOUR, 0)])
    assert (found[..., 3] > 0).sum() == pytest.approx(21 * 11, abs=2)

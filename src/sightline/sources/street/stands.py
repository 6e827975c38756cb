"""Where bicycles and motorcycles stand without a rider: in rows along the kerb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.sources.street.layout import CROSSING, PARKING, SIDE_HALF, Layout

_HEADINGS = ((0.0, 1.0), (0.28, 0.96), (0.6, 0.8), (0.8, 0.6), (1.0, 0.0))
"""To the kerb (x) and along it (y): the steeper, the closer they stand."""
_APART = (2.7, 2.6, 2.0, 1.7, 1.6)
_CLEAR = 1.4
"""Kept free round trees and lamps (m)."""
START, END = 4.0, 66.0
"""Nearer no camera looks down on them, farther up the street nobody could tell them (m)."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A place for one bicycle or motorcycle: its kind, its middle, its heading."""

    kind: str
    x: float
    y: float
    hx: float
    hy: float


def make_stands(street: Layout, rng: np.random.Generator) -> list[Stand]:
    """Rows of one to four on the kerb side of both pavements, clear of all that stands there."""
    found: list[Stand] = []
    for side in (-1, 1):
        y = START + 12.0 * rng.random()
        while y < END:
            kind = "bicycle" if rng.random() < 0.6 else "motorcycle"
            found += row(rng, kind, side * (street.half + 0.85), y, side, 1 + int(4 * rng.random()))
            y = found[-1].y + 6.0 + 12.0 * rng.random()
    return [stand for stand in found if _is_free(street, stand)]


def make_bay(street: Layout, rng: np.random.Generator, side: int, y: float) -> list[Stand]:
    """A row of three in a place for a car on the parking strip, from ``y - 2`` to ``y + 2``."""
    kind = "bicycle" if rng.random() < 0.45 else "motorcycle"
    return row(rng, kind, side * (street.half - PARKING / 2), y - 1.8, side, 3, steepest=True)


def row(
    rng: np.random.Generator, kind: str, x: float, y: float, side: int, count: int,
    steepest: bool = False,
) -> list[Stand]:  # fmt: skip
    """``count`` things of a kind from ``y`` on, all slanted alike; some stand the other way."""
    # The strip between the kerb and where people walk is narrow; a motorcycle is longer.
    first, choices = (3, 2) if steepest else (0, 2 if kind == "motorcycle" else 3)
    at = first + int(choices * rng.random())
    hx, hy = _HEADINGS[at]
    found = []
    for number in range(count):
        way = -1.0 if rng.random() < 0.3 else 1.0
        shift = 0.12 * (rng.random() - 0.5)
        place = y + number * _APART[at] + 0.2 * (rng.random() - 0.5)
        found.append(Stand(kind, x + shift, place, way * side * hx, way * hy))
    return found


def _is_free(street: Layout, stand: Stand) -> bool:
    """Whether nothing stands there, and nobody crosses the road or a side road there."""
    low, high = street.junction_crossings
    reach = CROSSING / 2 + 2.5
    if abs(stand.y - street.zebra) < reach or low - reach < stand.y < high + reach:
        return False
    if abs(stand.y - street.junction) < SIDE_HALF + 6:
        return False
    fixed = [(tree.x, tree.y) for tree in street.trees] + list(street.lamps)
    return all(x * stand.x < 0 or abs(y - stand.y) > _CLEAR for x, y in fixed)

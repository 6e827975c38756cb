"""Ways through the street: without a gap, as long as they are, and never two that cross at green."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from sightline.sources.street.layout import make_layout
from sightline.sources.street.paths import Signals, make_paths


@pytest.mark.parametrize("seed", [0, 1])
def test_paths_are_continuous(seed: int) -> None:
    for path in make_paths(make_layout(seed)):
        previous = path.at(0.0)
        for at in range(1, int(path.length * 4)):
            x, y, hx, hy = path.at(at / 4)
            assert math.hypot(x - previous[0], y - previous[1]) == pytest.approx(0.25, abs=0.01)
            assert hx * previous[2] + hy * previous[3] > 0.99
            previous = (x, y, hx, hy)


def test_conflicting_signals_are_never_open_together() -> None:
    signals = Signals(0.3)
    opened = set()
    for at in range(1200):
        lights = signals.at(at / 10)
        groups = {
            "main" if gate in ("north", "south") else gate
            for gate, colour in lights.items()
            if colour != "red"
        }
        assert len(groups) <= 1
        opened |= groups
    assert opened == {"main", "west", "east", "walk"}


@pytest.mark.parametrize("seed", range(4))
def test_ends_and_turns(seed: int) -> None:
    street = make_layout(seed)
    paths = make_paths(street)
    assert len(paths) == 2 * street.lanes + 2 + 6
    for path in paths:
        pieces = path.pieces
        for before, after in pairwise(pieces):
            assert after.start == pytest.approx(before.start + before.length)
            x, y, hx, hy = path.at(after.start - 1e-9)
            assert (x, y) == pytest.approx((after.x, after.y), abs=1e-2)
            assert (hx, hy) == pytest.approx(
                (math.cos(after.angle), math.sin(after.angle)), abs=1e-3
            )
        first, last = path.at(0), path.at(path.length)
        turned = first[2] * last[3] - first[3] * last[2]
        assert turned == pytest.approx(path.turn, abs=1e-3)
        beyond = path.at(path.length + 5)
        assert math.dist(beyond[:2], last[:2]) == pytest.approx(5)
        assert all(0 < at < path.length for at, _ in path.stops)
        assert [path.bend_at < math.inf, len(pieces)] == [path.turn != 0, 3 if path.turn else 1]


def test_a_quarter_turn_is_an_arc() -> None:
    for path in make_paths(make_layout(0)):
        if path.turn:
            radius = (path.bend_end - path.bend_at) / (math.pi / 2)
            x, y, hx, hy = path.at(path.bend_at)
            centre = (x - path.turn * radius * hy, y + path.turn * radius * hx)
            for share in (0.1, 0.5, 0.9):
                at = path.at(path.bend_at + share * (path.bend_end - path.bend_at))
                assert math.dist(at[:2], centre) == pytest.approx(radius, abs=0.01)


def test_a_cycle_of_lights_comes_again() -> None:
    signals = Signals(0.0)
    # 26 + 5 + 5 + 11 s of green, and four times yellow and clearing of 2.5 s each.
    assert signals.cycle == 67
    for time in (0.0, 12.3, 40.0, 66.9):
        assert signals.at(time) == signals.at(time + 67 * 3)
        assert Signals(0.25).at(time) == signals.at(time + 67 / 4)
    told = {at: signals.at(at) for at in (0.0, 25.9, 26.1, 28.6, 31.1, 36.1)}
    assert [told[at]["north"] for at in told] == ["green", "green", "yellow", "red", "red", "red"]
    assert [told[at]["west"] for at in told] == ["red", "red", "red", "red", "green", "yellow"]
    # People may begin to walk in the first 4 of 11 s: 67 - 5 - 11 = 51.
    assert [signals.at(at)["walk"] for at in (50.9, 51.1, 54.9, 55.1, 64.4, 64.6)] == [
        "red", "green", "green", "yellow", "yellow", "red",
    ]  # fmt: skip

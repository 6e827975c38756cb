"""The ways that vehicles take through the street: straight pieces and quarter turns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sightline.sources.street.camera import cosine, sine
from sightline.sources.street.layout import (
    CROSSING,
    FAR_END,
    NEAR_END,
    SIDE_END,
    SIDE_LANE,
    Layout,
)

EAST, NORTH, WEST, SOUTH = 0, 1, 2, 3
_STEP = ((1, 0), (0, 1), (-1, 0), (0, -1))
TURN_SPEED = 4.5
"""Nobody drives faster than this (m/s) round a corner."""


@dataclass(frozen=True, slots=True)
class _Piece:
    start: float
    length: float
    x: float
    y: float
    angle: float
    bend: float
    """1 / radius, positive to the left; 0 is straight."""


@dataclass
class Path:
    """A way with positions measured along it in metres.

    ``stops`` are (position, gate): where to wait while the gate (a signal or a crossing) is shut.
    ``turn`` is 1 for a left turn, -1 for a right turn. ``beside`` are the paths of the same road
    with the same positions that one may change to.
    """

    pieces: list[_Piece] = field(default_factory=list)
    stops: list[tuple[float, str]] = field(default_factory=list)
    turn: int = 0
    bend_at: float = math.inf
    bend_end: float = math.inf
    beside: list[int] = field(default_factory=list)
    outer: bool = False

    @property
    def length(self) -> float:
        """Metres from the beginning to the end."""
        last = self.pieces[-1]
        return last.start + last.length

    def at(self, s: float) -> tuple[float, float, float, float]:
        """Position and unit heading (x, y, hx, hy) at ``s`` metres; straight on past the ends."""
        piece = self.pieces[0]
        for following in self.pieces[1:]:
            if s < following.start:
                break
            piece = following
        along = s - piece.start
        if not piece.bend:
            hx, hy = cosine(piece.angle), sine(piece.angle)
            return piece.x + hx * along, piece.y + hy * along, hx, hy
        now = piece.angle + along * piece.bend
        hx, hy, radius = cosine(now), sine(now), 1 / piece.bend
        return (
            piece.x + radius * (hy - sine(piece.angle)),
            piece.y - radius * (hx - cosine(piece.angle)),
            hx,
            hy,
        )


def _path(x: float, y: float, way: int, runs: list[float], turns: list[tuple[int, float]]) -> Path:
    """Straight runs with quarter turns (1 left or -1 right, radius) between them."""
    path, s = Path(), 0.0
    for at, run in enumerate(runs):
        path.pieces.append(_Piece(s, run, x, y, way * math.pi / 2, 0.0))
        s, x, y = s + run, x + run * _STEP[way][0], y + run * _STEP[way][1]
        if at < len(turns):
            side, radius = turns[at]
            arc = radius * math.pi / 2
            path.pieces.append(_Piece(s, arc, x, y, way * math.pi / 2, side / radius))
            path.bend_at, path.bend_end, path.turn = s, s + arc, side
            after = (way + side) % 4
            x += radius * (_STEP[way][0] + _STEP[after][0])
            y += radius * (_STEP[way][1] + _STEP[after][1])
            s, way = s + arc, after
    return path


def make_paths(street: Layout) -> list[Path]:
    """All ways of a street: straight ones first, then the turns."""
    return _straight_paths(street) + _turning_paths(street)


_LINE = CROSSING / 2 + 1.3
"""From the middle of a crossing back to where one waits before it."""


def _add_stops(street: Layout, path: Path, way: int) -> Path:
    """Write down where a path that begins in a direction has to wait."""
    low, high = street.junction_crossings
    if way == NORTH:
        path.stops.append((street.zebra - _LINE - NEAR_END, "zebra"))
        path.stops.append((low - _LINE - NEAR_END, "north"))
    elif way == SOUTH:
        path.stops.append((FAR_END - high - _LINE, "south"))
    else:
        gate = "east" if way == EAST else "west"
        path.stops.append((SIDE_END - street.side_crossing - _LINE, gate))
    if path.pieces[-1].angle == SOUTH * math.pi / 2:
        # It leaves towards the camera, over the crossing that has no lights.
        path.stops.append((path.length - (street.zebra + _LINE - NEAR_END), "zebra"))
    return path


def _straight_paths(street: Layout) -> list[Path]:
    """Both directions of the main road, lane by lane from the inside, then of the side road."""
    j, run, side = street.junction, FAR_END - NEAR_END, 2 * SIDE_END
    paths: list[Path] = []
    for lane in range(street.lanes):
        x = street.lane_x(lane)
        paths.append(_add_stops(street, _path(x, NEAR_END, NORTH, [run], []), NORTH))
        paths.append(_add_stops(street, _path(-x, FAR_END, SOUTH, [run], []), SOUTH))
        paths[-1].outer = paths[-2].outer = lane == street.lanes - 1
    if street.lanes == 2:
        for at in range(4):
            paths[at].beside = [(at + 2) % 4]
    east = _path(-SIDE_END, j - SIDE_LANE, EAST, [side], [])
    west = _path(SIDE_END, j + SIDE_LANE, WEST, [side], [])
    return [*paths, _add_stops(street, east, EAST), _add_stops(street, west, WEST)]


def _turning_paths(street: Layout) -> list[Path]:
    """Right turns from all sides, and left turns out of the side road."""
    x, inner, tight, wide = street.lane_x(street.lanes - 1), street.lane_x(0), 4.2, 6.5
    near, far = street.junction - SIDE_LANE, street.junction + SIDE_LANE
    beside, across = SIDE_END - x - tight, SIDE_END + inner - wide
    right, left = [(-1, tight)], [(1, wide)]
    turns = (
        (x, NEAR_END, NORTH, [near - tight - NEAR_END, beside], right),
        (-x, FAR_END, SOUTH, [FAR_END - far - tight, beside], right),
        (-SIDE_END, near, EAST, [beside, near - tight - NEAR_END], right),
        (SIDE_END, far, WEST, [beside, FAR_END - far - tight], right),
        (-SIDE_END, near, EAST, [across, FAR_END - near - wide], left),
        (SIDE_END, far, WEST, [across, far - wide - NEAR_END], left),
    )
    paths = []
    for x0, y0, way, runs, bends in turns:
        paths.append(_add_stops(street, _path(x0, y0, way, runs, bends), way))
        paths[-1].outer = way in (NORTH, SOUTH)
    return paths


class Signals:
    """The traffic lights of the junction: one approach group after another, then everybody walks.

    The cycle is ``north`` with ``south``, ``west``, ``east``, ``walk``.
    """

    _PHASES = (("main", 26.0), ("west", 5.0), ("east", 5.0), ("walk", 11.0))
    _YELLOW, _CLEAR = 2.5, 2.5

    def __init__(self, offset: float) -> None:
        self.cycle = sum(length for _, length in self._PHASES) + 4 * (self._YELLOW + self._CLEAR)
        self._offset = offset * self.cycle

    def at(self, time: float) -> dict[str, str]:
        """``green``, ``yellow`` or ``red`` of every gate; for ``walk`` green means: start now."""
        turns = math.floor((time + self._offset) / self.cycle)
        now = time + self._offset - turns * self.cycle
        shown = dict.fromkeys(("north", "south", "west", "east", "walk"), "red")
        for name, length in self._PHASES:
            if now < length + self._YELLOW:
                colour = "green" if now < (4.0 if name == "walk" else length) else "yellow"
                for gate in ("north", "south") if name == "main" else (name,):
                    shown[gate] = colour
            now -= length + self._YELLOW + self._CLEAR
            if now < 0:
                break
        return shown

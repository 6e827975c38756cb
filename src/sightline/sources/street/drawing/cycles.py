"""Bicycles and motorcycles, and the people who ride them, as limbs."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.sources.street.camera import cosine, sine
from sightline.sources.street.drawing.figures import CLOTHES, Limb, Outfit, bent, head, trunk
from sightline.sources.street.drawing.shapes import (
    CHROME,
    DARK,
    HEAD,
    LAMP,
    RED,
    TAIL,
    TYRE,
    Colour,
    Point,
    numbers,
    pick,
    tint,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """The parts of a bicycle or motorcycle that its rider must reach."""

    saddle: Point
    bars: Point
    crank: Point
    sweep: float
    """Radius in which the pedals turn; 0 for foot rests."""


BICYCLE = Machine((-0.20, 0.0, 0.93), (0.40, 0.22, 1.0), (-0.02, 0.11, 0.30), 0.17)
MOTORCYCLE = Machine((-0.18, 0.0, 0.80), (0.42, 0.33, 1.02), (0.02, 0.2, 0.34), 0.0)


def _ring(
    x: float, z: float, radius: float, colour: Colour, width: float, detail: float = 0.0
) -> Limb:
    return Limb(
        [(x + radius * cosine(i * 0.4488), 0.0, z + radius * sine(i * 0.4488)) for i in range(14)],
        colour, width, detail,
    )  # fmt: skip


def bicycle(look: int, phase: float) -> list[Limb]:
    """Two wheels, a frame, bars and turning pedals."""
    d = numbers(look, 3)
    paint = tint(pick(CLOTHES, d[0]), 1.0)
    crank, seat, head = (-0.02, 0.0, 0.30), (-0.18, 0.0, 0.80), (0.36, 0.0, 0.80)
    rear, front = (-0.53, 0.0, 0.34), (0.54, 0.0, 0.34)
    limbs: list[Limb] = []
    for hub in (rear, front):
        limbs.append(_ring(hub[0], hub[2], 0.325, TYRE, 0.045))
        for i in range(4):
            a = 0.785 * i - phase
            spoke = (0.3 * cosine(a), 0.3 * sine(a))
            limbs.append(
                Limb([(hub[0] - spoke[0], 0, hub[2] - spoke[1]), (hub[0] + spoke[0], 0, hub[2] + spoke[1])],
                     (0.5, 0.5, 0.5), 0.008, 30.0)
            )  # fmt: skip
    tubes = [(rear, crank), (rear, seat), (crank, seat), (crank, head), (seat, head), (head, front)]
    limbs += [Limb([a, b], paint, 0.036) for a, b in tubes]
    limbs.append(Limb([seat, (-0.20, 0, 0.92)], CHROME, 0.025))
    limbs.append(Limb([(-0.32, 0, 0.94), (-0.08, 0, 0.95)], DARK, 0.07))
    limbs.append(Limb([head, (0.35, 0, 1.0)], CHROME, 0.03))
    limbs.append(Limb([(0.37, -0.24, 1.0), (0.37, 0.24, 1.0)], DARK, 0.03))
    for side in (1, -1):
        px, pz = 0.17 * cosine(-phase) * side, 0.17 * sine(-phase) * side
        limbs.append(Limb([crank, (crank[0] + px, side * 0.1, crank[2] + pz)], CHROME, 0.025, 8.0))
    if d[1] < 0.4:
        limbs.append(Limb([(0.46, -0.14, 0.92), (0.46, 0.14, 0.92)], (0.3, 0.42, 0.52), 0.2, 6.0))
    limbs.append(Limb([(0.46, 0.0, 0.86)], LAMP, 0.07, 8.0, HEAD))
    limbs.append(Limb([(-0.36, 0.0, 0.78)], RED, 0.07, 8.0, TAIL))
    return limbs


def motorcycle(look: int) -> list[Limb]:
    """Two thick wheels, engine, tank, seat and, on some, a fairing."""
    d = numbers(look, 3)
    paint = tint(pick(CLOTHES, d[0]), 1.1)
    limbs: list[Limb] = []
    for x in (-0.68, 0.70):
        limbs.append(_ring(x, 0.31, 0.25, TYRE, 0.13))
        limbs.append(Limb([(x, 0.0, 0.31)], CHROME, 0.16, 8.0))
    limbs.append(Limb([(0.70, 0, 0.31), (0.44, 0, 0.95)], CHROME, 0.07))
    limbs.append(Limb([(-0.68, 0, 0.31), (-0.05, 0, 0.42)], DARK, 0.09))
    limbs.append(Limb([(-0.12, 0.0, 0.46), (0.2, 0.0, 0.44)], (0.28, 0.28, 0.28), 0.34))
    limbs.append(Limb([(0.05, -0.16, 0.28), (-0.75, -0.2, 0.36)], CHROME, 0.09, 6.0))
    limbs.append(Limb([(-0.80, 0.0, 0.80), (-0.35, 0.0, 0.72), (0.02, 0.0, 0.74)], paint, 0.0))
    limbs.append(Limb([(-0.78, 0.0, 0.78), (-0.05, 0.0, 0.76)], (0.12, 0.12, 0.12), 0.15))
    limbs.append(Limb([(-0.02, 0.0, 0.82), (0.34, 0.0, 0.86)], paint, 0.26))
    limbs.append(Limb([(-0.78, 0.0, 0.74), (-0.5, 0.0, 0.66)], paint, 0.12))
    if d[1] < 0.55:
        limbs.append(Limb([(0.42, 0.0, 0.60), (0.52, 0.0, 0.95)], paint, 0.3))
        limbs.append(Limb([(0.46, 0.0, 1.02), (0.38, 0.0, 1.16)], (0.5, 0.45, 0.42), 0.22, 6.0))
    limbs.append(Limb([(0.42, -0.33, 1.02), (0.42, 0.33, 1.02)], DARK, 0.05))
    limbs.append(Limb([(0.62, 0.0, 0.84)], LAMP, 0.17, 0.0, HEAD))
    limbs.append(Limb([(-0.84, 0.0, 0.76)], RED, 0.12, 0.0, TAIL))
    return limbs


def rider(
    wear: Outfit,
    machine: Machine,
    height: float,
    phase: float,
    helmet: bool,
    near: int,
    front: bool,
) -> list[Limb]:
    """The person on a bicycle or motorcycle; ``near`` and ``front`` as for ``walker``."""
    h = height
    sx, _, sz = machine.saddle
    bx, by, bz = machine.bars
    cx, cy, cz = machine.crank
    neck = (sx + 0.14 * h, 0.0, sz + 0.30 * h)
    shoulder, width = 0.105 * h, 0.075 * h * wear.girth
    sleeve = wear.skin if wear.bare_arms else tint(wear.top, 0.9)
    limbs: list[Limb] = []
    arms: list[Limb] = []
    for side in (-near, near):
        px = machine.sweep * cosine(-phase) * side
        pz = machine.sweep * sine(-phase) * side
        foot = (cx + px, side * cy, cz + pz + 0.03)
        hip = (sx, side * 0.06 * h, sz + 0.01)
        knee = bent(hip, foot, 0.26 * h, 0.255 * h, 1.0)
        limbs.append(Limb([knee, foot], tint(wear.legs, 0.92), width * 0.8))
        limbs.append(Limb([hip, knee], wear.legs, width * 1.05))
        limbs.append(Limb([foot, (foot[0] + 0.13, foot[1], foot[2])], wear.shoes, 0.05 * h, 41.0))
        top = (neck[0], side * shoulder, neck[2] - 0.03 * h)
        elbow = bent(top, (bx, side * by, bz), 0.17 * h, 0.17 * h, -1.0)
        arms.append(Limb([elbow, (bx, side * by, bz)], sleeve, 0.048 * h))
        arms.append(Limb([top, elbow], tint(wear.top, 0.92), 0.058 * h))
    limbs += trunk(wear, h, machine.saddle, neck, arms, front)
    at = (neck[0] + 0.05 * h, 0.0, neck[2] + 0.095 * h)
    limbs += head(at, 0.066 * h, neck[2], wear, front)
    if helmet:
        x, y, z = at
        limbs.append(Limb([(x - 0.01, y, z + 0.02)], wear.pack or tint(wear.top, 0.7), 0.17 * h))
        if front:
            limbs.append(Limb([(x + 0.055 * h, y, z)], (0.2, 0.17, 0.15), 0.085 * h, 9.0))
    return limbs

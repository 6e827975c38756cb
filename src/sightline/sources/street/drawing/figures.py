"""People as limbs: lines, discs and flat polygons in space.

A figure is rebuilt for every frame, since it moves. Local coordinates and colours as in
``shapes``. Limbs are drawn in the order of the list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sightline.sources.street.camera import cosine, sine
from sightline.sources.street.drawing.shapes import PLAIN, Colour, Point, numbers, pick, tint

CLOTHES: tuple[Colour, ...] = (
    (0.20, 0.18, 0.18), (0.30, 0.28, 0.26), (0.50, 0.32, 0.18), (0.85, 0.85, 0.84),
    (0.18, 0.16, 0.68), (0.22, 0.50, 0.84), (0.32, 0.46, 0.22), (0.62, 0.50, 0.30),
    (0.46, 0.20, 0.40), (0.25, 0.72, 0.86), (0.42, 0.52, 0.62), (0.60, 0.40, 0.72),
    (0.72, 0.70, 0.66), (0.36, 0.20, 0.12),
)  # fmt: skip
_LEGS: tuple[Colour, ...] = (
    (0.34, 0.22, 0.15), (0.46, 0.30, 0.20), (0.16, 0.15, 0.15), (0.24, 0.23, 0.22),
    (0.42, 0.50, 0.56), (0.22, 0.18, 0.17), (0.55, 0.58, 0.60),
)  # fmt: skip
_SKIN: tuple[Colour, ...] = (
    (0.62, 0.72, 0.90), (0.52, 0.64, 0.84), (0.38, 0.50, 0.70), (0.24, 0.34, 0.50), (0.16, 0.24, 0.36),
)  # fmt: skip
_HAIR: tuple[Colour, ...] = (
    (0.10, 0.11, 0.13), (0.14, 0.20, 0.28), (0.26, 0.42, 0.56), (0.60, 0.62, 0.64), (0.12, 0.26, 0.44),
)  # fmt: skip

_CLOSE = 41.0
"""Drawn pixels per metre from which hands and shoes are worth drawing."""


@dataclass(slots=True)
class Limb:
    """A line (2 points), a disc (1 point) or a polygon (3 or more), with a width in metres.

    Polygons with a width are outlines (wheels). ``detail`` as in ``Mesh``.
    """

    points: list[Point]
    colour: Colour
    width: float = 0.0
    detail: float = 0.0
    lamp: int = PLAIN


@dataclass(frozen=True, slots=True)
class Outfit:
    """How a person is dressed, and what they carry."""

    top: Colour
    legs: Colour
    skin: Colour
    hair: Colour
    shoes: Colour
    skirt: bool
    coat: bool
    bare_arms: bool
    long_hair: bool
    pack: Colour | None
    girth: float


def outfit(look: int, cold: bool) -> Outfit:
    """The clothes of an appearance; in the ``cold`` nobody's arms are bare."""
    d = numbers(look, 11)
    top = tint(pick(CLOTHES, d[0]), 0.85 + 0.25 * d[7])
    return Outfit(
        top, pick(_LEGS, d[1]), pick(_SKIN, d[2]), pick(_HAIR, d[3]),
        (0.85, 0.85, 0.86) if d[4] < 0.3 else (0.14, 0.14, 0.16),
        d[5] < 0.14, 0.14 <= d[5] < (0.5 if cold else 0.25), d[6] < 0.45 and not cold,
        d[8] < 0.45, tint(pick(CLOTHES, d[9]), 0.8) if d[9] < 0.32 else None, 0.9 + 0.28 * d[10],
    )  # fmt: skip


def toward(a: Point, b: Point, share: float) -> Point:
    """The point at a share, 0 to 1, of the way from ``a`` to ``b``, metres."""
    return (
        a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share
    )  # fmt: skip


def bent(a: Point, b: Point, upper: float, lower: float, bow: float) -> Point:
    """The knee or elbow between ``a`` and ``b``, bent ahead (``bow`` 1) or back (-1)."""
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    reach = math.sqrt(dx * dx + dy * dy + dz * dz)
    along = (upper * upper - lower * lower + reach * reach) / (2 * reach)
    out = math.sqrt(max(0.0, upper * upper - along * along)) * bow
    flat = math.sqrt(dx * dx + dz * dz) or 1.0
    share = along / reach
    return (
        a[0] + dx * share - dz / flat * out,
        a[1] + dy * share,
        a[2] + dz * share + dx / flat * out,
    )


def walker(
    wear: Outfit, height: float, phase: float, swing: float, near: int, front: bool
) -> list[Limb]:
    """A person who walks; ``swing`` from 0 (stands) to 1 and more (runs).

    ``near`` is the side that the camera is on, 1 for the left; ``front`` says whether it sees
    the face.
    """
    h = height
    wave, lift = sine(phase), cosine(phase)
    hip, neck = 0.52 * h + 0.008 * h * abs(lift) * swing, 0.82 * h
    width, shoulder = 0.078 * h * wear.girth, 0.108 * h * wear.girth
    limbs: list[Limb] = []
    arms: list[Limb] = []
    sleeve = wear.skin if wear.bare_arms else tint(wear.top, 0.9)
    leg = wear.skin if wear.skirt else wear.legs
    for side in (-near, near):
        ahead = wave * side * swing
        rising = max(0.0, lift * side) * swing
        foot = (0.24 * h * ahead, side * 0.05 * h, 0.035 * h + 0.07 * h * rising)
        top = (0.0, side * 0.05 * h, hip)
        knee = bent(top, foot, 0.26 * h, 0.26 * h, 1.0)
        limbs.append(Limb([knee, foot], tint(leg, 0.92), width * 0.78))
        limbs.append(Limb([top, knee], leg, width))
        toe = (foot[0] + 0.085 * h, foot[1], foot[2] - 0.012 * h)
        limbs.append(Limb([foot, toe], wear.shoes, 0.05 * h, _CLOSE))
        joint = (0.0, side * shoulder, neck - 0.035 * h)
        back = -ahead
        hand = (
            0.17 * h * back + 0.02 * h,
            side * (shoulder + 0.03 * h),
            (0.49 + 0.03 * abs(back)) * h,
        )
        elbow = bent(joint, hand, 0.17 * h, 0.165 * h, -1.0)
        arms.append(Limb([elbow, hand], sleeve, 0.046 * h))
        arms.append(Limb([joint, elbow], tint(wear.top, 0.92), 0.055 * h))
        arms.append(Limb([hand], wear.skin, 0.05 * h, _CLOSE))
    if wear.skirt or wear.coat:
        hem = 0.30 * h if wear.skirt else 0.34 * h
        colour = tint(wear.legs if wear.skirt else wear.top, 0.9)
        for side in (-near, near):
            y, swung = 0.032 * h * side, 0.03 * h * wave * side
            limbs.append(Limb([(0.0, y, hip), (swung, y, hem)], colour, width * 1.7))
    limbs += trunk(wear, h, (0.0, 0.0, hip), (0.0, 0.0, neck), arms, front)
    return limbs + head((0.015 * h, 0.0, 0.925 * h), 0.066 * h, neck, wear, front)


def far_walker(wear: Outfit, height: float, phase: float, swing: float) -> list[Limb]:
    """A person so far away that arms and knees cannot be told apart."""
    h, ahead = height, 0.24 * height * sine(phase) * swing
    hip, neck = 0.54 * h, 0.80 * h
    leg = wear.skin if wear.skirt else wear.legs
    low = 0.36 * h if wear.skirt or wear.coat else 0.56 * h
    return [
        Limb([(0.0, -0.05 * h, hip), (-ahead, -0.05 * h, 0.03 * h)], tint(leg, 0.92), 0.085 * h),
        Limb([(0.0, 0.05 * h, hip), (ahead, 0.05 * h, 0.03 * h)], leg, 0.085 * h),
        Limb([(0.0, 0.0, low), (0.0, 0.0, neck - 0.08 * h)], wear.top, 0.23 * h * wear.girth),
        Limb([(0.0, 0.0, 0.93 * h)], wear.hair, 0.14 * h),
        Limb([(0.02 * h, 0.0, 0.905 * h)], wear.skin, 0.11 * h),
    ]


def trunk(
    wear: Outfit, h: float, hip: Point, neck: Point, arms: list[Limb], front: bool
) -> list[Limb]:
    """Waist, torso and what is carried, between the far arm and the near arm."""
    shoulder = 0.078 * h * wear.girth
    low, high = (hip[0], 0.0, hip[2] + 0.02 * h), toward(hip, neck, 0.87)
    across = toward(hip, neck, 0.83)
    chest = [(across[0], shoulder, across[2]), (across[0], -shoulder, across[2])]
    waist = [(hip[0], 0.045 * h, hip[2] + 0.01 * h), (hip[0], -0.045 * h, hip[2] + 0.01 * h)]
    body = [
        Limb(waist, wear.legs, 0.1 * h, _CLOSE),
        Limb([low, high], wear.top, 0.148 * h * wear.girth),
        *arms[: len(arms) // 2],
        Limb(chest, wear.top, 0.105 * h),
        *arms[len(arms) // 2 :],
    ]
    if not wear.pack:
        return body
    a, b = toward(hip, neck, 0.3), toward(hip, neck, 0.76)
    pack = Limb(
        [(a[0] - 0.09 * h, 0.0, a[2]), (b[0] - 0.09 * h, 0.0, b[2])], wear.pack, 0.14 * h, 9.0
    )
    return [pack, *body] if front else [*body, pack]


def head(at: Point, radius: float, neck: float, wear: Outfit, front: bool) -> list[Limb]:
    """Neck, hair and face, the nearer one last."""
    x, y, z = at
    hair = Limb([(x - 0.35 * radius, y, z + 0.28 * radius)], wear.hair, 2.1 * radius)
    face = Limb([(x + 0.3 * radius, y, z - 0.12 * radius)], wear.skin, 1.72 * radius)
    throat = Limb(
        [(x - 0.1 * radius, y, neck - radius * 0.5), (x, y, z)], wear.skin, radius, _CLOSE
    )
    skull = [hair, face] if front else [face, hair]
    if not wear.long_hair:
        return [throat, *skull]
    ends = [(x - 0.6 * radius, y, z), (x - 0.8 * radius, y, z - 1.7 * radius)]
    locks = Limb(ends, wear.hair, 1.5 * radius)
    return [locks, throat, *skull] if front else [throat, *skull, locks]

"""How cars, buses and trucks are made of faces."""

from __future__ import annotations

from sightline.sources.street.drawing.shapes import (
    AMBER,
    CABIN,
    DARK,
    GLASS,
    HEAD,
    LAMP,
    LEFT,
    RED,
    RIGHT,
    SIGN,
    TAIL,
    Builder,
    Colour,
    Mesh,
    numbers,
    pick,
    tint,
)  # fmt: skip

_PAINTS: tuple[Colour, ...] = (
    (0.93, 0.93, 0.92), (0.90, 0.91, 0.91), (0.70, 0.70, 0.68), (0.40, 0.39, 0.38),
    (0.30, 0.29, 0.28), (0.10, 0.09, 0.09), (0.08, 0.07, 0.07), (0.16, 0.14, 0.66),
    (0.14, 0.12, 0.48), (0.55, 0.30, 0.14), (0.70, 0.45, 0.22), (0.36, 0.18, 0.10),
    (0.22, 0.36, 0.16), (0.20, 0.62, 0.80), (0.18, 0.42, 0.86), (0.55, 0.62, 0.68),
)  # fmt: skip
_BRIGHT = (13, 14)
"""Places of yellow and orange."""
_COACHES: tuple[tuple[Colour, Colour], ...] = (
    ((0.16, 0.13, 0.70), (0.16, 0.13, 0.70)), ((0.90, 0.90, 0.88), (0.66, 0.36, 0.12)),
    ((0.20, 0.66, 0.88), (0.92, 0.92, 0.90)), ((0.30, 0.55, 0.22), (0.90, 0.92, 0.90)),
    ((0.72, 0.42, 0.16), (0.72, 0.42, 0.16)), ((0.92, 0.92, 0.92), (0.22, 0.52, 0.90)),
)  # fmt: skip


# Shares of the length where the windscreen meets the bonnet, the roof begins and ends and the
# rear window ends; then shares of the height of bonnet and belt line.
_BODIES = {
    "hatchback": (0.72, 0.56, 0.17, 0.05, 0.53, 0.63),
    "saloon": (0.70, 0.55, 0.31, 0.16, 0.52, 0.62),
    "suv": (0.72, 0.59, 0.11, 0.04, 0.55, 0.61),
    "van": (0.85, 0.70, 0.03, 0.02, 0.47, 0.54),
}


_TIPPERS = 0.8
"""Trucks whose draw is greater have an open bed instead of a box."""


def car_body(look: int) -> str:
    """Which body a car of this appearance has."""
    share = look % 100
    return "hatchback" if share < 32 else "saloon" if share < 62 else "suv" if share < 85 else "van"


def car_paint(look: int) -> int:
    """The place of a car's paint in the table of paints."""
    return int(numbers(look, 1)[0] * len(_PAINTS))


def bus_livery(look: int) -> int:
    """The place of a bus's colours in the table of liveries."""
    return int(numbers(look, 1)[0] * len(_COACHES))


def truck_paint(look: int) -> int:
    """The place in the table of paints of what is seen most of a truck: its box, or its cab."""
    cab, load, body = numbers(look, 3)
    draw = cab if body > _TIPPERS else load * (0.3 if body < 0.6 else 1.0)
    return int(draw * len(_PAINTS))


def bright_look(look: int, kind: str) -> int:
    """An appearance with the body of ``look``, for a car or truck in yellow or orange."""
    paint = car_paint if kind == "car" else truck_paint
    while paint(look) not in _BRIGHT:
        look += 100  # the last two figures choose the body
    return look


def car(look: int, length: float, width: float, height: float) -> Mesh:
    """A passenger car or van."""
    draw = numbers(look, 4)
    body = car_body(look)
    paint = tint(pick(_PAINTS, draw[0]), 0.9 + 0.15 * draw[1])
    cowl, roof0, roof1, tail, bonnet, belt = _BODIES[body]
    back, front, y = -length / 2, length / 2, width / 2
    xs = [back + length * share for share in (cowl, roof0, roof1, tail)]
    hood, waist = bonnet * height, belt * height
    deck = waist - (0.03 if body == "saloon" else 0.0)
    b = Builder()
    b.sides(
        [(back + 0.10, 0.24), (front - 0.14, 0.24), (front, 0.44), (front - 0.06, hood - 0.10),
         (front - 0.28, hood), (xs[0], waist), (xs[3], waist), (back + 0.05, deck), (back, 0.5)],
        y, paint,
    )  # fmt: skip
    b.sides([(back + 0.3, 0.2), (front - 0.3, 0.2), (front - 0.25, 0.34), (back + 0.2, 0.34)],
            y + 0.003, tint(paint, 0.45), 8.0)  # fmt: skip
    b.sides([(back + 0.1, waist - 0.07), (xs[0], waist - 0.07), (xs[0], waist), (back + 0.08, waist)],
            y + 0.003, tint(paint, 1.12), 16.0)  # fmt: skip
    up, ahead, behind = (0.0, 0.0, 1.0), (1.0, 0.0, 0.3), (-1.0, 0.0, 0.3)
    b.strip((front - 0.14, 0.24), (front, 0.44), y, tint(paint, 0.6), (1.0, 0.0, -0.5))
    b.strip((front, 0.44), (front - 0.06, hood - 0.10), y, paint, ahead)
    b.strip((front - 0.06, hood - 0.10), (front - 0.28, hood), y, paint, ahead)
    b.strip((front - 0.28, hood), (xs[0], waist), y, paint, up)
    b.strip((xs[3], waist), (back + 0.05, deck), y, paint, up)
    b.strip((back + 0.05, deck), (back, 0.5), y, paint, behind)
    b.strip((back, 0.5), (back + 0.10, 0.24), y, tint(paint, 0.6), (-1.0, 0.0, -0.5))
    reach = 0.19 * length
    for x in (back + reach, front - reach):
        b.wheel(x, y, 0.37 if body == "suv" else 0.33)
    b.sides([(xs[1] - 0.25, 0.42), (xs[1] - 0.23, 0.42), (xs[1] - 0.23, waist), (xs[1] - 0.25, waist)],
            y + 0.005, tint(paint, 0.5), 30.0)  # fmt: skip
    _cabin(b, paint, xs, waist, height, y, body)
    _car_lamps(b, front, back, y, hood, waist, body)
    return b.mesh()


def _cabin(
    b: Builder, paint: Colour, xs: list[float], waist: float, height: float, y: float, body: str
) -> None:
    """Glasshouse and roof."""
    low, top = y * 0.94, y * (0.88 if body == "van" else 0.77)
    cowl, roof0, roof1, tail = xs
    for side in (-1, 1):
        x, far = cowl - 0.12, side * (y + 0.16)
        b.face([(x, side * y * 0.95, waist + 0.04), (x, far, waist + 0.06), (x, far, waist + 0.2),
                (x, side * y * 0.95, waist + 0.18)], tint(paint, 0.8), (1, 0, 0), 12.0)  # fmt: skip
        b.face([(x, side * y * 0.95, waist + 0.04), (x, far, waist + 0.06), (x, far, waist + 0.2),
                (x, side * y * 0.95, waist + 0.18)], tint(paint, 0.6), (-1, 0, 0), 12.0)  # fmt: skip
    glass = GLASS
    b.strip((cowl, waist), (roof0, height - 0.02), low, tint(paint, 0.8), (1, 0, 1), y2=top)
    b.strip((cowl - 0.06, waist + 0.03), (roof0 + 0.05, height - 0.07), low * 0.95, glass, (1, 0, 1),
            y2=top * 0.95)  # fmt: skip
    b.strip((tail, waist), (roof1, height - 0.02), low, tint(paint, 0.8), (-1, 0, 1), y2=top)
    mix = 0.55 if body in ("van", "suv", "hatchback") else 0.12
    b.strip((tail + (roof1 - tail) * 0.12, waist + 0.05 + 0.1 * mix),
            (roof1 - 0.02, height - 0.09), low * 0.88, glass, (-1, 0, 0.5), y2=top * 0.9)  # fmt: skip
    outline = [(tail, waist), (cowl, waist), (roof0, height - 0.02), (roof1, height - 0.02)]
    b.sides(outline, low, paint, top=top)
    rise = height - waist
    z0, z1 = waist + 0.04, height - 0.11

    def edge(x_low: float, x_high: float, z: float) -> float:
        return x_low + (x_high - x_low) * (z - waist) / rise

    middle = (roof0 + roof1) / 2 if body != "van" else roof0 - 0.75
    lean = low + (top - low) * (z0 - waist) / rise + 0.004
    lean_top = low + (top - low) * (z1 - waist) / rise + 0.004
    front_pane = [(middle + 0.04, z0), (edge(cowl - 0.16, roof0 - 0.12, z0), z0),
                  (edge(cowl - 0.16, roof0 - 0.12, z1), z1), (middle + 0.04, z1)]  # fmt: skip
    b.sides(front_pane, lean, glass, 4.0, top=lean_top)
    if body != "van":
        rear_pane = [(edge(tail + 0.16, roof1 + 0.12, z0), z0), (middle - 0.04, z0),
                     (middle - 0.04, z1), (edge(tail + 0.16, roof1 + 0.12, z1), z1)]  # fmt: skip
        b.sides(rear_pane, lean, glass, 4.0, top=lean_top)
    b.strip((roof0, height - 0.02), (roof1, height - 0.02), top, tint(paint, 1.05), (0, 0, 1))


def _car_lamps(
    b: Builder, front: float, back: float, y: float, hood: float, waist: float, body: str
) -> None:
    z1 = hood - 0.09
    b.patch(front - 0.005, -y * 0.5, y * 0.5, 0.42, z1 - 0.02, DARK, 1, 12.0)
    b.patch(front + 0.01, -0.26, 0.26, 0.40, 0.51, (0.85, 0.88, 0.88), 1, 16.0)
    low, high = (0.55, waist - 0.03) if body != "saloon" else (waist - 0.26, waist - 0.08)
    b.patch(back - 0.015, -0.26, 0.26, 0.52, 0.64, (0.80, 0.85, 0.88), -1, 16.0)
    for side in (-1, 1):
        b.patch(front - 0.0, side * y * 0.58, side * y * 0.98, z1 - 0.16, z1, LAMP, 1, 5.0, HEAD)
        b.patch(front + 0.0, side * y * 0.86, side * y * 0.99, z1 - 0.25, z1 - 0.16, AMBER, 1, 20.0,
                LEFT if side > 0 else RIGHT)  # fmt: skip
        tall = high if body == "saloon" else max(high, low + 0.3)
        inner = 0.6 if body == "saloon" else 0.76
        b.patch(back - 0.0, side * y * inner, side * y * 0.985, low, tall, RED, -1, 5.0, TAIL)
        b.patch(back - 0.01, side * y * inner, side * y * 0.985, low - 0.09, low, AMBER, -1, 20.0,
                LEFT if side > 0 else RIGHT)  # fmt: skip


def bus(look: int, length: float, width: float, height: float) -> Mesh:
    """A city bus with rows of windows, doors on the right and a destination sign."""
    draw = numbers(look, 3)
    lower, upper = _COACHES[int(draw[0] * len(_COACHES))]
    back, front, y = -length / 2, length / 2, width / 2
    z0, belt, top = 0.32, 1.25, height - 0.42
    b = Builder()
    b.sides([(back, z0), (front, z0), (front, height), (back, height)], y, upper, top=y * 0.97)
    b.sides([(back, z0), (front, z0), (front, belt - 0.12), (back, belt - 0.12)], y + 0.004, lower)
    b.sides([(back, z0 - 0.06), (front, z0 - 0.06), (front, z0 + 0.12), (back, z0 + 0.12)],
            y + 0.008, DARK, 5.0)  # fmt: skip
    b.sides([(back + 0.25, belt), (front - 0.12, belt), (front - 0.12, top), (back + 0.25, top)],
            y + 0.006, GLASS, 2.0, CABIN)  # fmt: skip
    posts = int((length - 1.0) / 1.45)
    for i in range(1, posts):
        x = back + 0.25 + i * (length - 0.4) / posts
        b.sides([(x - 0.05, belt), (x + 0.05, belt), (x + 0.05, top), (x - 0.05, top)],
                y + 0.01, tint(upper, 0.55), 10.0)  # fmt: skip
    for x in (front - 1.75, front - length * 0.55):
        b.face([(x, -y - 0.012, z0 + 0.05), (x + 1.2, -y - 0.012, z0 + 0.05),
                (x + 1.2, -y - 0.012, top - 0.05), (x, -y - 0.012, top - 0.05)],
               tint(GLASS, 0.9), (0, -1, 0), 5.0, CABIN)  # fmt: skip
        b.face([(x + 0.57, -y - 0.014, z0 + 0.05), (x + 0.63, -y - 0.014, z0 + 0.05),
                (x + 0.63, -y - 0.014, top - 0.05), (x + 0.57, -y - 0.014, top - 0.05)],
               tint(upper, 0.5), (0, -1, 0), 14.0)  # fmt: skip
    for x in (front - 2.75, back + 2.9):
        b.wheel(x, y + 0.01, 0.48)
    for x, out, colour in ((front, 1, lower), (back, -1, lower)):
        b.patch(x, -y, y, z0, height, upper, out)
        b.patch(x + out * 0.006, -y, y, z0, belt - 0.1, colour, out)
        b.patch(x + out * 0.008, -y, y, z0, z0 + 0.14, DARK, out, 8.0)
    b.patch(front + 0.012, -y * 0.94, y * 0.94, belt - 0.15, top, GLASS, 1, 2.0)
    b.patch(front + 0.014, -y * 0.7, y * 0.7, top + 0.06, height - 0.08, (0.1, 0.1, 0.1), 1, 5.0)
    b.patch(front + 0.016, -y * 0.55, y * 0.5, top + 0.11, height - 0.13, AMBER, 1, 8.0, SIGN)
    b.patch(back - 0.012, -y * 0.75, y * 0.75, belt + 0.35, top, GLASS, -1, 5.0, CABIN)
    for side in (-1, 1):
        b.patch(front + 0.02, side * y * 0.6, side * y * 0.95, 0.62, 0.84, LAMP, 1, 4.0, HEAD)
        b.patch(back - 0.02, side * y * 0.78, side * y * 0.96, 0.7, 1.2, RED, -1, 4.0, TAIL)
        turn = LEFT if side > 0 else RIGHT
        b.patch(back - 0.02, side * y * 0.78, side * y * 0.96, 1.22, 1.36, AMBER, -1, 12.0, turn)
        b.patch(front + 0.02, side * y * 0.85, side * y * 0.97, 0.86, 0.96, AMBER, 1, 12.0, turn)
    b.strip((back, height), (front, height), y * 0.97, tint(upper, 0.95), (0, 0, 1))
    unit = tint(upper, 0.75)
    b.sides([(back + 2, height), (back + 4.6, height), (back + 4.6, height + 0.22),
             (back + 2, height + 0.22)], y * 0.62, unit, 6.0)  # fmt: skip
    b.patch(back + 2, -y * 0.62, y * 0.62, height, height + 0.22, unit, -1, 6.0)
    b.strip((back + 2, height + 0.22), (back + 4.6, height + 0.22), y * 0.62, tint(upper, 0.9),
            (0, 0, 1), 6.0)  # fmt: skip
    return b.mesh()


def truck(look: int, length: float, width: float, height: float) -> Mesh:
    """A lorry: a cab in front of a closed box or an open bed."""
    draw = numbers(look, 4)
    cab = tint(pick(_PAINTS, draw[0]), 0.95)
    load = tint(pick(_PAINTS, draw[1] * (0.3 if draw[2] < 0.6 else 1.0)), 0.95)
    tipper = draw[2] > _TIPPERS
    back, front, y = -length / 2, length / 2, width / 2
    depth = 1.9 if length > 7 else 1.7
    wall, roof = front - depth, min(height, 2.75)
    b = Builder()
    b.sides([(back, 0.55), (front - 0.3, 0.55), (front - 0.3, 0.95), (back, 0.95)], y * 0.9, DARK)
    b.patch(back, -y * 0.9, y * 0.9, 0.5, 0.95, DARK, -1)
    for x in (front - 1.1, back + 1.3, *((back + 2.35,) if length > 7.6 else ())):
        b.wheel(x, y * 0.97, 0.46, arch=False)
    rear = len(b.lamp)
    top = 2.0 if tipper else height
    end = wall - 0.15
    b.sides([(back, 0.95), (end, 0.95), (end, top), (back, top)], y, load)
    b.sides([(back, 0.95), (end, 0.95), (end, 1.05), (back, 1.05)], y + 0.004, tint(load, 0.5), 8.0)
    if draw[3] < 0.55 and not tipper:
        stripe = pick(_PAINTS, draw[3] / 0.55)
        mid = 0.95 + (top - 0.95) * 0.45
        b.sides([(back + 0.6, mid), (end - 0.6, mid), (end - 0.6, mid + 0.6), (back + 0.6, mid + 0.6)],
                y + 0.006, stripe, 5.0)  # fmt: skip
    for i in range(1, 5 if tipper else 1):
        x = back + i * (end - back) / 5
        b.sides([(x - 0.06, 0.95), (x + 0.06, 0.95), (x + 0.06, top), (x - 0.06, top)],
                y + 0.01, tint(load, 0.8), 10.0)  # fmt: skip
    b.patch(back, -y, y, 0.95, top, tint(load, 0.92), -1)
    b.patch(back - 0.008, -0.03, 0.03, 1.0, top - 0.05, tint(load, 0.55), -1, 10.0)
    b.patch(end, -y, y, 0.95, top, load, 1)
    b.strip((back, top), (end, top), y, (0.30, 0.36, 0.42) if tipper else load, (0, 0, 1))
    for side in (-1, 1):
        b.patch(back - 0.02, side * y * 0.66, side * y * 0.9, 0.66, 0.86, RED, -1, 4.0, TAIL)
        turn = LEFT if side > 0 else RIGHT
        b.patch(back - 0.02, side * y * 0.52, side * y * 0.64, 0.66, 0.86, AMBER, -1, 12.0, turn)
    b.patch(back - 0.02, -0.26, 0.26, 0.66, 0.78, (0.8, 0.85, 0.88), -1, 16.0)
    cab_first = len(b.lamp)
    _cab(b, cab, wall, front, y, roof)
    return b.mesh((rear, cab_first), wall)


def _cab(b: Builder, paint: Colour, wall: float, front: float, y: float, roof: float) -> None:
    nose, belt = front - 0.12, 1.55
    b.sides([(wall, 0.42), (front, 0.42), (front, belt), (nose - 0.2, roof), (wall, roof)], y * 0.97,
            paint)  # fmt: skip
    b.wheel(front - 1.1, y * 0.98, 0.46)
    b.sides([(wall + 0.35, belt + 0.05), (front - 0.1, belt + 0.05), (nose - 0.26, roof - 0.25),
             (wall + 0.35, roof - 0.25)], y * 0.97 + 0.005, GLASS, 4.0)  # fmt: skip
    b.patch(wall, -y * 0.97, y * 0.97, 0.6, roof, paint, -1)
    b.strip((wall, roof), (nose - 0.2, roof), y * 0.97, tint(paint, 1.05), (0, 0, 1))
    b.strip((front, belt), (nose - 0.2, roof), y * 0.97, paint, (1, 0, 0.3))
    b.strip(
        (front + 0.005, belt + 0.04), (nose - 0.15, roof - 0.2), y * 0.9, GLASS, (1, 0, 0.3), 2.0
    )
    b.patch(front, -y * 0.97, y * 0.97, 0.42, belt, paint, 1)
    b.patch(front + 0.006, -y * 0.6, y * 0.6, 0.85, belt - 0.12, DARK, 1, 6.0)
    b.patch(front + 0.006, -y * 0.97, y * 0.97, 0.42, 0.6, DARK, 1, 6.0)
    b.patch(front + 0.012, -0.26, 0.26, 0.46, 0.57, (0.85, 0.88, 0.88), 1, 16.0)
    for side in (-1, 1):
        b.patch(front + 0.01, side * y * 0.64, side * y * 0.93, 0.62, 0.82, LAMP, 1, 4.0, HEAD)
        turn = LEFT if side > 0 else RIGHT
        b.patch(front + 0.01, side * y * 0.8, side * y * 0.93, 0.84, 0.93, AMBER, 1, 14.0, turn)

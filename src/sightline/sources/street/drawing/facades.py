"""Colours of the walls of a building: storeys, windows, doors, shop fronts and roofs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.drawing.light import Field
from sightline.sources.street.layout import Building

_WALLS = (
    (0.50, 0.58, 0.66), (0.42, 0.50, 0.62), (0.34, 0.40, 0.55), (0.62, 0.66, 0.68), (0.72, 0.75, 0.76),
    (0.56, 0.60, 0.60), (0.46, 0.60, 0.70), (0.60, 0.62, 0.58), (0.30, 0.36, 0.50), (0.66, 0.70, 0.76),
)  # fmt: skip
_SHOPS = (
    (0.20, 0.18, 0.50), (0.40, 0.26, 0.14), (0.20, 0.32, 0.16), (0.20, 0.20, 0.20), (0.16, 0.38, 0.56),
    (0.44, 0.42, 0.40), (0.34, 0.16, 0.26),
)  # fmt: skip
STOREY, SHOP = 3.1, 3.9


def _cover(
    value: Field, period: float, filled: float, pixel: Field
) -> tuple[Field, NDArray[np.int32]]:
    """Coverage of openings of width ``filled`` per ``period``, and the number of each opening."""
    cell = np.floor(value / np.float32(period))
    inner = value - (cell + np.float32(0.5)) * np.float32(period)
    cover: Field = np.clip((np.float32(filled / 2) - np.abs(inner)) / pixel + np.float32(0.5), 0, 1)
    fine = np.clip(pixel / np.float32(period) * 2 - 1, 0, 1)
    return cover * (1 - fine) + np.float32(filled / period) * fine, cell.astype(np.int32)


def paint_facade(
    box: Building,
    axis: int,
    u: Field,
    v: Field,
    pixel_u: Field,
    pixel_v: Field,
    lit: float,
    texture: Field,
) -> tuple[NDArray[np.float32], Field]:
    """Albedo (N, 3), BGR, of points on a face and how much each shines by itself (N,).

    ``u`` runs along the wall and ``v`` upwards, metres; on a roof they are x and y.
    """
    style = np.random.Generator(np.random.PCG64(box.style)).random(10).tolist()
    size = len(texture)
    cloud = texture[(v * 5).astype(np.int32) & (size - 1), (u * 5).astype(np.int32) & (size - 1)]
    none = np.zeros_like(u)
    if axis == 2:
        tone = (np.float32(0.36) + np.float32(0.03) * cloud)[:, None]
        return tone * np.array([1.0, 1.0, 1.02], np.float32), none
    paint = np.array(_WALLS[int(style[0] * len(_WALLS))], np.float32)
    base = paint * np.float32(0.85 + 0.25 * style[1])
    wall = base * (1 + np.float32(0.035) * cloud)[:, None]
    width, opening = 2.1 + 1.6 * style[2], 0.9 + 0.5 * style[3]
    if style[4] > 0.7:
        opening = width - 0.35
    above = v - np.float32(SHOP)
    side, column = _cover(u, width, opening, pixel_u)
    upper, row = _cover(above, STOREY, 1.5 + 0.4 * style[5], pixel_v)
    top = np.clip((np.float32(box.height - 1.0) - v) / pixel_v, 0, 1)
    shop = np.clip((np.float32(SHOP) - v) / pixel_v + np.float32(0.5), 0, 1)
    window = side * upper * top * (1 - shop)
    frame_side, _ = _cover(u, width, opening + 0.26, pixel_u)
    frame_up, _ = _cover(above, STOREY, 1.5 + 0.4 * style[5] + 0.26, pixel_v)
    frame = frame_side * frame_up * top * (1 - shop)
    draw = texture[(row * 37 + column * 11) & (size - 1), (column * 29 + row * 7) & (size - 1)]
    light_frame = np.float32(1.22 if style[6] < 0.6 else 0.72)
    wall += (np.minimum(wall * light_frame, 0.9) - wall) * frame[:, None]
    wall += (_glass(draw, _cover(u, width, 0.06, pixel_u)[0]) - wall) * window[:, None]
    ledge, _ = _cover(above + np.float32(STOREY / 2 + 0.02), STOREY, 0.14, pixel_v)
    wall *= (1 + np.float32(0.12) * ledge * (1 - shop))[:, None]
    shine = _shine(window, draw, above / np.float32(STOREY) - row, lit)
    _shop_front(wall, shine, style, u, v, pixel_u, pixel_v, shop, axis, lit, texture)
    cornice = np.clip((v - np.float32(box.height - 0.45)) / pixel_v + np.float32(0.5), 0, 1)
    wall *= (1 + np.float32(0.16) * cornice)[:, None]
    return wall, shine


def _glass(draw: Field, cross: Field) -> NDArray[np.float32]:
    """Albedo (N, 3) of window panes: each by its draw, with a cross in it."""
    glass = np.array([0.34, 0.30, 0.27], np.float32) * (1 + np.float32(0.35) * draw)[:, None]
    crossed: NDArray[np.float32] = glass * (1 - np.float32(0.45) * cross)[:, None]
    return crossed


def _shine(window: Field, draw: Field, inner: Field, lit: float) -> Field:
    """How much windows shine, each by its draw, at the ``inner`` height (0 to 1) of the pane."""
    burning = (np.abs(draw) * 7 % 1 < np.float32(lit)).astype(np.float32)
    # Curtains, lamps and ceilings: no two windows are equally bright, nor is any one evenly so.
    shine = window * burning * (np.float32(0.30) + np.float32(0.35) * (np.abs(draw) * 13 % 1))
    shine *= np.float32(0.75) + np.float32(0.5) * np.clip(inner, 0, 1)
    return shine


def _shop_front(
    wall: Field,
    shine: Field,
    style: list[float],
    u: Field,
    v: Field,
    pixel_u: Field,
    pixel_v: Field,
    shop: Field,
    axis: int,
    lit: float,
    texture: Field,
) -> None:
    """The ground floor: large panes with a sign above, or plain wall with doors."""
    colour = np.array(_SHOPS[int(style[7] * len(_SHOPS))], np.float32)
    if axis == 1:
        wall += (wall * np.float32(0.86) - wall) * shop[:, None]
        return
    wall += (colour - wall) * (shop * np.float32(0.92))[:, None]
    bay = 3.4 + style[8]
    panes, number = _cover(u, bay, bay - 0.5, pixel_u)
    pane = (
        panes
        * np.clip((np.float32(2.75) - v) / pixel_v, 0, 1)
        * np.clip((v - np.float32(0.45)) / pixel_v, 0, 1)
    )
    door, _ = _cover(u + np.float32(bay * 1.5), bay * 3, 1.1, pixel_u)
    door = door * np.clip((np.float32(2.4) - v) / pixel_v, 0, 1)
    glass = np.array([0.30, 0.28, 0.26], np.float32)
    wall += (glass - wall) * pane[:, None]
    wall += (colour * np.float32(0.5) - wall) * door[:, None]
    sign = np.clip(
        (np.float32(0.32) - np.abs(v - np.float32(3.3))) / pixel_v + np.float32(0.5), 0, 1
    )
    sign = sign * panes
    wall += (np.minimum(colour * np.float32(2.2) + np.float32(0.15), 0.9) - wall) * (
        sign * np.float32(0.8)
    )[:, None]
    open_late = ((number * 7 + int(style[9] * 97)) % 5 < 1 + (lit > 0.2)).astype(np.float32)
    # Goods on shelves below, lamps above.
    size = len(texture)
    goods = texture[(v * 40).astype(np.int32) & (size - 1), (u * 26).astype(np.int32) & (size - 1)]
    level = np.clip((v - np.float32(0.45)) / np.float32(2.3), 0, 1)
    strength = (np.float32(0.30) + np.float32(0.40) * level) * (
        1 + np.float32(0.45) * goods * (1 - level)
    )
    strength = strength * np.float32(1.0 if lit > 0.1 else 0.15)
    np.maximum(shine, (pane + sign * np.float32(0.4)) * open_late * strength, out=shine)

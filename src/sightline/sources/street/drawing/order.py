"""Who is painted first: the farther one, also where a long bus stands beside a small bicycle."""

from __future__ import annotations

import numpy as np

from sightline.sources.street.camera import Camera
from sightline.sources.street.drawing.paint import Sprite


def in_painting_order(items: list[Sprite], camera: Camera) -> list[Sprite]:
    """Items sorted far to near.

    Depth of the middle decides, except where two footprints can be parted by a straight line along
    a side of one of them: then the one on the camera's side is the nearer.
    """
    items = sorted(items, key=lambda item: (-item.depth, item.slot))
    if len(items) < 2:
        return items
    before: dict[int, list[int]] = {}
    for a, b in _doubtful(items):
        if _stands_before(items[a], items[b], camera):
            before.setdefault(a, []).append(b)
    if not before:
        return items
    # Depth-first: what must lie below an item is painted before it.
    ordered: list[Sprite] = []
    done: set[int] = set()

    def visit(at: int) -> None:
        if at in done:
            return
        done.add(at)
        for below in before.get(at, ()):
            visit(below)
        ordered.append(items[at])

    for at in range(len(items)):
        visit(at)
    return ordered


def _doubtful(items: list[Sprite]) -> list[tuple[int, int]]:
    """Pairs that overlap in the picture and are so close that depth alone may not decide."""
    x0, y0, x1, y1 = np.array([item.box for item in items]).T
    depth = np.array([item.depth for item in items])
    ends = np.array([(*item.corners[0], *item.corners[2]) for item in items])
    reach = 0.5 * (np.abs(ends[:, 0] - ends[:, 2]) + np.abs(ends[:, 1] - ends[:, 3]))
    touch = (x0[:, None] < x1) & (x0 < x1[:, None]) & (y0[:, None] < y1) & (y0 < y1[:, None])
    # A bicycle and its rider are at one place: their order is settled already.
    apart = depth[:, None] - depth
    touch &= (apart < reach[:, None] + reach) & (apart > 0.011)
    touch &= np.maximum(reach[:, None], reach) > 1.0
    rows, columns = np.nonzero(np.triu(touch, 1))
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _stands_before(a: Sprite, b: Sprite, camera: Camera) -> bool:
    """Whether a lies on the camera's side of a line that parts the two."""
    eye = [(camera.x, camera.y)]
    for this, other, answer in ((a, b, False), (b, a, True)):
        ring = this.corners
        for (px, py), (qx, qy) in zip(ring, ring[1:] + ring[:1], strict=True):
            if _outside(px, py, qx, qy, other.corners):
                # The other one is outside: it is nearer if the camera is outside too.
                return answer if _outside(px, py, qx, qy, eye) else not answer
    return False


def _outside(px: float, py: float, qx: float, qy: float, points: list[tuple[float, float]]) -> bool:
    """Whether all points lie to the left of the side from p to q of a clockwise ring."""
    return all((qx - px) * (y - py) - (qy - py) * (x - px) >= -0.02 for x, y in points)

"""Where the traffic lights hang, and where their lamps are in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.sources.street.camera import Camera
from sightline.sources.street.layout import SIDE_HALF, Layout


@dataclass(frozen=True, slots=True)
class Signal:
    """A traffic light: the gate that it shows, and where it hangs. ``seen``: from the front."""

    gate: str
    x: float
    y: float
    z: float
    seen: bool

    def lamps(self, camera: Camera) -> list[tuple[int, int, int]]:
        """Canvas x, y and radius in sixteenths of red, yellow and green."""
        found = []
        for at in range(3):
            z = self.z + 0.29 - 0.29 * at
            right, down, ahead = camera.turn(*np.array([[self.x], [self.y], [z]]))
            ((x, y),) = camera.spots(right, down, np.maximum(ahead, 0.1)).tolist()
            found.append((x, y, round(0.115 * camera.focal / max(float(ahead[0]), 0.1) * 16)))
        return found


def find_signals(street: Layout, camera: Camera) -> list[Signal]:
    """The traffic lights of the junction that stand ahead of the camera."""
    low, high = street.junction_crossings
    edge, side = street.half + 0.5, street.side_crossing + 3.2
    j = street.junction
    places = (
        ("north", edge, low - 2.2, 0, -1), ("north", edge, high + 2.2, 0, -1),
        ("south", -edge, high + 2.2, 0, 1), ("south", -edge, low - 2.2, 0, 1),
        ("east", -side, j - SIDE_HALF - 0.5, -1, 0), ("east", side, j - SIDE_HALF - 0.5, -1, 0),
        ("west", side, j + SIDE_HALF + 0.5, 1, 0), ("west", -side, j + SIDE_HALF + 0.5, 1, 0),
    )  # fmt: skip
    return [
        Signal(gate, x, y, 3.4, (camera.x - x) * fx + (camera.y - y) * fy > 3)
        for gate, x, y, fx, fy in places
        if camera.depth(x, y, 3.4) > 6
    ]

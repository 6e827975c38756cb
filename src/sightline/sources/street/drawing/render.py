"""Draws one frame of the world, and measures what is seen of whom.

Everything is drawn at twice the size on a canvas of four channels, far things first: three of
colour, and in the fourth the slot of the identity that the pixel belongs to. Averaging the colours
gives smooth edges; every second pixel of the fourth channel gives the truth.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.actors import ActorPainter
from sightline.sources.street.camera import BLOCK, MARGIN, SCALE, sine
from sightline.sources.street.drawing.light import GroundLight, make_haze_table, make_lighting
from sightline.sources.street.drawing.order import in_painting_order
from sightline.sources.street.drawing.paint import Sprite, draw
from sightline.sources.street.drawing.scenery import SceneryPainter
from sightline.sources.street.drawing.shadows import Shadows
from sightline.sources.street.drawing.weather import Lens
from sightline.sources.street.layout import make_camera, make_layout
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.truth import StreetTruth
from sightline.sources.street.world import World
from sightline.types import Pixels

PAN_S = 8.0
"""Seconds in which a camera that turns looks to both sides once."""

_SIGNAL_COLOURS = {"red": (60, 50, 255), "yellow": (40, 190, 255), "green": (140, 240, 60)}


class Renderer:
    """Draws the frames of one scene in order."""

    def __init__(self, options: StreetOptions) -> None:
        """``options`` must be resolved."""
        self.options = options
        self.street = make_layout(options.seed)
        self.camera = make_camera(options, self.street)
        self.lighting = make_lighting(options)
        ground = GroundLight(self.street, self.lighting)
        haze = make_haze_table(self.lighting.thickness)
        self.scenery = SceneryPainter(
            options.seed, self.street, self.camera, self.lighting, ground, haze
        ).paint()
        self.actors = ActorPainter(self.camera, self.lighting, ground, haze, self.scenery.farthest)
        self.shadows = Shadows(
            self.camera, self.lighting, self.scenery.ground, (options.height, options.width)
        )
        self.lens = Lens(options, self.lighting)
        self._shown: dict[int, str] = {}
        self._canvas = np.empty_like(self.scenery.picture)

    def frame(self, world: World) -> tuple[Pixels, StreetTruth]:
        """The picture (H, W, 3) uint8 BGR of the world as it stands, and the truth."""
        sx, sy = self.lens.sway()
        left, top = MARGIN + self._turned(world.time) + sx, MARGIN + sy
        width, height = self.options.width, self.options.height
        crop = (left, top, left + SCALE * width, top + SCALE * height)
        items = in_painting_order(self.actors.items(world), self.camera)
        items = [item for item in items if _overlap(item.box, crop)]
        self._show_signals(world)
        np.copyto(self._canvas, self.scenery.picture)
        for item in items:
            self._paint(item, crop)
        seen = self._canvas[crop[1] : crop[3], crop[0] : crop[2]]
        small = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGRA2BGR), np.uint8)
        slots = np.ascontiguousarray(seen[::SCALE, ::SCALE, 3])
        self.shadows.apply(image, items, world, slots, (left, top), self.lens.exposure())
        self._glow(image, slots, left, top)
        truth = _measure(items, slots, crop)
        return self.lens.finish(image), truth

    def _turned(self, time: float) -> int:
        """Drawn pixels to the left of the picture, which a camera that turns looks along."""
        pan = SCALE * self.options.pan
        return pan + round(pan * sine(time * math.tau / PAN_S)) if pan else 0

    def _show_signals(self, world: World) -> None:
        """Switch the traffic lights; they are part of the scenery, so only when they change."""
        shown = world.signals.at(world.time)
        for number, signal in enumerate(self.scenery.signals):
            colour = shown[signal.gate]
            if not signal.seen or self._shown.get(number) == colour:
                continue
            self._shown[number] = colour
            depth = int(self.camera.depth(signal.x, signal.y, signal.z) * 100)
            for (x, y, radius), name in zip(
                signal.lamps(self.camera), _SIGNAL_COLOURS, strict=True
            ):
                bright = _SIGNAL_COLOURS[name] if name == colour else (28, 28, 28)
                cx, cy = x >> 4, y >> 4
                inside = 0 <= cy < self.camera.height and 0 <= cx < self.camera.width
                # Only where the light itself is what is seen: a tree may stand before it.
                if inside and abs(int(self.scenery.depth[cy, cx]) - depth) < 60:
                    size = max(10, radius)
                    cv2.circle(self.scenery.picture, (x, y), size, (*bright, 0), -1, cv2.LINE_8, 4)

    def _paint(self, item: Sprite, crop: tuple[int, int, int, int]) -> None:
        """Draw one item, count its own pixels, and put back what stands before it."""
        canvas = self._canvas
        draw(canvas, item.strokes)
        x0, y0, x1, y1 = item.box
        if x0 >= crop[0] and y0 >= crop[1] and x1 <= crop[2] and y1 <= crop[3]:
            # Nothing nearer is drawn yet, so all of it is still there.
            x, y = x0 + (x0 - crop[0]) % SCALE, y0 + (y0 - crop[1]) % SCALE
            own = canvas[y:y1:SCALE, x:x1:SCALE, 3] == item.slot
            item.amodal = int(np.count_nonzero(own))
        else:
            item.amodal = count_alone(item, crop)
        self._hide(item)

    def _hide(self, item: Sprite) -> None:
        """Put back buildings, trees and poles that stand between the item and the camera."""
        height, width = self._canvas.shape[:2]
        x0, y0 = max(0, item.box[0]), max(0, item.box[1])
        x1, y1 = min(width, item.box[2]), min(height, item.box[3])
        if x0 >= x1 or y0 >= y1:
            return
        depth = int(item.depth * 100)
        blocks = self.scenery.nearest[
            y0 // BLOCK : (y1 - 1) // BLOCK + 1, x0 // BLOCK : (x1 - 1) // BLOCK + 1
        ]
        if blocks.min() >= depth:
            return
        mask = cv2.compare(self.scenery.depth[y0:y1, x0:x1], depth, cv2.CMP_LT)
        cv2.copyTo(self.scenery.picture[y0:y1, x0:x1], mask, self._canvas[y0:y1, x0:x1])

    def _glow(self, image: Pixels, slots: NDArray[np.uint8], left: int, top: int) -> None:
        height, width = slots.shape
        for glow in self.actors.glows:
            x, y = int((glow.x - left) / SCALE), int((glow.y - top) / SCALE)
            if not (0 <= x < width and 0 <= y < height):
                continue
            around = slots[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            if (around == glow.slot).any():
                self.lens.add_glow(image, x, y, glow.size / SCALE, glow.kind)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def count_alone(item: Sprite, crop: tuple[int, int, int, int]) -> int:
    """Pixels of an item drawn alone within an infinite frame, on the picture's own grid."""
    x0 = item.box[0] - (item.box[0] - crop[0]) % SCALE
    y0 = item.box[1] - (item.box[1] - crop[1]) % SCALE
    alone = np.zeros((item.box[3] - y0, item.box[2] - x0), np.uint8)
    draw(alone, item.strokes, (-x0, -y0))
    return int(np.count_nonzero(alone[::SCALE, ::SCALE]))


def _measure(
    items: list[Sprite], slots: NDArray[np.uint8], crop: tuple[int, int, int, int]
) -> StreetTruth:
    """Visible boxes and shares from the slots of all pixels."""
    height, width = slots.shape
    rows: list[tuple[float, float, float, float]] = []
    seen: list[tuple[Sprite, float]] = []
    numbers = np.zeros(256, np.uint8)
    for item in items:
        x0, y0 = max(0, (item.box[0] - crop[0]) // SCALE), max(0, (item.box[1] - crop[1]) // SCALE)
        x1 = min(width, (item.box[2] - crop[0]) // SCALE + 1)
        y1 = min(height, (item.box[3] - crop[1]) // SCALE + 1)
        if x0 >= x1 or y0 >= y1:
            continue
        # Not by cv2.compare, which takes the number for an array where four pixels are left of an object.
        mask = (slots[y0:y1, x0:x1] == item.slot).view(np.uint8)
        count = cv2.countNonZero(mask)
        if not count:
            continue
        x, y, w, h = cv2.boundingRect(mask)
        rows.append((x0 + x, y0 + y, x0 + x + w, y0 + y + h))
        seen.append((item, count / item.amodal))
        numbers[item.slot] = len(seen)
    return StreetTruth(
        np.array(rows, np.float32).reshape(-1, 4),
        np.array([item.class_id for item, _ in seen], np.int64),
        np.array([item.track_id for item, _ in seen], np.int64),
        np.array([share for _, share in seen], np.float32),
        np.asarray(cv2.LUT(slots, numbers), np.uint8),
        tuple(item.labels for item, _ in seen),
    )

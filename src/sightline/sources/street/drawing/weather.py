"""What the air and the camera add to a picture: lamps' glow, rain, snow on the lens, blur, noise, exposure, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.sources.street.camera import SCALE
from sightline.sources.street.drawing.light import Lighting
from sightline.sources.street.drawing.shapes import HEAD, LEFT, RIGHT, TAIL
from sightline.sources.street.options import StreetOptions
from sightline.types import Pixels

_GLOW_COLOURS = {
    HEAD: (0.86, 0.95, 1.0), TAIL: (0.10, 0.08, 1.0), LEFT: (0.05, 0.50, 1.0), RIGHT: (0.05, 0.50, 1.0),
}  # fmt: skip
_TILES = 8


class Lens:
    """The camera behind the scene. Everything is made beforehand; a frame only adds bytes."""

    def __init__(self, options: StreetOptions, lighting: Lighting) -> None:
        self._options, self._lighting = options, lighting
        self._rng = np.random.Generator(np.random.PCG64([options.seed, 6]))
        self._noise = self._make_noise()
        self._rain = self._make_rain() if lighting.wet else []
        self._snow = self._make_snow() if options.snow else None
        self._stops = _stops(options.exposure) if options.exposure else None
        self._glows: dict[tuple[int, int, bool], Pixels] = {}
        self._sway = [0.0, 0.0, 0.0, 0.0]
        self._gain = 1.0
        self._gain_aim = 1.0

    def sway(self) -> tuple[int, int]:
        """How far the picture has moved in this frame, in drawn pixels."""
        x, y, vx, vy = self._sway
        limit = SCALE * 1.6 * self._options.shake
        push = (self._rng.random(2) - 0.5).tolist()
        vx = 0.85 * vx + 0.5 * push[0] * self._options.shake - 0.06 * x
        vy = 0.85 * vy + 0.4 * push[1] * self._options.shake - 0.06 * y
        x, y = max(-limit, min(limit, x + vx)), max(-limit, min(limit, y + vy))
        self._sway = [x, y, vx, vy]
        return round(x), round(y)

    def add_glow(self, image: Pixels, x: int, y: int, size: float, kind: int) -> None:
        """Let a lamp shine at a pixel; ``size`` is its radius in pixels."""
        light = self._lighting
        foggy = light.thickness > 0.02
        spread = 1.5 if foggy else 0.6 if light.lamps == 0 else 1.0
        self._shine(image, x, y, size * spread, kind, mirrored=False)
        if light.wet and size > 3:
            # The wet road shows the lamp again, drawn out towards the camera.
            self._shine(image, x, y + round(2.1 * size), size * 0.7, kind, mirrored=True)

    def _shine(self, image: Pixels, x: int, y: int, size: float, kind: int, mirrored: bool) -> None:
        radius = min(96, max(2, int(size)))
        radius = radius if radius < 12 else radius // 4 * 4
        sprite = self._glows.get((radius, kind, mirrored))
        if sprite is None:
            sprite = self._glows[radius, kind, mirrored] = self._make_glow(radius, kind, mirrored)
        height, width = image.shape[:2]
        tall, wide = sprite.shape[0] // 2, sprite.shape[1] // 2
        x0, y0, x1, y1 = x - wide, y - tall, x + wide + 1, y + tall + 1
        cx0, cy0, cx1, cy1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
        if cx0 >= cx1 or cy0 >= cy1:
            return
        part = image[cy0:cy1, cx0:cx1]
        cv2.add(part, sprite[cy0 - y0 : cy1 - y0, cx0 - x0 : cx1 - x0], dst=part)

    def finish(self, image: Pixels) -> Pixels:
        """Rain, snow, blur, exposure, noise and compression; may work in place."""
        options = self._options
        if self._rain:
            cv2.add(image, self._rain[int(self._rng.random() * len(self._rain))], dst=image)
        if self._snow is not None:
            image = self._behind_snow(image, self._snow)
        if options.blur:
            image = self._soften(image)
        if self._stops is not None:
            image = cv2.LUT(image, self._stops)
        if options.noise:
            i, j = (int(self._rng.random() * 32) for _ in range(2))
            for at, plus in enumerate((True, False)):
                tile = self._noise[at][i : i + options.height, j : j + options.width]
                (cv2.add if plus else cv2.subtract)(image, tile, dst=image)
        if options.jpeg:
            _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, options.jpeg])
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return image

    def exposure(self) -> float:
        """Brightness of this frame: the camera's automatic exposure is never quite still."""
        if self._rng.random() < 0.02:
            self._gain_aim = 1 + 0.06 * (self._rng.random() - 0.5)
        self._gain += 0.06 * (self._gain_aim - self._gain)
        return self._gain

    def _soften(self, image: Pixels) -> Pixels:
        blur = self._options.blur
        size = 3 if blur <= 1.5 else 5 if blur <= 3 else 7
        return np.asarray(
            cv2.GaussianBlur(image, (size, size), round(0.2 + 0.3 * blur, 2)), np.uint8
        )

    def _make_noise(self) -> tuple[Pixels, Pixels]:
        """Grains to add and grains to take away, a little larger than the picture."""
        shape = (self._options.height + 32, self._options.width + 32, 3)
        # The sum of four bytes is bell-shaped enough, and the same everywhere.
        dice = [self._rng.integers(0, 256, shape, np.uint8).astype(np.int32) for _ in range(4)]
        shared = self._rng.integers(0, 256, (*shape[:2], 1), np.uint8).astype(np.int32) * 2
        sum_ = dice[0] + dice[1] + dice[2] + dice[3] + shared - 6 * 128 + 3
        strength = round(self._lighting.noise * self._options.noise * 16)
        noise = (sum_ * strength) // (16 * 180)
        return np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8)

    def _make_rain(self) -> list[Pixels]:
        width, height = self._options.width, self._options.height
        tiles = []
        slant = 0.06 + 0.16 * (self._rng.random() - 0.5)
        bright = 34 if self._lighting.lamps < 0.5 else 20
        for _ in range(_TILES):
            tile = np.zeros((height, width), np.uint8)
            for x, y, length, near in self._rng.random((width * height // 900, 4)).tolist():
                reach = int((6 + 26 * length * near) * height / 384)
                a = (int(x * width), int(y * height))
                b = (int(a[0] + slant * reach), a[1] + reach)
                cv2.line(
                    tile, a, b, int(bright * (0.3 + 0.7 * near)), 1 + (near > 0.93), cv2.LINE_8
                )
            tile = cv2.blur(tile, (1, 5))
            tiles.append(np.asarray(cv2.merge([tile, tile, tile]), np.uint8))
        return tiles

    def _make_snow(self) -> Pixels:
        """How much of each pixel snow hides, 0 to 255; (H, W)."""
        width, height = self._options.width, self._options.height
        rng = np.random.Generator(np.random.PCG64([self._options.seed, 7]))
        cover = np.zeros((height, width), np.uint8)
        for x, y, size in rng.random((round(14 * self._options.snow), 3)).tolist():
            radius = int(height * (0.03 + 0.09 * size))
            cv2.circle(cover, (int(x * width), int(y * height)), radius, 235, -1, cv2.LINE_8)
        return np.asarray(cv2.blur(cover, (height // 16 | 1, height // 16 | 1)), np.uint8)

    @staticmethod
    def _behind_snow(image: Pixels, snow: Pixels) -> Pixels:
        """What is seen past snow: where it lies, its own bright grey, with a little of what is behind."""
        share = snow.astype(np.int32)[..., None]
        white = cv2.blur(image, (61, 61)).astype(np.int32) // 2 + 90
        return np.asarray((image * (255 - share) + white * share) // 255, np.uint8)

    def _make_glow(self, radius: int, kind: int, mirrored: bool) -> Pixels:
        # Integers only: a bright middle and a wide, faint rim.
        wide, tall = (max(1, radius // 2), radius * 2) if mirrored else (radius, radius)
        across, along = np.arange(-wide, wide + 1), np.arange(-tall, tall + 1)
        left = 1024 - (along * along)[:, None] * 1024 // (tall * tall)
        left = np.maximum(0, left - (across * across)[None, :] * 1024 // (wide * wide))
        strength = 235 if self._lighting.lamps > 0.5 else 150
        power = strength // 3 if mirrored else strength
        value = (left * left // 1024 * left // 1024) * power // 1024
        value = value * left // 1024
        planes = [np.minimum(255, value * round(c * 256) // 256) for c in _GLOW_COLOURS[kind]]
        return np.stack(planes, axis=-1).astype(np.uint8)


def _stops(exposure: float) -> NDArray[np.uint8]:
    """What each level becomes when the sensor gets so many stops more light; (256,)."""
    # Levels are coded with a gamma of 2.2. Rounded, since powers differ in the last bit between machines.
    gain = round(2 ** (exposure / 2.2) * 65536)
    levels = np.minimum(255, np.arange(256, dtype=np.int64) * gain // 65536)
    return np.asarray(levels, np.uint8)

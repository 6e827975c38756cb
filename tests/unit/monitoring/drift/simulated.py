"""Samples of a camera whose statistics are drawn, with what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from sightline.monitoring.drift.reference import ALL_HOURS, BLOCK, Reference, usual_of
from sightline.monitoring.profiles.object_statistics import ObjectSample
from sightline.monitoring.profiles.picture_statistics import PictureSample
from sightline.monitoring.profiles.profile import FrameSample, Profile
from sightline.types import Floats

USUAL = {
    "brightness": 110.0, "contrast": 45.0, "shadows": 40.0, "highlights": 190.0, "saturation": 14.0, "blue_cast": -1.0,
    "red_cast": 1.0, "sharpness": 1.2, "noise": 2.0, "edges": 0.2, "streaks": 0.1, "blockiness": 0.0, "motion": 5.0,
    "frozen": 0.0,
}  # fmt: skip
_SPREAD = {"brightness": 3.0, "contrast": 1.5, "highlights": 4.0, "shadows": 3.0, "motion": 0.7}


class Camera:
    """Gives samples, one a second; what changes slowly is correlated from one to the next."""

    def __init__(self, seed: int = 0, utc: float | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self._time = 0.0
        self._utc = utc
        self._wander = dict.fromkeys(USUAL, 0.0)
        self.change: Mapping[str, float] = {}
        """What is added to numbers of the picture."""
        self.classes = {"car": 6.0, "person": 3.0, "truck": 0.6}
        self.looks = np.zeros(16)
        """Added to the vectors of objects."""
        self.view = np.random.default_rng(1).random((72, 128)).astype(np.float32) * 200

    def _vectors(self, count: int) -> Floats:
        drawn = self._rng.normal(0, 1, (count, 16)) + self.looks
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)

    def sample(self, after_s: float = 1.0) -> FrameSample:
        self._time += after_s
        numbers = {}
        for name, mean in USUAL.items():
            spread = _SPREAD.get(name, 0.02 * abs(mean))
            self._wander[name] += -0.05 * self._wander[name] + 0.3 * spread * self._rng.normal()
            numbers[name] = mean + self._wander[name] + self.change.get(name, 0.0)
        found = {name: int(self._rng.poisson(mean)) for name, mean in self.classes.items()}
        total = sum(found.values())
        objects = ObjectSample(
            {
                "objects": np.array([total], np.float32),
                "confidence": np.clip(self._rng.normal(0.7, 0.1, total), 0, 1).astype(np.float32),
            },
            {"classes": Counter({name: count for name, count in found.items() if count})},
            {"embedder": self._vectors(2)},
        )
        colours = self._rng.multinomial(2304, [1 / 36] * 36)
        chroma = np.full((36, 64, 2), 128, np.uint8)
        picture = PictureSample(numbers, colours, self.view, chroma, np.zeros((144, 256), np.uint8))
        utc = None if self._utc is None else self._utc + self._time
        return FrameSample(self._time, utc, picture, objects)


def blocks_of(camera: Camera, samples: int) -> list[Profile]:
    """Profiles of so many samples."""
    blocks = []
    for _ in range(samples // BLOCK):
        block = Profile()
        for _ in range(BLOCK):
            block.add(camera.sample())
        blocks.append(block)
    return blocks


def reference_of(camera: Camera, samples: int = 600) -> Reference:
    """What is usual of a camera."""
    return Reference(
        "gate", "street", (640, 384), 1.0, {ALL_HOURS: usual_of("gate", blocks_of(camera, samples))}
    )

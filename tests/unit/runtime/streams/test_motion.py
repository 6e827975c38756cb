"""Motion seen, and light and noise not taken for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sightline.runtime.streams.motion import Motion
from sightline.sources.pictures import ArrayPicture
from sightline.types import Frame, Pixels

RNG = np.random.default_rng(3)
SCENE = cv2.GaussianBlur(RNG.integers(0, 255, (432, 768, 3), np.uint8), (0, 0), 5)


def shown(image: Pixels) -> Frame:
    return Frame("cam", 0, 0.0, 0.0, ArrayPicture(image))


def noisy(image: Pixels, strength: float) -> Pixels:
    noise = cv2.randn(np.empty(image.shape, np.float32), 0, strength)
    seen: Pixels = cv2.add(image, noise, dtype=cv2.CV_8U)
    return seen


def with_box(x: int, height: int) -> Pixels:
    image = SCENE.copy()
    cv2.rectangle(image, (x, 200), (x + height // 3, 200 + height), (255, 255, 255), -1)
    return image


def settled(noise: float = 2.0, frames: int = 60) -> Motion:
    motion = Motion()
    assert motion.seen(shown(SCENE))
    for _ in range(frames):
        motion.seen(shown(noisy(SCENE, noise)))
    return motion


@pytest.mark.parametrize("noise", [0.5, 4.0, 12.0])
def test_noise_is_no_motion(noise: float) -> None:
    motion = settled(noise)
    assert sum(motion.seen(shown(noisy(SCENE, noise))) for _ in range(50)) == 0


def test_a_change_of_light_is_no_motion() -> None:
    motion = settled()
    assert not motion.seen(shown((SCENE * 0.8 + 20).astype(np.uint8)))


@pytest.mark.parametrize("height", [30, 60, 150])
def test_something_that_walks_is_seen_all_the_way(height: int) -> None:
    motion = settled()
    assert all(motion.seen(shown(noisy(with_box(x, height), 2))) for x in range(50, 450, 20))


def test_what_stands_still_becomes_usual() -> None:
    motion = settled()
    seen = [motion.seen(shown(noisy(with_box(300, 100), 2))) for _ in range(80)]
    assert seen[0]
    assert not any(seen[60:])
    assert motion.seen(shown(noisy(SCENE, 2)))  # it leaves


def test_another_size_is_looked_at_anew() -> None:
    motion = settled()
    assert motion.seen(shown(SCENE[:, :600]))
    assert not motion.seen(shown(SCENE[:, :600]))

"""What is done to a picture moves the statistic that is made for it, the right way."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from sightline.monitoring.profiles.picture_statistics import (
    COLOUR_BINS,
    PictureSample,
    picture_sample,
)
from sightline.sources.pictures import ArrayPicture
from sightline.types import Frame, Pixels


class PlanarPicture(ArrayPicture):
    """A picture whose decoder left planes behind."""

    def yuv_planes(self) -> tuple[Pixels, Pixels, Pixels]:
        planes = cv2.cvtColor(self._array, cv2.COLOR_BGR2YUV_I420)
        height, width = self._array.shape[:2]
        rows = planes.reshape(-1)
        size, quarter = width * height, width * height // 4
        return (
            rows[:size].reshape(height, width),
            rows[size : size + quarter].reshape(height // 2, width // 2),
            rows[size + quarter :].reshape(height // 2, width // 2),
        )


def scene() -> Pixels:
    """A street-like picture: surfaces, edges, some texture, coloured."""
    rng = np.random.default_rng(5)
    picture = np.full((360, 640, 3), (120, 110, 90), np.uint8)
    for _ in range(60):
        x, y, w, h = rng.integers(0, (600, 320, 120, 80)).tolist()
        colour = rng.integers(30, 220, 3).tolist()
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1)
    grain = cv2.GaussianBlur(rng.normal(0, 4, picture.shape).astype(np.float32), (0, 0), 1)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def sample(picture: Pixels, before: PictureSample | None = None) -> PictureSample:
    return picture_sample(Frame("gate", 0, 0.0, 0.0, ArrayPicture(picture)), before)


def noisy(picture: Pixels, sigma: float) -> Pixels:
    grain = np.random.default_rng(1).normal(0, sigma, picture.shape[:2])[..., None]
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def streaked(picture: Pixels) -> Pixels:
    drawn = picture.copy()
    for x, y in np.random.default_rng(2).integers(0, (640, 320), (400, 2)).tolist():
        cv2.line(drawn, (x, y), (x + 2, y + 22), (200, 200, 200), 1)
    return drawn


def jpeg(picture: Pixels) -> Pixels:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 15])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        pytest.param(lambda p: p // 2, {"brightness": -1, "highlights": -1, "contrast": -1}, id="dark"),
        pytest.param(lambda p: cv2.add(p, (60, 60, 60, 0)), {"brightness": 1, "shadows": 1}, id="bright"),
        pytest.param(lambda p: cv2.GaussianBlur(p, (0, 0), 2), {"sharpness": -1, "edges": -1}, id="blurred"),
        pytest.param(lambda p: noisy(p, 8), {"noise": 1}, id="noisy"),
        pytest.param(jpeg, {"blockiness": 1}, id="compressed"),
        pytest.param(streaked, {"streaks": 1}, id="rain"),
        pytest.param(lambda p: np.repeat(p.mean(axis=2, keepdims=True), 3, 2).astype(np.uint8), {"saturation": -1}, id="grey"),
        pytest.param(lambda p: cv2.add(p, (50, 0, 0, 0)), {"blue_cast": 1}, id="blue"),
        pytest.param(lambda p: cv2.add(p, (0, 0, 50, 0)), {"red_cast": 1}, id="red"),
    ],
)  # fmt: skip
def test_a_change_moves_its_statistic(
    change: Callable[[Pixels], Pixels], moved: dict[str, int]
) -> None:
    usual, now = sample(scene()).numbers, sample(np.asarray(change(scene()), np.uint8)).numbers
    for name, way in moved.items():
        assert (now[name] - usual[name]) * way > 0.05 * abs(usual[name]), name


def test_noise_is_measured_in_grey_levels() -> None:
    flat = np.full((360, 640, 3), 128, np.uint8)
    for sigma in (2.0, 5.0):
        assert sample(noisy(flat, sigma)).numbers["noise"] == pytest.approx(sigma, rel=0.1)


def test_contrast_is_not_sharpness() -> None:
    faint = (scene() // 3 + 80).astype(np.uint8)
    usual, now = sample(scene()).numbers, sample(faint).numbers
    assert now["contrast"] < 0.5 * usual["contrast"]
    assert now["sharpness"] == pytest.approx(usual["sharpness"], rel=0.25)


def test_a_repeated_picture_is_frozen() -> None:
    first = sample(scene())
    assert "frozen" not in first.numbers
    assert sample(scene(), first).numbers["frozen"] == 1
    moved = sample(np.roll(scene(), 8, axis=1), first).numbers
    assert moved["frozen"] == 0
    assert moved["motion"] > 1


def test_planes_of_a_decoder_tell_the_same_as_pixels() -> None:
    frame = Frame("gate", 0, 0.0, 0.0, PlanarPicture(scene()))
    planes, pixels = picture_sample(frame).numbers, sample(scene()).numbers
    for name in ("contrast", "edges", "sharpness", "saturation"):
        assert planes[name] == pytest.approx(pixels[name], rel=0.25), name


@pytest.mark.parametrize("size", [(16, 12), (64, 64), (1, 1), (7, 333), (4000, 30)])
def test_pictures_of_any_size_have_statistics(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    assert all(np.isfinite(value) for value in sample(picture).numbers.values())


@pytest.mark.parametrize(
    ("bgr", "blue", "red"),
    [
        pytest.param((120, 120, 120), 3, 3, id="grey"),
        pytest.param((250, 60, 40), 5, 0, id="blue, beyond the last bins"),
        pytest.param((40, 60, 250), 0, 5, id="red, beyond the last bins"),
        pytest.param((100, 112, 140), 2, 4, id="a little red"),
    ],
)
def test_colours_are_counted_by_blue_and_red(
    bgr: tuple[int, int, int], blue: int, red: int
) -> None:
    counts = sample(np.full((360, 640, 3), bgr, np.uint8)).colours.reshape(COLOUR_BINS, COLOUR_BINS)
    assert counts.sum() == counts[blue, red] > 0

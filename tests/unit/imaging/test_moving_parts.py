"""What moves in front of a still camera is boxed; light, noise, sway and leaves are not."""

from __future__ import annotations

from itertools import count

import cv2
import numpy as np
import pytest

from sightline.imaging.moving_parts import Motions, MovingParts
from sightline.sources.pictures import ArrayPicture
from sightline.types import Floats, Frame, Pixels

RNG = np.random.default_rng(3)
SCENE = cv2.GaussianBlur(RNG.integers(40, 215, (432, 768, 3), np.uint8), (0, 0), 4)
OTHER = np.where(np.indices((432, 768)).sum(axis=0)[..., None] // 60 % 2, 250, 5).astype(np.uint8)
OTHER = OTHER.repeat(3, axis=2)
NOTHING = np.empty((0, 4), np.float32)


class Camera:
    """Shows pictures at 25 a second."""

    def __init__(self) -> None:
        self.parts = MovingParts()
        self._numbers = count()

    def show(self, image: Pixels, objects: Floats = NOTHING) -> Motions | None:
        number = next(self._numbers)
        noise = cv2.randn(np.empty(image.shape, np.float32), 0, 2)
        noisy: Pixels = cv2.add(image, noise, dtype=cv2.CV_8U)
        return self.parts.seen(Frame("cam", number, number / 25, 0.0, ArrayPicture(noisy)), objects)

    def boxes(self, image: Pixels, objects: Floats = NOTHING) -> Floats:
        motions = self.show(image, objects)
        assert motions is not None
        return motions.boxes


@pytest.fixture
def camera() -> Camera:
    """It has seen the empty scene for a while."""
    made = Camera()
    assert made.show(SCENE) is None
    for _ in range(40):
        made.show(SCENE)
    return made


def with_box(x: int, y: int, width: int, height: int) -> Pixels:
    image = SCENE.copy()
    cv2.rectangle(image, (x, y), (x + width, y + height), (250, 250, 250), -1)
    return image


def swayed(pixels: float) -> Pixels:
    shift = np.array([[1, 0, pixels], [0, 1, pixels / 2]], np.float32)
    moved: Pixels = cv2.warpAffine(SCENE, shift, (768, 432), borderMode=cv2.BORDER_REPLICATE)
    return moved


def test_noise_is_no_motion(camera: Camera) -> None:
    assert sum(len(camera.boxes(SCENE)) for _ in range(25)) == 0


def test_a_change_of_light_is_no_motion(camera: Camera) -> None:
    assert not len(camera.boxes((SCENE * 0.95 + 15).astype(np.uint8)))


def test_a_mast_that_sways_moves_nothing(camera: Camera) -> None:
    found = [len(camera.boxes(swayed(1.5 * np.sin(i / 3)))) for i in range(30)]
    assert sum(found) == 0


@pytest.mark.parametrize(("width", "height"), [(8, 24), (20, 60), (120, 80)])
def test_what_walks_is_boxed(camera: Camera, width: int, height: int) -> None:
    for x in range(60, 300, 12):
        boxes = camera.boxes(with_box(x, 150, width, height))
        centre = np.array((x + width / 2, 150 + height / 2))
        around = (boxes[:, :2] <= centre).all(axis=1) & (boxes[:, 2:] >= centre).all(axis=1)
        assert around.any()


def test_the_usual_picture_may_follow_unasked(camera: Camera) -> None:
    """What has come meanwhile is usual, and what goes then is motion."""
    there = with_box(300, 200, 40, 60)
    assert len(camera.boxes(there))
    for number in range(100, 160):
        camera.parts.follow(Frame("cam", number, number / 25, 0.0, ArrayPicture(there)))
    assert not len(camera.boxes(there))
    assert len(camera.boxes(SCENE)) == 1


def test_two_far_apart_are_two_boxes(camera: Camera) -> None:
    image = with_box(50, 60, 20, 40)
    cv2.rectangle(image, (650, 350), (670, 390), (250, 250, 250), -1)
    assert len(camera.boxes(image)) == 2


def test_what_was_uncovered_is_soon_no_motion() -> None:
    camera = Camera()
    camera.show(with_box(200, 150, 80, 80))
    for _ in range(30):
        camera.show(with_box(200, 150, 80, 80))
    left = [len(camera.boxes(SCENE)) for _ in range(30)]
    assert left[0]
    assert not any(left[20:])  # the usual picture still shows what was there, and nothing changes


def test_leaves_are_learnt_as_noise_where_no_object_is(camera: Camera) -> None:
    leaves = RNG.integers(0, 255, (80, 160, 1), np.uint8).repeat(3, axis=2)
    leaves = cv2.GaussianBlur(leaves, (0, 0), 3)

    def in_the_wind(number: int) -> Pixels:
        image = SCENE.copy()
        left = 20 + round(10 * np.sin(number / 4))
        image[100:180, 100:220] = leaves[:, left : left + 120]
        return image

    found = [len(camera.boxes(in_the_wind(number))) for number in range(250)]
    assert all(found[:5])
    assert sum(found[-50:]) < sum(found[:50]) / 3


def test_what_moves_within_a_known_object_is_that_object(camera: Camera) -> None:
    objects = np.array([[195, 145, 225, 215], [600, 300, 650, 350]], np.float32)
    motions = camera.show(with_box(200, 150, 20, 60), objects)
    assert motions is not None
    assert motions.objects.tolist() == [True, False]
    assert not len(motions.boxes)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(OTHER, id="another view"),
        pytest.param(cv2.resize(SCENE, (640, 360)), id="another size"),
    ],
)
def test_a_new_picture_is_no_motion_but_new(camera: Camera, image: Pixels) -> None:
    assert camera.show(image) is None
    assert not len(camera.boxes(image))

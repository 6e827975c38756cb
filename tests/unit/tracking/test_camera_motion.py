"""The camera's motion: what is seen of it in the picture, and what trackers make of it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.protocols import FrameTracker
from sightline.sources.pictures import ArrayPicture
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.tracking import warp
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.camera_motion import CameraMotion
from sightline.tracking.ocsort import OCSORT
from sightline.types import Detections, Frame, Pixels

NO_BOXES = np.empty((0, 4), np.float32)
WIDTH, HEIGHT = 640, 384


@pytest.fixture(scope="module")
def scene() -> Pixels:
    """A picture with corners in it, larger than what is shown of it."""
    options = StreetOptions(seed=3, width=WIDTH + 160, height=HEIGHT + 160, shake=0, noise=0)
    return next(iter(StreetSource(options))).image


def frame(pixels: Pixels, index: int = 0) -> Frame:
    return Frame("scene", index, index / 25, 0.0, ArrayPicture(pixels))


def shown(scene: Pixels, transform: np.ndarray) -> Pixels:
    """The middle of the scene, moved by a transform of the picture's coordinates."""
    place = np.array([[1, 0, -80.0], [0, 1, -80], [0, 0, 1]])
    return cv2.warpPerspective(scene, transform @ place, (WIDTH, HEIGHT))


def similarity(angle: float, zoom: float, x: float, y: float) -> np.ndarray:
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y], [0, 0, 1]])


@pytest.mark.parametrize("model", ["affine", "homography"])
@pytest.mark.parametrize(
    "transform",
    [
        pytest.param(similarity(0, 1, 12, -7), id="shift"),
        pytest.param(similarity(0, 1, 45, 10), id="far"),
        pytest.param(similarity(0.03, 1, 0, 5), id="turn"),
        pytest.param(similarity(0, 1.04, -10, -8), id="zoom"),
    ],
)
def test_the_motion_is_found(scene: Pixels, model: str, transform: np.ndarray) -> None:
    camera = CameraMotion(model)
    assert camera.update(frame(shown(scene, np.eye(3))), NO_BOXES) is None
    found = camera.update(frame(shown(scene, transform), 1), NO_BOXES)
    assert found is not None
    corners = np.array([[0, WIDTH, 0, WIDTH, 320], [0, 0, HEIGHT, HEIGHT, 192]], np.float64)
    off = warp.moved_points(corners, found) - warp.moved_points(corners, transform)
    assert np.abs(off).max() < 1.5


@pytest.mark.parametrize(
    "second",
    [
        pytest.param("same", id="nothing moves"),
        pytest.param("grey", id="nothing to see"),
        pytest.param("cut", id="another scene"),
        pytest.param("smaller", id="another size"),
    ],
)
def test_what_is_no_motion_of_the_camera(scene: Pixels, second: str) -> None:
    still = shown(scene, np.eye(3))
    noise = np.random.default_rng(0).integers(0, 255, still.shape, np.uint8)
    other = {
        "same": still, "grey": np.full_like(still, 90), "cut": noise, "smaller": still[:200, :300],
    }[second]  # fmt: skip
    camera = CameraMotion()
    camera.update(frame(still), NO_BOXES)
    assert camera.update(frame(np.ascontiguousarray(other), 1), NO_BOXES) is None


def test_a_large_object_that_moves_is_not_the_camera(scene: Pixels) -> None:
    """Half of the picture is a bus that drives by: corners in its box are not looked at."""
    before = shown(scene, np.eye(3))
    bus = np.random.default_rng(1).integers(0, 255, (300, 440, 3), np.uint8)
    bus = cv2.normalize(cv2.GaussianBlur(bus, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX)
    images, boxes = [], []
    for x in (90, 102):
        image = before.copy()
        image[60:360, x : x + 440] = bus
        images.append(image)
        boxes.append(np.array([[x, 60, x + 440, 360]], np.float32))
    masked, blind = CameraMotion(), CameraMotion()
    masked.update(frame(images[0]), boxes[0])
    assert masked.update(frame(images[1], 1), boxes[1]) is None
    blind.update(frame(images[0]), NO_BOXES)
    wrong = blind.update(frame(images[1], 1), NO_BOXES)
    assert wrong is not None  # else this test would not show that boxes count
    assert wrong[0, 2] == pytest.approx(12, abs=1)


def test_boxes_points_and_motion_are_moved_together() -> None:
    transform = similarity(0, 2, 10, -20)
    boxes = np.array([[0.0, 0, 10, 20], [50, 50, 60, 80]]).T
    moved = warp.moved_boxes(boxes, transform)
    assert moved.T.tolist() == [[10, -20, 30, 20], [110, 80, 130, 140]]
    quarter = similarity(np.pi / 2, 1, 0, 0)
    motion = np.zeros((11, 1))
    motion[:8, 0] = 10, 10, 20, 20, 3, 0, 3, 0
    warp.move(motion, quarter)
    assert motion[:4, 0] == pytest.approx([-20, 10, -10, 20])
    assert motion[4:8, 0] == pytest.approx([0, 3, 0, 3], abs=1e-12)


def test_a_homography_moves_points_near_each_other_as_its_jacobian_says() -> None:
    transform = np.array([[1.02, 0.01, 5], [-0.02, 0.98, 3], [1e-4, 2e-4, 1]])
    at, step = np.array([[300.0], [200.0]]), np.array([[0.01], [-0.02]])
    exact = warp.moved_points(at + step, transform) - warp.moved_points(at, transform)
    assert warp.turned(step, at, transform) == pytest.approx(exact, rel=1e-3)


def jolted(scene: Pixels) -> Iterator[tuple[Detections, Frame, list[int]]]:
    """Four people stand in a row; every half a second the camera jumps by one place of the row."""
    people = 40.0 + 50 * np.arange(7)
    for n in range(60):
        shift = 50.0 * (n // 12 % 2)
        boxes = np.stack(
            (people + shift, np.full(7, 150.0), people + shift + 30, np.full(7, 230.0))
        )
        found = Detections(
            boxes.T.astype(np.float32), np.full(7, 0.9, np.float32), np.arange(7, dtype=np.int64)
        )
        yield found, frame(shown(scene, similarity(0, 1, shift, 0)), n), list(range(1, 8))


@pytest.mark.parametrize("make", [ByteTrack, OCSORT])
def test_ids_stay_with_their_objects_when_the_camera_jumps(make: type, scene: Pixels) -> None:
    off, on = make(), make(camera_motion="affine")
    assert isinstance(on, FrameTracker)
    wrong = 0
    for found, seen, ids in jolted(scene):
        assert on.update(found, seen).track_ids.tolist() == ids
        wrong += off.update(found, seen).track_ids.tolist() != ids
    assert wrong >= 24  # without, everybody is taken for the neighbour while it looks aside


def test_without_a_frame_it_is_said_what_is_missing() -> None:
    found = Detections.empty()
    with pytest.raises(ConfigError, match=r"update\(detections, frame\)"):
        ByteTrack(camera_motion="affine").update(found, 0.04)
    with pytest.raises(ConfigError, match="camera_motion is 'afine': it must be one of off"):
        ByteTrack(camera_motion="afine")


def test_detections_that_know_their_frame_are_enough(scene: Pixels) -> None:
    seen = frame(shown(scene, np.eye(3)))
    found = Detections(
        np.array([[10, 10, 50, 90]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64),
        frame_ref=lambda: seen,
    )  # fmt: skip
    assert len(ByteTrack(camera_motion="homography").update(found)) == 1


def test_truth_of_a_street_that_pans_is_followed() -> None:
    """What is parked is where the motion of the picture says that it is."""
    options = StreetOptions(seed=4, width=480, height=288, fps=25, duration=0.4, pan=60, shake=4)
    camera, off = CameraMotion(), []
    before: dict[int, np.ndarray] = {}
    for seen in StreetSource(options):
        truth = truth_of(seen)
        transform = camera.update(seen, truth.boxes)
        whole = truth.visibility > 0.99
        boxes = dict(
            zip(truth.track_ids[whole].tolist(), truth.boxes[whole].astype(float), strict=True)
        )
        for track, box in boxes.items():
            if track in before:
                expected = before[track][:, None]
                if transform is not None:
                    expected = warp.moved_boxes(expected, transform)
                off.append(np.abs(expected[:, 0] - box).max())
        before = boxes
    assert np.median(off) < 1.2

"""What DeepSORT adds to overlap: objects are known again by their vectors."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.protocols import AppearanceTracker
from sightline.sources.pictures import ArrayPicture
from sightline.tracking import kalman
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.deepsort import DeepSORTTracker as DeepSORT
from sightline.tracking.gallery import Gallery
from sightline.types import Detections, Floats, Frame

pytestmark = pytest.mark.filterwarnings("error")

RED, BLUE, GREEN = np.eye(3, 8, dtype=np.float32)
NOTHING = np.zeros(8, np.float32)


def detections(
    *objects: tuple[float, np.ndarray], y: float = 100, score: float = 0.9
) -> Detections:
    """Boxes of 40 by 100 pixels at x, each with its vector."""
    n = len(objects)
    x = np.array([at for at, _ in objects], np.float32)
    boxes = np.stack((x, np.full(n, y), x + 40, np.full(n, y + 100)), axis=1)
    return Detections(
        boxes.astype(np.float32), np.full(n, score, np.float32), np.zeros(n, np.int64),
        embeddings=np.stack([vector for _, vector in objects]) if n else np.zeros((0, 8), np.float32),
    )  # fmt: skip


def ids(tracked: Detections) -> list[int]:
    assert tracked.track_ids is not None
    return tracked.track_ids.tolist()


def walk(tracker: Any, first: int, last: int) -> None:
    """A red and a blue person walk towards each other, 4 pixels a frame, from 0 and from 400."""
    for n in range(first, last):
        tracker.update(detections((4 * n, RED), (400 - 4 * n, BLUE)), n / 25)


def test_who_turned_back_while_hidden_is_known_by_looks() -> None:
    """They meet at frame 50, are out of sight, and each goes back to where it came from."""
    kept = {}
    for name, tracker in (("deepsort", DeepSORT()), ("bytetrack", ByteTrack(lost_buffer_s=3))):
        walk(tracker, 0, 48)
        for n in range(48, 56):
            tracker.update(detections(), n / 25)
        for n in range(56, 60):
            back = 4 * (104 - n)
            tracked = tracker.update(detections((back - 4, RED), (404 - back, BLUE)), n / 25)
        kept[name] = ids(tracked)
    assert kept["deepsort"] == [1, 2]
    assert kept["bytetrack"] != [1, 2]


def test_another_object_at_the_same_place_is_another() -> None:
    tracker = DeepSORT(minimum_hits=1)
    for n in range(10):
        tracker.update(detections((100, RED)), n / 25)
    for n in range(10, 13):
        tracker.update(detections(), n / 25)
    assert ids(tracker.update(detections((100, BLUE)), 13 / 25)) == [2]
    assert ids(tracker.update(detections((102, RED), (100, BLUE)), 14 / 25)) == [1, 2]


def test_looks_alone_do_not_carry_an_object_across_the_picture() -> None:
    tracker = DeepSORT(minimum_hits=1)
    for n in range(10):
        tracker.update(detections((100, RED)), n / 25)
    assert ids(tracker.update(detections((900, RED)), 10 / 25)) == [2]


@pytest.mark.parametrize(
    ("vectors", "expected"),
    [
        pytest.param(None, [1], id="none"),
        pytest.param(NOTHING[None], [1], id="zeros"),
        pytest.param(np.full((1, 8), np.nan, np.float32), [1], id="not numbers"),
        pytest.param(np.ones((1, 3), np.float32), [1], id="of another embedder"),
        pytest.param(7 * RED[None], [1], id="not of length 1"),
    ],
)
def test_frames_without_good_vectors_are_matched_by_overlap(
    vectors: np.ndarray | None, expected: list[int]
) -> None:
    tracker = DeepSORT()
    for n in range(10):
        tracker.update(detections((4 * n, RED)), n / 25)
    tracked = tracker.update(replace(detections((40, RED)), embeddings=vectors), 10 / 25)
    assert ids(tracked) == expected
    assert ids(tracker.update(detections((44, RED)), 11 / 25)) == expected


def test_without_vectors_a_lost_object_is_found_by_overlap() -> None:
    tracker = DeepSORT()
    for n in range(10):
        tracker.update(replace(detections((4 * n, RED)), embeddings=None), n / 25)
    for n in range(10, 13):
        tracker.update(Detections.empty(), n / 25)
    again = replace(detections((52, RED)), embeddings=None)
    assert ids(tracker.update(again, 13 / 25)) == [1]


@pytest.mark.parametrize(("cascade", "taken"), [(True, 2), (False, 1)])
def test_the_cascade_takes_who_was_seen_last_first(cascade: bool, taken: int) -> None:
    """A detection looks just like who is hidden, and nearly like who was seen a moment ago."""
    alike = np.array([0.9, np.sqrt(1 - 0.81), *[0] * 6], np.float32)
    tracker = DeepSORT(cascade=cascade)
    for n in range(10):
        tracker.update(detections((100, RED), (104, alike)), n / 25)
    tracker.update(detections((104, alike)), 10 / 25)
    assert ids(tracker.update(detections((102, RED)), 11 / 25)) == [taken]


def test_the_gate_is_the_filter_s_uncertainty() -> None:
    """Squared Mahalanobis distance: exact for one box with the filter's first covariance."""
    motion = kalman.begin(np.array([[0.0, 0, 40, 100]]).T)
    boxes = np.array([[0.0, 0, 40, 100], [10, 0, 50, 100]]).T
    variance = ((2 / 20) ** 2 + (1 / 20) ** 2) * 100**2
    assert kalman.distances(motion, boxes).tolist() == [[0, pytest.approx(2 * 10**2 / variance)]]


def test_a_gallery_keeps_what_is_new_and_forgets_the_oldest() -> None:
    gallery = Gallery(2, alike=0.97)
    slots = gallery.take(2)

    def add(vector: Floats) -> None:
        best = gallery.cosines(vector[None])[slots[0]]
        gallery.add(slots[:1], vector[None], best)

    add(RED)
    add(RED)  # tells nothing new
    add(BLUE)
    assert gallery.cosines(np.stack((RED, BLUE, GREEN)))[slots].tolist() == [[1, 1, 0], [0, 0, 0]]
    add(GREEN)
    assert gallery.cosines(np.stack((RED, BLUE, GREEN)))[slots[0]].tolist() == [0, 1, 1]
    assert gallery.known(slots).tolist() == [True, False]
    gallery.keep(slots[1:])
    assert slots[0] in gallery.take(1)
    assert not gallery.known(slots[:1]).any()


def test_slots_are_used_again() -> None:
    tracker = DeepSORT(minimum_hits=1, lost_buffer_s=0.1)
    for n in range(300):
        tracker.update(detections((37 * n % 4000, RED)), n / 25)
    assert len(tracker._gallery._used) <= 64


def test_a_hidden_detection_does_not_change_the_gallery() -> None:
    """Behind somebody, the crop of the box shows mostly him."""
    tracker = DeepSORT()
    for n in range(10):
        tracker.update(detections((100, RED)), n / 25)
    mixed = (RED + 0.5 * BLUE) / np.sqrt(np.float32(1.25))
    boxes = np.array([[100, 100, 140, 200], [105, 110, 145, 210]], np.float32)
    found = Detections(
        boxes,
        np.full(2, 0.9, np.float32),
        np.zeros(2, np.int64),
        embeddings=np.stack((mixed, BLUE)),
    )
    assert ids(tracker.update(found, 10 / 25)) == [1]
    assert tracker._gallery._counts[tracker._tracks.slots[0]] == 1


class CountingEmbedder:
    """Tells crops apart by their mean colour, and counts them."""

    dimensions = 3

    def __init__(self) -> None:
        self.boxes: list[int] = []

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        self.boxes.append(len(boxes))
        whole = boxes.round().astype(int).tolist()
        colours = [frame.image[y0:y1, x0:x1].mean(axis=(0, 1)) for x0, y0, x1, y1 in whole]
        done: Future[Floats] = Future()
        done.set_result(np.array(colours, np.float32).reshape(-1, 3))
        return done

    def with_engines(self, wrap: Any) -> CountingEmbedder:
        return self

    def close(self) -> None: ...


def test_by_hand_the_embedder_looks_at_the_frame() -> None:
    embedder = CountingEmbedder()
    tracker = DeepSORT(embedder, high_threshold=0.5)
    assert isinstance(tracker, AppearanceTracker)
    image = np.zeros((300, 400, 3), np.uint8)
    image[:, :200], image[:, 200:] = (0, 0, 200), (200, 0, 0)
    for n in range(4):
        frame = Frame("s", n, n / 25, 0.0, ArrayPicture(image))
        found = replace(detections((20, RED), (300, RED)), embeddings=None)
        weak = replace(detections((150, RED), score=0.2), embeddings=None)
        both = Detections(
            np.concatenate((found.boxes, weak.boxes)), np.concatenate((found.scores, weak.scores)),
            np.zeros(3, np.int64),
        )  # fmt: skip
        tracked = tracker.update(both, frame)
    assert ids(tracked) == [1, 2]
    assert embedder.boxes == [2] * 4  # no vector of a weak detection is used, so none is made
    assert tracked.embeddings is not None
    assert tracked.embeddings.shape == (2, 3)


@pytest.mark.parametrize(
    "option", [{"appearance_threshold": 1.5}, {"gallery": 0}, {"match_threshold": -1}]
)
def test_options_out_of_range_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        DeepSORT(**option)


def test_options_of_other_libraries_lead_to_ours() -> None:
    for theirs, ours in (("max_cosine_distance", "appearance_threshold"), ("nn_budget", "gallery")):
        with pytest.raises(TypeError, match=ours):
            DeepSORT(**{theirs: 1})

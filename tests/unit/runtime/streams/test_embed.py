"""The stage that makes vectors to search by: which crops it looks at, and what it tells of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.config import EmbedOptions
from sightline.errors import InferenceError
from sightline.runtime.streams.embed import EmbedTracks
from sightline.types import EmbedderInfo, Embedding, Floats, Frame, Observation

INFO = EmbedderInfo("fixed", "ab" * 32, 2)
SIZE = (400, 300)
NOISE = np.random.default_rng(1).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
BLURRED = cv2.GaussianBlur(NOISE, (0, 0), 8)

Observe = Callable[..., Observation]


class Embedder:
    """Its vectors count the crops; ``futures`` are answered by the test where it is ``slow``."""

    dimensions, info = 2, INFO

    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self.boxes: list[Floats] = []
        self.futures: list[Future[Floats]] = []

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        self.boxes.append(boxes)
        self.futures.append(Future())
        if not self.slow:
            self.answer()
        return self.futures[-1]

    def answer(self) -> None:
        rows = len(self.boxes[-1])
        self.futures[-1].set_result(np.tile(np.array([[1, 0]], np.float32), (rows, 1)))


def stage(embedder: Embedder, class_ids: Any = None, **options: Any) -> EmbedTracks:
    made = EmbedOptions(model="fixed", **options)
    return EmbedTracks(embedder, made, class_ids)  # type: ignore[arg-type]


def run(steps: EmbedTracks, seen: Observation) -> tuple[Embedding, ...]:
    begun = steps.submit(seen)
    return steps.settle(seen, None if begun is None else begun.result(5)).embeddings


@pytest.fixture
def seen(observe: Observe) -> Observe:
    def make(
        time: float, *boxes: tuple[float, ...], image: Any = NOISE, **rest: Any
    ) -> Observation:
        return observe(index=round(time * 25), time=time, boxes=boxes, image=image, **rest)

    return make


CAR = (100, 100, 180, 160, 0.9, 2, 7)


def test_a_track_is_looked_at_as_soon_as_it_appears(seen: Observe) -> None:
    (found,) = run(stage(Embedder()), seen(1.0, CAR))
    assert (found.track_id, found.class_name, found.frame, found.time) == (7, "car", 25, 1.0)
    assert found.box == (100, 100, 180, 160)
    assert found.score == pytest.approx(0.9)
    assert found.embedder == INFO
    assert found.vector.tolist() == [1, 0]
    picture = cv2.imdecode(np.frombuffer(found.picture, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[:2] == (72, 96), "the box, and a tenth more on each side"


LATER: dict[str, tuple[tuple[float, ...], Any, bool]] = {
    "the same": (CAR, NOISE, False),
    "twice as large": ((100, 100, 220, 190, 0.9, 2, 7), NOISE, True),
    "larger, and blurred": ((100, 100, 220, 190, 0.9, 2, 7), BLURRED, False),
    "larger, and doubtful": ((100, 100, 220, 190, 0.4, 2, 7), NOISE, False),
    "larger, and cut off by the border": ((0, 100, 120, 190, 0.9, 2, 7), NOISE, False),
}


@pytest.mark.parametrize("case", LATER.values(), ids=LATER.keys())
def test_a_crop_takes_the_place_of_a_worse_one(seen: Observe, case: Any) -> None:
    box, image, better = case
    steps = stage(Embedder())
    (first,) = run(steps, seen(1.0, CAR))
    later = run(steps, seen(3.0, box, image=image))
    assert bool(later) == better
    assert all(one.quality > 1.3 * first.quality and one.track_id == 7 for one in later)


def test_what_stands_in_front_of_an_object_counts(seen: Observe) -> None:
    bus = (90, 110, 200, 190, 0.9, 2, 8)  # nearer to the camera: its lower side is lower
    (hidden, _) = run(stage(Embedder()), seen(1.0, CAR, bus))
    (free,) = run(stage(Embedder()), seen(1.0, CAR))
    assert hidden.quality < 0.3 * free.quality


def test_a_better_crop_is_not_looked_for_at_once(seen: Observe) -> None:
    embedder = Embedder()
    steps = stage(embedder, again_s=0.5)
    run(steps, seen(1.0, CAR))
    large = (100, 100, 220, 190, 0.9, 2, 7)
    assert not run(steps, seen(1.2, large))
    assert run(steps, seen(1.6, large))


NOT_SHOWN: dict[str, tuple[tuple[float, ...], dict[str, Any]]] = {
    "of another class": ((100, 100, 180, 160, 0.9, 0, 7), {"class_ids": np.array([2])}),
    "too small": (CAR, {"min_size": 61}),
    "outside of the area": (CAR, {"only_in": ((0.6, 0), (1, 0), (1, 1))}),
    "no area": ((100, 100, 100, 160, 0.9, 2, 7), {"min_size": 1}),
    "beside the picture": ((-90, 10, -10, 60, 0.9, 2, 7), {}),
    "below the picture": ((10, 310, 90, 390, 0.9, 2, 7), {}),
}


@pytest.mark.parametrize("case", NOT_SHOWN.values(), ids=NOT_SHOWN.keys())
def test_what_the_embedder_is_not_shown(seen: Observe, case: Any) -> None:
    box, options = case
    embedder = Embedder()
    assert not run(stage(embedder, **options), seen(1.0, box))
    assert not embedder.boxes


def test_objects_of_pictures_are_looked_at_once_each(seen: Observe) -> None:
    steps = stage(Embedder())
    for _ in range(2):  # two pictures, that have nothing to do with one another
        found = run(steps, seen(0.0, CAR, (10, 10, 60, 60, 0.5, 0, -1), tracked=False))
        assert [one.track_id for one in found] == [None, None]


def test_no_picture_is_kept(seen: Observe) -> None:
    (found,) = run(stage(Embedder(), picture=0), seen(1.0, CAR))
    assert found.picture == b""


def test_pictures_are_no_larger_than_they_may_be(seen: Observe) -> None:
    (found,) = run(stage(Embedder(), picture=40), seen(1.0, CAR))
    picture = cv2.imdecode(np.frombuffer(found.picture, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[:2] == (30, 40)


def test_what_comes_late_comes_with_a_later_frame(seen: Observe) -> None:
    embedder = Embedder(slow=True)
    steps = stage(embedder)
    first, second, third = seen(1.0, CAR), seen(1.04, CAR), seen(1.08, CAR)
    assert steps.submit(first) is not None
    assert steps.settle(first.without("embed", "late"), None).embeddings == ()
    assert steps.submit(second) is None
    embedder.answer()
    # Of a frame that nobody is handed, nothing would be stored.
    assert steps.settle(second.without("detect", "skipped"), None).embeddings == ()
    (found,) = steps.settle(third, None).embeddings
    assert (found.frame, found.track_id) == (25, 7)


def test_a_look_that_failed_is_taken_again(seen: Observe) -> None:
    embedder = Embedder(slow=True)
    steps = stage(embedder)
    first, second = seen(1.0, CAR), seen(1.04, CAR)
    steps.submit(first)
    embedder.futures[-1].set_exception(InferenceError("it broke"))
    assert steps.settle(first.without("embed", "failed"), None).embeddings == ()
    assert steps.submit(second) is not None
    embedder.answer()
    assert len(steps.settle(second, None).embeddings) == 1


def test_embeddings_of_other_stages_stay(seen: Observe) -> None:
    before = seen(1.0, CAR)
    (other,) = run(stage(Embedder()), before)
    after = replace(before, embeddings=(other,))
    assert len(run(stage(Embedder()), after)) == 2

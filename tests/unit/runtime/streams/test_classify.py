"""The stage that classifies tracked objects: when it looks, what it makes of its looks, and what it keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Self

import numpy as np
import pytest

from sightline.config import ClassifyOptions
from sightline.errors import InferenceError, Overloaded
from sightline.protocols import Classifier, Engine
from sightline.runtime.streams.classify import FORGET_S, ClassifyTracks
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Floats, Frame, Label, Observation

NOISE = np.random.default_rng(0).integers(0, 255, (200, 400, 3), np.uint8)
COLOURS = ("red", "green", "blue")


class Told:
    """A classifier that says what the test tells it; it notes what it is shown."""

    attributes: Mapping[str, tuple[str, ...]] = {"colour": COLOURS}

    def __init__(self, *answers: Sequence[float] | Exception, held: bool = False) -> None:
        self.answers = list(answers) or [(0.8, 0.1, 0.1)]
        self.held = held
        self.begun: list[Future[list[Floats]]] = []
        self.shown: list[int] = []

    def scores(self, frame: Frame, boxes: Floats) -> Future[list[Floats]]:
        del frame
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Overloaded):
            raise answer
        self.shown.append(len(boxes))
        future: Future[list[Floats]] = Future()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        elif not self.held:
            future.set_result([np.tile(np.array(answer, np.float32), (len(boxes), 1))])
        self.begun.append(future)
        return future

    def labels(self, scores: Sequence[Floats]) -> list[tuple[Label, ...]]:
        (rows,) = scores
        return [
            (Label("colour", COLOURS[int(row.argmax())], round(float(row.max()), 4)),)
            for row in rows
        ]

    def submit(self, frame: Frame, boxes: Floats) -> Future[list[tuple[Label, ...]]]:
        raise AssertionError("the stage takes scores")

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        raise AssertionError("nobody asks")

    def close(self) -> None: ...


def seen(
    index: int,
    side: float = 40,
    *,
    tracks: Sequence[int] = (1,),
    classes: Sequence[int] | None = None,
    missing: Mapping[str, str] | None = None,
    image: np.ndarray = NOISE,
    fps: float = 10,
) -> Observation:
    n = len(tracks)
    found = Detections(
        np.array([[60 * i, 0, 60 * i + side, side] for i in range(n)], np.float32).reshape(n, 4),
        np.full(n, 0.9, np.float32),
        np.array(classes or [0] * n, np.int64),
        np.array(tracks, np.int64),
    )
    frame = Frame("cam", index, index / fps, time.monotonic(), ArrayPicture(image))
    return Observation(frame, found, predicted=bool(missing), missing=missing or {})


def stage(classifier: Classifier, **options: object) -> ClassifyTracks:
    return ClassifyTracks(classifier, ClassifyOptions(model="colours", **options))  # type: ignore[arg-type]


def run(made: ClassifyTracks, observations: Sequence[Observation]) -> list[list[str]]:
    """The values of track 1 on each frame."""
    values = []
    for observation in observations:
        made.submit(observation)
        told = made.settle(observation, None)
        values.append([label.value for label in told.labels.get(1, ())])
    return values


def test_labels_stay_with_an_object_that_two_looks_were_sure_of() -> None:
    told = Told((0.98, 0.01, 0.01))
    assert run(stage(told), [seen(i) for i in range(60)]) == [["red"]] * 60
    assert told.shown == [1] * 2


def test_a_sure_object_that_has_grown_is_looked_at_again() -> None:
    told = Told((0.98, 0.01, 0.01), (0.98, 0.01, 0.01), (0.01, 0.98, 0.01))
    made = stage(told)
    assert run(made, [seen(0), seen(20), seen(40), seen(41, side=80)])[-1] == ["green"]
    assert told.shown == [1] * 3


def test_an_unsure_object_is_looked_at_again_after_a_while_and_not_for_ever() -> None:
    told = Told((0.5, 0.4, 0.1))
    run(stage(told, again_s=1.0, max_looks=4), [seen(i) for i in range(200)])
    assert told.shown == [1] * 4


def test_an_object_that_has_grown_is_looked_at_again() -> None:
    told = Told((0.5, 0.4, 0.1))
    run(stage(told, max_looks=1), [seen(i, side=20 + i) for i in range(60)])
    assert told.shown == [1] * 4  # 20, then twice the area: 29, 42, 60 pixels


def test_looks_are_joined_and_larger_ones_count_more() -> None:
    told = Told((0.6, 0.4, 0.0), (0.2, 0.8, 0.0))
    made = stage(told)
    (first,) = run(made, [seen(0, side=20)])
    (second,) = run(made, [seen(1, side=80)])
    assert (first, second) == (["red"], ["green"])
    known = made.settle(seen(2), None).labels[1][0]
    small, large = 20.0**2, 80.0**2
    mean = np.exp(
        (small * np.log([0.6, 0.4, 1e-4]) + large * np.log([0.2, 0.8, 1e-4])) / (small + large)
    )
    assert known.score == pytest.approx(mean[1] / mean.sum(), abs=0.02)  # the crops are as sharp


def test_a_blurred_look_counts_less() -> None:
    flat = np.full_like(NOISE, 90)
    made = stage(Told((0.9, 0.1, 0.0), (0.1, 0.9, 0.0)), again_s=0.05)
    assert run(made, [seen(0), seen(1, image=flat)]) == [["red"], ["red"]]


@pytest.mark.parametrize(
    ("observation", "shown"),
    [
        pytest.param(seen(0, tracks=[1, 2], classes=[2, 5]), [1], id="of one class only"),
        pytest.param(seen(0, classes=[5]), [], id="none of its class"),
        pytest.param(seen(0, side=10, classes=[2]), [], id="too small"),
        pytest.param(seen(0, classes=[2], missing={"detect": "skipped"}), [], id="predicted"),
        pytest.param(seen(0, tracks=[]), [], id="no objects"),
    ],
)
def test_what_it_is_shown(observation: Observation, shown: list[int]) -> None:
    told = Told()
    made = ClassifyTracks(told, ClassifyOptions(model="colours"), np.array([2]))
    made.submit(observation)
    assert told.shown == shown


@pytest.mark.parametrize(
    ("only_in", "shown"),
    [
        pytest.param(((0, 0), (1, 0), (1, 1), (0, 1)), [1], id="everywhere"),
        pytest.param(((0, 0.5), (1, 0.5), (1, 1), (0, 1)), [], id="the lower half"),
        pytest.param(((0, 0), (0.5, 0), (0, 0.5)), [1], id="a corner"),
    ],
)
def test_only_objects_that_stand_in_the_polygon_are_shown(
    only_in: tuple[tuple[float, float], ...], shown: list[int]
) -> None:
    told = Told()
    stage(told, only_in=only_in).submit(seen(0))  # its feet are in the upper left
    assert told.shown == shown


def test_objects_without_ids_are_not_shown() -> None:
    told = Told()
    plain = seen(0)
    untracked = Observation(plain.frame, Detections.empty())
    assert stage(told).submit(untracked) is None
    assert stage(told).settle(untracked, None) is untracked


def test_predicted_frames_keep_the_labels() -> None:
    made = stage(Told((0.98, 0.01, 0.01)))
    frames = [seen(0), seen(1, missing={"detect": "skipped"}), seen(2)]
    assert run(made, frames) == [["red"]] * 3


def test_a_late_answer_counts_when_it_comes() -> None:
    told = Told(held=True)
    made = stage(told)
    assert run(made, [seen(i) for i in range(5)]) == [[]] * 5
    assert told.shown == [1], "what is being looked at is not shown again"
    told.begun[0].set_result([np.array([[0.1, 0.8, 0.1]], np.float32)])
    assert run(made, [seen(5)]) == [["green"]]


@pytest.mark.parametrize(
    "error", [Overloaded("too much"), InferenceError("engine broke")], ids=["refused", "failed"]
)
def test_an_object_whose_look_came_to_nothing_is_shown_again_at_once(error: Exception) -> None:
    told = Told(error, (0.98, 0.01, 0.01))
    made = stage(told)
    first = seen(0)
    if isinstance(error, Overloaded):
        with pytest.raises(Overloaded):
            made.submit(first)
    else:
        made.submit(first)
    assert made.settle(first, None).labels == {}
    assert run(made, [seen(1)]) == [["red"]]


def test_labels_of_two_classifiers_stand_side_by_side() -> None:
    first, second = stage(Told((0.98, 0.01, 0.01))), stage(Told((0.01, 0.01, 0.98)))
    observation = seen(0)
    for made in (first, second):
        made.submit(observation)
        observation = made.settle(observation, None)
    assert [label.value for label in observation.labels[1]] == ["red", "blue"]


def test_objects_that_are_long_gone_are_forgotten() -> None:
    made = stage(Told())
    run(made, [seen(0, tracks=range(50))])
    run(made, [seen(int(10 * FORGET_S) + 20, tracks=[99])])
    run(made, [seen(int(20 * FORGET_S) + 40, tracks=[99])])
    assert list(made._known) == [99]

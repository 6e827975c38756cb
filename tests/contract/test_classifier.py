"""What every classifier must do, whatever is inside and whoever runs its engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from sightline.build.crop_models import classifier as build_classifier
from sightline.config import EngineOptions, ModelOptions, SchedulerOptions
from sightline.engines.wrapper import EngineWrapper
from sightline.protocols import Classifier, UsesEngines
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledClassifier
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import Frame

MODEL = ModelOptions(
    model="street-attributes", backend="onnxruntime", engine=EngineOptions(threads=1, requests=1)
)


@pytest.fixture(scope="module")
def scene() -> tuple[Frame, Any]:
    frame = next(iter(StreetSource(StreetOptions(seed=5, width=640, height=360, duration=1))))
    truth = truth_of(frame)
    return frame, truth.boxes[[bool(labels) for labels in truth.labels]]


@pytest.fixture(params=["around its engine", "behind the scheduler"], scope="module")
def classifier(request: pytest.FixtureRequest) -> Iterator[Classifier]:
    inner = build_classifier(MODEL)
    scheduler = Scheduler(SchedulerOptions())
    if request.param == "around its engine":
        yield inner
    else:
        scheduler.add("attributes", inner.engine)
        yield ScheduledClassifier(scheduler, "attributes", inner, Terms("test"))
    scheduler.close()
    inner.close()


def test_labels_are_those_of_the_scores(classifier: Classifier, scene: tuple[Frame, Any]) -> None:
    frame, boxes = scene
    assert len(boxes) > 1
    scores = classifier.scores(frame, boxes).result(60)
    assert [part.shape for part in scores] == [
        (len(boxes), len(names)) for names in classifier.attributes.values()
    ]
    for part in scores:
        assert part.dtype == np.float32
        assert part.sum(axis=1) == pytest.approx(1, abs=1e-4)
    labels = classifier.submit(frame, boxes).result(60)
    assert labels == classifier.labels(scores)
    assert len(labels) == len(boxes)
    for label in [label for of_one in labels for label in of_one]:
        assert label.value in classifier.attributes[label.attribute]
        assert 0 < label.score <= 1


def test_boxes_do_not_influence_one_another(
    classifier: Classifier, scene: tuple[Frame, Any]
) -> None:
    frame, boxes = scene
    together = classifier.scores(frame, boxes).result(60)
    alone = classifier.scores(frame, boxes[1:2]).result(60)
    for of_all, of_one in zip(together, alone, strict=True):
        assert of_all[1] == pytest.approx(of_one[0], abs=1e-4)


def test_no_boxes(classifier: Classifier, scene: tuple[Frame, Any]) -> None:
    frame, boxes = scene
    assert classifier.submit(frame, boxes[:0]).result(60) == []
    assert [part.shape for part in classifier.scores(frame, boxes[:0]).result(60)] == [
        (0, len(names)) for names in classifier.attributes.values()
    ]


@pytest.mark.parametrize(
    "box",
    [(-50, -50, 20, 20), (600, 300, 900, 900), (5, 5, 5, 5), (9000, 9000, 9100, 9100)],
    ids=["over the corner", "over the other corner", "no area", "far outside"],
)
def test_odd_boxes_have_scores(
    classifier: Classifier, scene: tuple[Frame, Any], box: tuple[float, ...]
) -> None:
    scores = classifier.scores(scene[0], np.array([box], np.float32)).result(60)
    assert all(np.isfinite(part).all() for part in scores)


@pytest.mark.parametrize("boxes", [np.zeros(4), np.zeros((1, 5)), np.zeros((1, 1, 4))])
def test_what_is_no_box_is_refused(
    classifier: Classifier, scene: tuple[Frame, Any], boxes: Any
) -> None:
    with pytest.raises(ValueError, match="boxes must be"):
        classifier.submit(scene[0], boxes.astype(np.float32))


class Counting(EngineWrapper):
    """An engine that counts its batches."""

    batches = 0

    def submit(self, shape: Any, fill: Any, read: Callable[..., Any]) -> Any:
        self.batches += 1
        return self.engine.submit(shape, fill, read)


def test_other_engines_give_the_same(classifier: Classifier, scene: tuple[Frame, Any]) -> None:
    assert isinstance(classifier, UsesEngines)
    frame, boxes = scene
    wrapped: list[Counting] = []

    def wrap(engine: Any) -> Counting:
        wrapped.append(Counting(engine))
        return wrapped[-1]

    other = classifier.with_engines(wrap)
    assert other.attributes == classifier.attributes
    before = classifier.submit(frame, boxes).result(60)
    assert other.submit(frame, boxes).result(60) == before
    assert len(wrapped) == 1

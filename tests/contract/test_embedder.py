"""What every embedder must do, whatever is inside and whoever runs its engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sightline.build import BUNDLED, ENGINES, load
from sightline.config import EngineOptions, SchedulerOptions
from sightline.models.card import read_crop_card
from sightline.models.embedder import CropEmbedder
from sightline.models.file import open_model
from sightline.protocols import Embedder, UsesEngines
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledEmbedder
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import Frame


@pytest.fixture(scope="module")
def scene() -> tuple[Frame, Any]:
    frame = next(iter(StreetSource(StreetOptions(seed=5, width=640, height=360, duration=1))))
    return frame, truth_of(frame).boxes


@pytest.fixture(params=["around its engine", "behind the scheduler"], scope="module")
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    reading = read_crop_card(open_model(BUNDLED / "street-embedder.onnx"))
    options = EngineOptions(threads=1, requests=1)
    engine = load(ENGINES["onnxruntime"])(reading.file.content, reading.card.normalization, options)
    inner = CropEmbedder(engine, reading.card)
    scheduler = Scheduler(SchedulerOptions())
    if request.param == "around its engine":
        yield inner
    else:
        scheduler.add("embedder", engine)
        yield ScheduledEmbedder(scheduler, "embedder", inner, Terms("test"))
    scheduler.close()
    inner.close()


def test_vectors_are_of_length_one_and_in_order(
    embedder: Embedder, scene: tuple[Frame, Any]
) -> None:
    frame, boxes = scene
    assert len(boxes) > 1
    vectors = embedder.submit(frame, boxes).result(60)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(boxes), embedder.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    back = embedder.submit(frame, boxes[::-1]).result(60)
    assert back[::-1] == pytest.approx(vectors, abs=1e-4)


def test_no_boxes(embedder: Embedder, scene: tuple[Frame, Any]) -> None:
    frame, boxes = scene
    assert embedder.submit(frame, boxes[:0]).result(60).shape == (0, embedder.dimensions)


@pytest.mark.parametrize(
    "box",
    [(-50, -50, 20, 20), (5, 5, 5, 5), (9000, 9000, 9100, 9100)],
    ids=["over the corner", "no area", "far outside"],
)
def test_odd_boxes_have_vectors(
    embedder: Embedder, scene: tuple[Frame, Any], box: tuple[float, ...]
) -> None:
    vectors = embedder.submit(scene[0], np.array([box], np.float32)).result(60)
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("boxes", [np.zeros(4), np.zeros((1, 5))])
def test_what_is_no_box_is_refused(
    embedder: Embedder, scene: tuple[Frame, Any], boxes: Any
) -> None:
    with pytest.raises(ValueError, match="boxes must be"):
        embedder.submit(scene[0], boxes.astype(np.float32))


def test_other_engines_give_the_same(embedder: Embedder, scene: tuple[Frame, Any]) -> None:
    assert isinstance(embedder, UsesEngines)
    frame, boxes = scene
    wrapped: list[Any] = []

    def wrap(engine: Any) -> Any:
        wrapped.append(engine)
        return engine

    other = embedder.with_engines(wrap)
    assert other.dimensions == embedder.dimensions
    assert other.submit(frame, boxes).result(60) == pytest.approx(
        embedder.submit(frame, boxes).result(60), abs=1e-5
    )
    assert len(wrapped) == 1

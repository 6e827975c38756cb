"""The embedder around an engine: one vector of length 1 for each crop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sightline.build import BUNDLED, ENGINES, load
from sightline.errors import InferenceError, ModelError
from sightline.models.card import read_crop_card
from sightline.models.embedder import CropEmbedder
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard
from sightline.protocols import Embedder
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import EngineInfo, Floats, Frame, Pixels, TensorSpec

FrameOf = Callable[..., Frame]
CARD = ModelCard(name="fake", task="embed", size=(16, 16), fixed_size=True)
BOXES = np.array([[0, 0, 20, 20], [20, 0, 40, 20], [40, 0, 60, 20]], np.float32)


@pytest.fixture
def build(recording_engine: Any) -> Callable[..., CropEmbedder]:
    """A factory of embedders whose vectors are the sums of the channels."""

    class Engine(recording_engine):
        length: int | None = 3

        @property
        def info(self) -> EngineInfo:
            output = TensorSpec("embedding", (None, self.length))
            pixels = TensorSpec("pixels", (None, 16, 16, 3), "uint8")
            return EngineInfo("recording", "cpu", "fp32", 1, pixels, (output,))

    def make(length: int | None = 3) -> CropEmbedder:
        def reply(batch: Pixels) -> list[Floats]:
            return [batch.astype(np.float32).sum(axis=(1, 2))]

        engine = Engine(reply)
        engine.length = length
        return CropEmbedder(engine, CARD)

    return make


def picture() -> Pixels:
    """A red, a black and a yellow block side by side. BGR."""
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, :20] = 0, 0, 200
    image[:, 40:] = 0, 100, 100
    return image


def test_vectors_are_in_order_and_of_length_one(build: Any, frame_of: FrameOf) -> None:
    embedder: Embedder = build()
    vectors = embedder.submit(frame_of(picture()), BOXES).result()
    half = np.sqrt(0.5)
    assert vectors.dtype == np.float32
    assert vectors == pytest.approx(np.array([[1, 0, 0], [0, 0, 0], [half, half, 0]]), abs=1e-6)


def test_vectors_outlive_the_engines_memory(build: Any, frame_of: FrameOf) -> None:
    memory = np.ones((1, 3), np.float32)
    embedder = build()
    embedder.engine._answer = lambda batch: [memory]
    vectors = embedder.submit(frame_of(picture()), BOXES[:1]).result()
    memory[:] = 0
    assert vectors[0] == pytest.approx([3**-0.5] * 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_no_numbers_are_refused(
    build: Any, frame_of: FrameOf, value: float
) -> None:
    embedder = build()
    embedder.engine._answer = lambda batch: [np.full((1, 3), value, np.float32)]
    with pytest.raises(InferenceError, match="no finite number: try another precision"):
        embedder.submit(frame_of(picture()), BOXES[:1]).result()


def test_no_boxes_give_no_vectors(build: Any, frame_of: FrameOf) -> None:
    vectors = build().submit(frame_of(picture()), BOXES[:0]).result()
    assert vectors.shape == (0, 3)


def test_vectors_of_unknown_length_are_refused(build: Any) -> None:
    with pytest.raises(ModelError, match="how long its vectors are"):
        build(None)


def test_closing_closes_the_engine(build: Any) -> None:
    embedder = build()
    embedder.close()
    assert embedder.engine.closed


# The bundled model.


@pytest.fixture(scope="module", params=["openvino", "onnxruntime"])
def bundled(request: pytest.FixtureRequest) -> Iterator[CropEmbedder]:
    pytest.importorskip(request.param)
    reading = read_crop_card(open_model(BUNDLED / "street-embedder.onnx"))
    engine = load(ENGINES[request.param])(reading.file.content, reading.card.normalization)
    embedder = CropEmbedder(engine, reading.card)
    yield embedder
    embedder.close()


def test_the_bundled_model_knows_objects_again(bundled: CropEmbedder) -> None:
    street = StreetOptions(seed=10_511, width=960, height=576, fps=1, duration=6, density=1.5)
    seen: list[dict[int, np.ndarray]] = []
    for frame in StreetSource(street):
        truth = truth_of(frame)
        tall = truth.boxes[:, 3] - truth.boxes[:, 1] >= 25
        rows = np.flatnonzero(tall & (truth.visibility > 0.5))
        vectors = bundled.submit(frame, truth.boxes[rows]).result()
        seen.append(dict(zip(truth.track_ids[rows].tolist(), vectors, strict=True)))
    right = []
    for before, after in pairwise(seen):
        tracks = list(after)
        younger = np.stack([after[t] for t in tracks])
        right += [tracks[int((younger @ v).argmax())] == t for t, v in before.items() if t in after]
    assert len(right) > 50
    assert np.mean(right) > 0.8


def test_the_bundled_model_is_small_and_free(bundled: CropEmbedder) -> None:
    assert (BUNDLED / "street-embedder.onnx").stat().st_size <= 1_500_000
    assert bundled.card.licence == "Apache-2.0"
    assert bundled.dimensions == 128

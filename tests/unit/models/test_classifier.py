"""The classifier around an engine: what the engine gets, and what is said of each crop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.build import BUNDLED, ENGINES, decoders, load
from sightline.errors import InferenceError, ModelError
from sightline.models.card import read_card, read_crop_card
from sightline.models.classifier import CropClassifier
from sightline.models.crops import BATCHES, joined, regions
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard
from sightline.protocols import Classifier
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import EngineInfo, Floats, Frame, Label, Pixels, TensorSpec

FrameOf = Callable[..., Frame]
ATTRIBUTES = {"type": ("car", "bus"), "colour": ("red", "green", "blue")}
GREY = 114


def card(**fields: Any) -> ModelCard:
    known = {"name": "fake", "task": "classify", "size": (16, 16), "fixed_size": True}
    return ModelCard(**(known | {"attributes": ATTRIBUTES} | fields))


def answer(batch: Pixels) -> list[Floats]:
    """The type "bus" with certainty; for a colour the share of each channel."""
    inside = batch.astype(np.float32).mean(axis=(1, 2))
    kinds = np.tile(np.array([[0.1, 0.9]], np.float32), (len(batch), 1))
    return [kinds, inside / inside.sum(axis=1, keepdims=True)]


@pytest.fixture
def build(recording_engine: Any) -> Callable[..., CropClassifier]:
    def make(given: ModelCard, reply: Any = answer, **options: Any) -> CropClassifier:
        return CropClassifier(recording_engine(reply), given, **options)

    return make


def picture() -> Pixels:
    """Black, with a red, a green and a blue block of 20 × 20 side by side. BGR."""
    image = np.zeros((60, 100, 3), np.uint8)
    for i in range(3):
        image[20:40, 10 + 30 * i : 30 + 30 * i, 2 - i] = 255
    return image


BOXES = np.array([[10, 20, 30, 40], [40, 20, 60, 40], [70, 20, 90, 40]], np.float32)


def test_each_box_gets_its_own_labels_in_order(build: Any, frame_of: FrameOf) -> None:
    classifier: Classifier = build(card())
    found = classifier.submit(frame_of(picture()), BOXES).result()
    assert [[label.value for label in labels] for labels in found] == [
        ["bus", "red"],
        ["bus", "green"],
        ["bus", "blue"],
    ]
    assert found[0][0] == Label("type", "bus", pytest.approx(0.9))


@pytest.mark.parametrize(
    ("options", "values"),
    [
        pytest.param({"conf": 0.95}, ["red"], id="what is too uncertain is left out"),
        pytest.param({"conf": 0.0, "top": 2}, ["bus", "car", "red", "green"], id="two of each"),
        pytest.param({"conf": 0.0, "top": 9}, 5, id="never more than there are"),
    ],
)
def test_conf_and_top(build: Any, frame_of: FrameOf, options: Any, values: Any) -> None:
    (labels,) = build(card(), **options).submit(frame_of(picture()), BOXES[:1]).result()
    if isinstance(values, int):
        assert len(labels) == values
    else:
        assert [label.value for label in labels] == values


def test_logits_become_probabilities(build: Any, frame_of: FrameOf) -> None:
    def reply(batch: Pixels) -> list[Floats]:
        return [np.array([[1000.0, 1000.0]], np.float32), np.zeros((1, 3), np.float32)]

    classifier = build(card(logits=True, conf=0.0), reply)
    (labels,) = classifier.submit(frame_of(picture()), BOXES[:1]).result()
    assert [label.score for label in labels] == [0.5, 0.3333]


@pytest.mark.parametrize(
    ("fields", "inside", "outside"),
    [
        pytest.param({"order": "rgb"}, (255, 0, 0), None, id="rgb"),
        pytest.param({"order": "bgr"}, (0, 0, 255), None, id="bgr"),
        pytest.param({"margin": 0.5}, (255, 0, 0), (0, 0, 0), id="margin shows what is around"),
    ],
)
def test_what_the_engine_sees(
    build: Any, frame_of: FrameOf, fields: Any, inside: Any, outside: Any
) -> None:
    classifier = build(card(**fields))
    classifier.submit(frame_of(picture()), BOXES[:1]).result()
    (batch,) = classifier.engine.batches
    assert batch.shape == (1, 16, 16, 3)
    assert tuple(batch[0, 8, 8]) == inside
    assert tuple(batch[0, 1, 1]) == (inside if outside is None else outside)


def test_a_wide_crop_keeps_its_aspect_between_grey_bars(build: Any, frame_of: FrameOf) -> None:
    classifier = build(card())
    classifier.submit(frame_of(np.zeros((60, 100, 3), np.uint8)), np.float32([[0, 0, 64, 32]]))
    (batch,) = classifier.engine.batches
    assert (batch[0, :4] == GREY).all()
    assert (batch[0, 12:] == GREY).all()
    assert (batch[0, 4:12] == 0).all()


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        pytest.param(0, [], id="none"),
        pytest.param(1, [1], id="one"),
        pytest.param(7, [4, 2, 1], id="seven"),
        pytest.param(37, [16, 16, 4, 1], id="many"),
    ],
)
def test_batches_come_in_few_sizes(
    build: Any, frame_of: FrameOf, count: int, sizes: list[int]
) -> None:
    classifier = build(card())
    boxes = np.tile(BOXES, (13, 1))[:count]
    found = classifier.submit(frame_of(picture()), boxes).result()
    assert [len(b) for b in classifier.engine.batches] == sizes
    assert [labels[1].value for labels in found] == (["red", "green", "blue"] * 13)[:count]


def test_a_model_of_single_crops_gets_them_one_by_one(build: Any, frame_of: FrameOf) -> None:
    classifier = build(card(max_batch=1))
    classifier.submit(frame_of(picture()), BOXES).result()
    assert [len(b) for b in classifier.engine.batches] == [1, 1, 1]


def test_a_model_of_a_fixed_batch_is_refused(recording_engine: Any) -> None:
    class Fixed(recording_engine):
        @property
        def info(self) -> EngineInfo:
            spec = TensorSpec("pixels", (8, 16, 16, 3), "uint8")
            return EngineInfo("recording", "cpu", "fp32", 1, spec, ())

    with pytest.raises(ModelError, match=r"fake takes 8 crops.*dynamic batch"):
        CropClassifier(Fixed(answer), card())


def test_boxes_of_another_shape_are_refused(build: Any, frame_of: FrameOf) -> None:
    with pytest.raises(ValueError, match=r"\(N, 4\), not \(4,\)"):
        build(card()).submit(frame_of(picture()), BOXES[0])


def test_the_first_failure_reaches_the_caller(build: Any, frame_of: FrameOf) -> None:
    def reply(batch: Pixels) -> list[Floats]:
        if len(batch) == 1:
            raise InferenceError("broken")
        return answer(batch)

    with pytest.raises(InferenceError, match="broken"):
        build(card(), reply).submit(frame_of(picture()), BOXES).result()


def test_results_are_joined_in_order_whichever_comes_first() -> None:
    futures: list[Future[int]] = [Future() for _ in range(3)]
    whole = joined(futures, lambda parts: parts)
    for i in (2, 0, 1):
        assert not whole.done()
        futures[i].set_result(i)
    assert whole.result(timeout=0) == [0, 1, 2]


def test_closing_closes_the_engine(build: Any) -> None:
    classifier = build(card())
    classifier.close()
    assert classifier.engine.closed


@given(
    box=st.lists(st.floats(-500, 500, width=32), min_size=4, max_size=4),
    margin=st.floats(0, 2),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_every_box_leaves_pixels_within_the_picture(
    box: list[float], margin: float, size: tuple[int, int]
) -> None:
    ((x0, y0, x1, y1),) = regions(np.array([box], np.float32), margin, size).tolist()
    assert 0 <= x0 < x1 <= size[0]
    assert 0 <= y0 < y1 <= size[1]


def test_batch_sizes_reach_any_number() -> None:
    assert BATCHES[-1] == 1
    assert list(BATCHES) == sorted(BATCHES, reverse=True)


# The card of a crop model.


def test_attributes_come_from_metadata(constant_model: Any) -> None:
    path = constant_model(
        [np.zeros((1, 2)), np.zeros((1, 3))],
        batch="batch",
        metadata={
            "task": "classify",
            "attributes": '{"type": ["car", "bus"], "colour": ["red", "green", "blue"]}',
            "margin": "0.1",
            "license": "Apache-2.0",
        },
    )
    reading = read_crop_card(open_model(path))
    assert reading.card.attributes == ATTRIBUTES
    assert (reading.card.task, reading.card.margin, reading.card.size) == (
        "classify",
        0.1,
        (64, 64),
    )
    assert reading.origin["attributes"] == "metadata"


def test_names_alone_are_an_attribute_called_class(constant_model: Any) -> None:
    path = constant_model(
        [np.zeros((1, 2))], metadata={"task": "classify", "names": "{0: 'cat', 1: 'dog'}"}
    )
    assert read_crop_card(open_model(path)).card.attributes == {"class": ("cat", "dog")}


@pytest.mark.parametrize(
    ("outputs", "metadata", "message"),
    [
        pytest.param([(1, 2)], {}, "task: classify", id="no task"),
        pytest.param([(1, 2)], {"task": "detect"}, "'detect'; a classifier or", id="a detector"),
        pytest.param([(1, 2)], {"task": "segment"}, "'segment'", id="another task"),
        pytest.param([(1, 2)], {"task": "classify"}, "1×2.*class_names", id="no names"),
        pytest.param(
            [(1, 2)],
            {"task": "classify", "attributes": '{"type": ["a", "b", "c"]}'},
            r"type \(3\)",
            id="another number of names",
        ),
        pytest.param(
            [(1, 2), (1, 2)],
            {"task": "classify", "attributes": '{"type": ["a", "b"]}'},
            "1×2, 1×2",
            id="an output without a name",
        ),
        pytest.param([(1, 4, 2)], {"task": "embed"}, r"\(crops, values\)", id="not one per crop"),
        pytest.param([(1, 4), (1, 4)], {"task": "embed"}, "embedder has one", id="two vectors"),
        pytest.param(
            [(1, 2)], {"task": "classify", "attributes": "{"}, "attributes='{'", id="broken"
        ),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    constant_model: Any, outputs: Any, metadata: Any, message: str
) -> None:
    path: Path = constant_model([np.zeros(shape) for shape in outputs], metadata=metadata)
    with pytest.raises(ModelError, match=message):
        read_crop_card(open_model(path))


def test_a_card_of_a_classifier_makes_no_detector(constant_model: Any) -> None:
    path: Path = constant_model([np.zeros((1, 25, 6))])
    path.with_suffix(".yaml").write_text("task: classify")
    with pytest.raises(ModelError, match=r"'classify'; a detection model is needed"):
        read_card(open_model(path), decoders())


# The bundled model.


@pytest.fixture(scope="module", params=["openvino", "onnxruntime"])
def bundled(request: pytest.FixtureRequest) -> Iterator[CropClassifier]:
    pytest.importorskip(request.param)
    reading = read_crop_card(open_model(BUNDLED / "street-attributes.onnx"))
    engine = load(ENGINES[request.param])(reading.file.content, reading.card.normalization)
    classifier = CropClassifier(engine, reading.card)
    yield classifier
    classifier.close()


def test_the_bundled_model_names_vehicles(bundled: CropClassifier) -> None:
    right: dict[str, list[bool]] = {"type": [], "colour": []}
    for seed in (10_501, 10_502, 10_503):
        for frame in StreetSource(
            StreetOptions(seed=seed, width=960, height=576, fps=1, duration=4)
        ):
            truth = truth_of(frame)
            rows = [
                row
                for row, labels in enumerate(truth.labels)
                if labels
                and truth.visibility[row] > 0.5
                and truth.boxes[row, 3] - truth.boxes[row, 1] >= 25
            ]
            said = bundled.submit(frame, truth.boxes[rows]).result()
            for row, labels in zip(rows, said, strict=True):
                values = {label.attribute: label.value for label in labels}
                for label in truth.labels[row]:
                    right[label.attribute].append(values.get(label.attribute) == label.value)
    assert len(right["colour"]) > 25
    assert np.mean(right["type"]) > 0.8
    assert np.mean(right["colour"]) > 0.8


def test_the_bundled_model_is_small_and_free(bundled: CropClassifier) -> None:
    assert (BUNDLED / "street-attributes.onnx").stat().st_size <= 1_500_000
    assert bundled.card.licence == "Apache-2.0"
    assert set(bundled.attributes) == {"type", "colour"}

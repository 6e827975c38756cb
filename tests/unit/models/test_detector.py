"""The detector around an engine: what the engine gets, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest

from sightline.build import decoders
from sightline.config import EngineOptions
from sightline.engines.onnxruntime_ import OnnxRuntimeEngine
from sightline.errors import ConfigError, ModelError
from sightline.models.card import read_card
from sightline.models.detector import EngineDetector
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard
from sightline.types import Detections, Floats, Frame, Pixels

FrameOf = Callable[..., Frame]
GREY = 114
NAMES = ("person", "bicycle", "car")


def card(**fields: Any) -> ModelCard:
    """An end-to-end model of 64 × 64: its boxes are what the engine says they are."""
    known = {"name": "fake", "decoder": "end-to-end", "size": (64, 64), "fixed_size": False}
    return ModelCard(**(known | {"class_names": NAMES} | fields))


def rows(*objects: tuple[float, float, float, float, float, int], count: int = 10) -> Floats:
    out = np.zeros((count, 6), np.float32)
    out[: len(objects)] = np.reshape(objects, (-1, 6))
    return out


@pytest.fixture
def build(recording_engine: Any) -> Callable[..., EngineDetector]:
    """A factory of detectors around a recording engine that answers each picture with rows."""

    def make(
        given: ModelCard, answer: Floats | Sequence[Floats] | None = None, **options: Any
    ) -> EngineDetector:
        def reply(batch: Pixels) -> list[Floats]:
            if answer is None or isinstance(answer, np.ndarray):
                return [np.stack([rows() if answer is None else answer] * len(batch))]
            return [np.stack(answer[: len(batch)])]

        engine = recording_engine(reply)
        return EngineDetector(engine, given, decoders()[given.decoder], **options)

    return make


def noise(width: int, height: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def detect(detector: EngineDetector, *frames: Frame) -> list[Detections]:
    return detector.submit(frames).result(timeout=60)


@pytest.mark.parametrize(
    ("resize", "source", "size", "inner"),
    [
        pytest.param("letterbox", (128, 64), (64, 64), (0, 16, 64, 32), id="wide"),
        pytest.param("letterbox", (64, 128), (64, 64), (16, 0, 32, 64), id="tall"),
        pytest.param("letterbox-top-left", (128, 64), (64, 64), (0, 0, 64, 32), id="top left"),
        pytest.param("stretch", (128, 64), (64, 64), (0, 0, 64, 64), id="stretched"),
        pytest.param("letterbox", (64, 64), (64, 64), (0, 0, 64, 64), id="as it is"),
        pytest.param("letterbox", (32, 16), (96, 64), (0, 8, 96, 48), id="enlarged"),
        pytest.param("letterbox", (300, 1), (64, 64), (0, 31, 64, 1), id="a line"),
    ],
)
@pytest.mark.parametrize("order", ["bgr", "rgb"])
def test_the_engine_gets_the_letterboxed_pixels(
    build: Callable[..., EngineDetector],
    frame_of: FrameOf,
    resize: str,
    order: str,
    source: tuple[int, int],
    size: tuple[int, int],
    inner: tuple[int, int, int, int],
) -> None:
    image = noise(*source)
    detector = build(card(resize=resize, order=order), size=size)
    detect(detector, frame_of(image))
    (batch,) = detector.engine.batches
    left, top, width, height = inner
    expected = np.full((size[1], size[0], 3), GREY, np.uint8)
    pixels = image if source == (width, height) else cv2.resize(image, (width, height))
    expected[top : top + height, left : left + width] = (
        pixels if order == "bgr" else pixels[..., ::-1]
    )
    assert batch.shape == (1, size[1], size[0], 3)
    assert np.array_equal(batch[0], expected)


def test_the_pad_is_the_card_s(build: Callable[..., EngineDetector], frame_of: FrameOf) -> None:
    detector = build(card(pad=3), size=(64, 64))
    detect(detector, frame_of(noise(64, 32)))
    assert (detector.engine.batches[0][0, :16] == 3).all()


@pytest.mark.parametrize(
    ("resize", "native", "size", "source", "canvas"),
    [
        pytest.param("letterbox", (640, 640), None, (1920, 1080), (640, 384), id="fitted"),
        pytest.param("letterbox", (640, 640), 320, (1080, 1920), (192, 320), id="fitted, smaller"),
        pytest.param("letterbox", (640, 640), (320, 320), (1920, 1080), (320, 320), id="given"),
        pytest.param("letterbox", (640, 384), None, (100, 100), (640, 640), id="longer side"),
        pytest.param("letterbox-top-left", (416, 416), None, (768, 432), (416, 256), id="corner"),
        pytest.param("stretch", (800, 480), None, (100, 100), (800, 480), id="stretch: native"),
        pytest.param("stretch", (800, 480), 640, (100, 50), (640, 640), id="stretch: square"),
    ],
)
def test_canvas(
    build: Callable[..., EngineDetector],
    resize: str,
    native: tuple[int, int],
    size: int | tuple[int, int] | None,
    source: tuple[int, int],
    canvas: tuple[int, int],
) -> None:
    assert build(card(resize=resize, size=native), size=size).canvas(source) == canvas


def test_boxes_come_back_in_source_pixels(
    build: Callable[..., EngineDetector], frame_of: FrameOf
) -> None:
    answer = rows((0, 16, 32, 48, 0.9, 2), (-10, 0, 100, 100, 0.5, 0), (1, 1, 2, 2, 0.2, 1))
    detector = build(card(), answer, size=(64, 64))
    (found,) = detect(detector, frame_of(noise(128, 64)))
    assert found.boxes.tolist() == [[0, 0, 64, 64], [0, 0, 128, 64]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])
    assert found.class_ids.tolist() == [2, 0]
    assert found.class_names == NAMES


def test_frames_of_several_sizes_keep_their_order(
    build: Callable[..., EngineDetector], frame_of: FrameOf
) -> None:
    sizes = [(64, 64), (128, 64), (32, 32), (64, 128), (256, 128)]
    images = [noise(*size, seed=i) for i, size in enumerate(sizes)]
    detector = build(card(), rows((0, 0, 64, 64, 0.9, 1)))
    found = detect(detector, *[frame_of(image) for image in images])
    for (width, height), one in zip(sizes, found, strict=True):
        # Each got the whole of its own picture: the box covers the canvas.
        assert one.boxes.tolist() == [[0, 0, width, height]]
    shapes = sorted(batch.shape[:3] for batch in detector.engine.batches)
    assert shapes == [(1, 64, 32), (2, 32, 64), (2, 64, 64)]
    by_shape = {batch.shape[1:3]: batch for batch in detector.engine.batches}
    assert np.array_equal(by_shape[64, 64][0], images[0][..., ::-1])
    assert np.array_equal(by_shape[32, 64][1], cv2.resize(images[4], (64, 32))[..., ::-1])


def test_batches_are_no_larger_than_the_model_takes(
    build: Callable[..., EngineDetector], frame_of: FrameOf
) -> None:
    detector = build(card(max_batch=2), rows((0, 0, 9, 9, 0.9, 1)))
    assert len(detect(detector, *[frame_of(noise(64, 64))] * 5)) == 5
    assert [len(batch) for batch in detector.engine.batches] == [2, 2, 1]


def test_one_broken_frame_is_the_future_s_failure(
    build: Callable[..., EngineDetector], frame_of: FrameOf
) -> None:
    class Broken:
        width, height = 64, 32

        def scaled(self, *args: object) -> Pixels:
            raise LookupError("no pixels")

    detector = build(card())
    frames = [frame_of(noise(64, 64)), Frame("test", 1, 0.0, 0.0, Broken())]
    with pytest.raises(LookupError, match="no pixels"):
        detect(detector, *frames)


OBJECTS = (
    (0, 0, 20, 20, 0.9, 0),
    (1, 0, 20, 20, 0.8, 2),
    (30, 30, 50, 50, 0.7, 0),
    (31, 30, 50, 50, 0.4, 0),
)


@pytest.mark.parametrize(
    ("options", "scores"),
    [
        pytest.param({}, [0.9, 0.8, 0.7], id="the card's"),
        pytest.param({"conf": 0.75}, [0.9, 0.8], id="conf"),
        pytest.param({"iou": 0.99}, [0.9, 0.8, 0.7, 0.4], id="iou"),
        pytest.param({"agnostic_nms": True}, [0.9, 0.7], id="agnostic"),
        pytest.param({"max_detections": 1}, [0.9], id="limit"),
        pytest.param({"classes": ["person"]}, [0.9, 0.7], id="one class"),
        pytest.param({"classes": ["car", "bicycle"]}, [0.8], id="two classes"),
        pytest.param({"classes": ["2"]}, [0.8], id="a class by number"),
        pytest.param({"classes": ["car"], "agnostic_nms": True}, [0.8], id="wanted ones compete"),
        pytest.param({"classes": ["bicycle"]}, [], id="none of that class"),
        pytest.param({"classes": []}, [], id="no class at all"),
    ],
)
def test_options(
    build: Callable[..., EngineDetector],
    frame_of: FrameOf,
    options: dict[str, Any],
    scores: list[float],
) -> None:
    raw = np.zeros((7, 84), np.float32)  # YOLOv8's layout: 64 + 16 + 4 cells, 4 + 3 rows
    for i, (x1, y1, x2, y2, score, class_id) in enumerate(OBJECTS):
        raw[:4, i] = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
        raw[4 + class_id, i] = score
    detector = build(card(decoder="yolov8"), raw, **options)
    (found,) = detect(detector, frame_of(noise(64, 64)))
    assert found.scores.tolist() == pytest.approx(scores)


def test_models_without_overlaps_are_cut_but_not_suppressed(
    build: Callable[..., EngineDetector], frame_of: FrameOf
) -> None:
    answer = rows(*reversed(OBJECTS))
    (found,) = detect(build(card(), answer, max_detections=3), frame_of(noise(64, 64)))
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param("persn", "did you mean 'person'", id="a letter lost"),
        pytest.param("Bicycle", "did you mean 'bicycle'", id="capital"),
        pytest.param("xyz", "known are person, bicycle, car", id="nothing near"),
        pytest.param("3", "no class '3'", id="a number too high"),
        pytest.param("car bicycle", "commas between them: car,bicycle", id="blanks"),
    ],
)
def test_an_unknown_class(build: Callable[..., EngineDetector], wanted: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(card(), classes=["person", wanted])


@pytest.mark.parametrize("size", [100, 16, (64, 33), (0, 64), 0, -32])
def test_sizes_that_are_no_multiple_are_refused(
    build: Callable[..., EngineDetector], size: Any
) -> None:
    with pytest.raises(ConfigError, match="multiples of 32"):
        build(card(), size=size)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (100, "size 100: sides must be multiples of 32: take 96 or 128 instead of 100"),
        (0, "take 32 instead of 0"),
        (-5, "take 32 instead of -5"),
        ((64, 33), "size 64x33: sides must be multiples of 32: take 32 or 64 instead of 33"),
    ],
)
def test_a_wrong_size_names_those_beside_it(
    build: Callable[..., EngineDetector], size: Any, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build(card(), size=size)


def test_a_model_of_one_size_takes_no_other(
    build: Callable[..., EngineDetector], frame_of: FrameOf
) -> None:
    fixed = card(fixed_size=True, size=(96, 64))
    for size in (32, (64, 96), 64):
        with pytest.raises(ConfigError, match=r"takes 96×64 only.*dynamic"):
            build(fixed, size=size)
    for size in (None, 96, (96, 64)):
        detector = build(fixed, size=size)
        detect(detector, frame_of(noise(10, 300)))
        assert detector.engine.batches[0].shape == (1, 64, 96, 3)


def test_replaced_leaves_the_first_as_it_was(
    build: Callable[..., EngineDetector], frame_of: FrameOf
) -> None:
    detector = build(card(), rows(*OBJECTS))
    bold = detector.replaced(conf=0.85)
    assert len(detect(bold, frame_of(noise(64, 64)))[0]) == 1
    assert len(detect(detector, frame_of(noise(64, 64)))[0]) == 4
    assert bold.engine is detector.engine
    other = object()
    assert detector.with_engines(lambda _: other).engine is other
    assert detector.with_engines(lambda _: other).conf == detector.conf


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param((np.nan, 1, 30, 30, 0.9, 0), id="NaN in a box"),
        pytest.param((1, 1, 30, 30, np.inf, 0), id="infinite score"),
        pytest.param((-np.inf, 1, np.nan, 30, 0.9, 0), id="both"),
    ],
)
def test_an_object_that_is_no_number_is_left_out_and_said_once(
    build: Callable[..., EngineDetector],
    frame_of: FrameOf,
    broken: tuple[float, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    detector = build(card(), rows((2, 2, 40, 40, 0.8, 2), broken))  # type: ignore[arg-type]
    for _ in range(3):
        (found,) = detect(detector, frame_of(noise(64, 64)))
        assert found.boxes.tolist() == [[2, 2, 40, 40]]
    said = [r.getMessage() for r in caplog.records if "no numbers" in r.getMessage()]
    assert len(said) == 1
    assert "model fake makes boxes or scores that are no numbers" in said[0]
    assert "--precision fp32" in said[0]


def test_a_network_whose_scores_are_all_nan_is_told(
    build: Callable[..., EngineDetector], frame_of: FrameOf, caplog: pytest.LogCaptureFixture
) -> None:
    detector = build(card(), np.full((10, 6), np.nan, np.float32))
    for _ in range(5):
        (found,) = detect(detector.replaced(conf=0.5), frame_of(noise(64, 64)))
        assert not len(found)
    said = [r.getMessage() for r in caplog.records if "NaN" in r.getMessage()]
    assert len(said) == 1
    assert "in which nothing can be found" in said[0]


def test_a_network_that_finds_nothing_is_not_accused(
    build: Callable[..., EngineDetector], frame_of: FrameOf, caplog: pytest.LogCaptureFixture
) -> None:
    detector = build(card(), rows())
    assert not len(detect(detector, frame_of(noise(64, 64)))[0])
    assert not caplog.records


def test_close_closes_the_engine(build: Callable[..., EngineDetector]) -> None:
    detector = build(card())
    detector.close()
    assert detector.engine.closed


@pytest.fixture
def yolox(data: Path) -> Iterator[Callable[..., EngineDetector]]:
    """A factory of YOLOX-nano detectors on the processor in fp32."""
    made: list[EngineDetector] = []

    def make(**options: Any) -> EngineDetector:
        families = decoders()
        reading = read_card(open_model(data / "models" / "yolox_nano.onnx"), families)
        engine = OnnxRuntimeEngine(
            reading.file.content, reading.card.normalization, EngineOptions(threads=2, requests=1)
        )
        made.append(EngineDetector(engine, reading.card, families["yolox"], **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def reference(model: Path, image: Pixels, conf: float, iou: float) -> np.ndarray[Any, Any]:
    """YOLOX-nano, the plainest way: rows of x1, y1, x2, y2, score, class, best first."""
    ratio = min(416 / image.shape[0], 416 / image.shape[1])
    small = cv2.resize(image, (round(image.shape[1] * ratio), round(image.shape[0] * ratio)))
    canvas = np.full((416, 416, 3), 114, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: canvas.transpose(2, 0, 1)[None].astype(np.float32)}
    (raw,) = session.run(None, feed)[0]
    found, row = [], 0
    for stride in (8, 16, 32):
        for y in range(416 // stride):
            for x in range(416 // stride):
                dx, dy, w, h, objectness, *classes = raw[row].tolist()
                row += 1
                best = int(np.argmax(classes))
                score = objectness * classes[best]
                if score > conf:
                    cx, cy = (x + dx) * stride, (y + dy) * stride
                    w, h = np.exp(w) * stride, np.exp(h) * stride
                    corners = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]) / ratio
                    found.append((*corners, score, best))
    kept: list[Any] = []
    for one in sorted(found, key=lambda o: -o[4]):
        if all(one[5] != k[5] or _iou(one, k) <= iou for k in kept):
            kept.append(one)
    out = np.array(kept)
    out[:, :4] = np.clip(out[:, :4], 0, [image.shape[1], image.shape[0]] * 2)
    return out


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(shared / (areas - shared))


@pytest.mark.parametrize("conf", [0.3, 0.05])
def test_yolox_gives_what_a_plain_program_gives(
    yolox: Callable[..., EngineDetector], data: Path, bus: Pixels, frame_of: FrameOf, conf: float
) -> None:
    (found,) = detect(yolox(size=(416, 416), conf=conf), frame_of(bus))
    expected = reference(data / "models" / "yolox_nano.onnx", bus, conf, 0.45)
    assert len(found) == len(expected)
    assert found.class_ids.tolist() == expected[:, 5].astype(int).tolist()
    assert np.abs(found.boxes - expected[:, :4]).max() < 1
    assert np.abs(found.scores - expected[:, 4]).max() < 1e-3


@pytest.mark.parametrize("size", [None, (416, 416), 640])
def test_yolox_sees_the_bus_and_its_people(
    yolox: Callable[..., EngineDetector], bus: Pixels, frame_of: FrameOf, size: Any
) -> None:
    (found,) = detect(yolox(conf=0.3, size=size), frame_of(bus))
    names = [found.class_name(i) for i in found.class_ids.tolist()]
    buses = found.scores[[name == "bus" for name in names]]
    assert len(buses) == 1
    assert buses[0] >= 0.85
    assert names.count("person") >= 3


def test_an_unknown_coco_class_suggests_the_nearest(
    yolox: Callable[..., EngineDetector],
) -> None:
    with pytest.raises(ConfigError, match="did you mean 'truck'"):
        yolox(classes=["truk"])


def test_a_card_of_another_family_fails_with_its_reason(
    build: Callable[..., EngineDetector], frame_of: FrameOf
) -> None:
    detector = build(card(decoder="yolox"), np.zeros((50, 85), np.float32))
    with pytest.raises(ModelError, match="the card's decoder is not this model's"):
        detect(detector, frame_of(noise(64, 64)))

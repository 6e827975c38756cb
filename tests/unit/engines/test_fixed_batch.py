"""Models that take a certain number of pictures: batches are filled up, and streams share them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from tests import exported_graphs as graphs
from tests.exported_graphs import CELLS, CENTRE, CLASS, CLASSES, HEIGHT, WIDTH, Graph

from sightline.build import detector
from sightline.config import EngineOptions, ModelOptions, SchedulerOptions
from sightline.errors import ModelError
from sightline.models.detector import EngineDetector
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledDetector
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, Floats, Frame, Pixels

BATCH = 4
FrameOf = Callable[..., Frame]


def bright(path: Path, *, size: int = BATCH, flat: bool = False) -> Path:
    """A model whose score for each picture is the picture's brightness."""
    graph = Graph((size, 3, HEIGHT, WIDTH))
    means = graph.add("ReduceMean", "images", axes=[1, 2, 3], keepdims=0)
    if flat:
        rows = np.zeros((size, 7), np.float32)
        rows[:, 0], rows[:, 1:5], rows[:, 5] = np.arange(size), graphs.BOX, CLASS
        scores = graph.add("Unsqueeze", means, graph.value([1], np.int64))
        padded = graph.add("Concat", graph.value(np.zeros((size, 6))), scores, axis=1)
        graph.output("output", graph.add("Add", graph.value(rows), padded), (size, 7))
        return graph.save(path)
    rows = np.zeros((size, 4 + CLASSES, CELLS), np.float32)
    mask = np.zeros_like(rows)
    rows[:, :4, 100], mask[:, 4 + CLASS, 100] = CENTRE, 1
    each = graph.add("Reshape", means, graph.value([size, 1, 1], np.int64))
    tensor = graph.add("Add", graph.value(rows), graph.add("Mul", graph.value(mask), each))
    graph.output("output0", tensor, rows.shape)
    return graph.save(path)


@pytest.fixture(params=["onnxruntime", "openvino"])
def load(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], EngineDetector]]:
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    made: list[EngineDetector] = []

    def make(path: Path) -> EngineDetector:
        engine = EngineOptions(requests=1, threads=1, precision="fp32")
        one = detector(
            ModelOptions(model=str(path), backend=request.param, engine=engine, conf=0.05)
        )
        assert isinstance(one, EngineDetector)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def grey(level: int) -> Pixels:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def check(found: Sequence[Detections], levels: Sequence[int]) -> None:
    assert [len(one) for one in found] == [1] * len(levels)
    assert [one.scores[0] for one in found] == pytest.approx([n / 255 for n in levels], abs=1e-3)
    assert all(np.abs(one.boxes - graphs.BOX).max() < 0.1 for one in found)


@pytest.mark.parametrize("flat", [False, True], ids=["a row for each", "one list"])
@pytest.mark.parametrize("pictures", [1, 3, 4, 9])
def test_any_number_of_pictures_is_taken(
    load: Callable[[Path], EngineDetector],
    tmp_path: Path,
    frame_of: FrameOf,
    flat: bool,
    pictures: int,
) -> None:
    one = load(bright(tmp_path / "four.onnx", flat=flat))
    levels = [40 + 20 * i for i in range(pictures)]
    for _ in range(2):  # what an earlier batch has left must not show
        check(one.submit([frame_of(grey(n)) for n in levels]).result(timeout=60), levels)
        levels.reverse()


def test_pictures_without_objects_keep_their_place(
    load: Callable[[Path], EngineDetector], tmp_path: Path, frame_of: FrameOf
) -> None:
    one = load(bright(tmp_path / "four.onnx", flat=True))
    found = one.submit([frame_of(grey(n)) for n in (0, 80, 0)]).result(timeout=60)
    assert [len(each) for each in found] == [0, 1, 0]


def test_the_engine_says_what_it_takes(
    load: Callable[[Path], EngineDetector], tmp_path: Path
) -> None:
    rows = load(bright(tmp_path / "rows.onnx")).engine
    assert rows.info.input.shape == (None, HEIGHT, WIDTH, 3)
    assert [o.shape for o in rows.info.outputs] == [(None, 4 + CLASSES, CELLS)]
    flat = load(bright(tmp_path / "flat.onnx", flat=True)).engine
    assert flat.info.input.shape == (1, HEIGHT, WIDTH, 3)
    with pytest.raises(ModelError, match="4 pictures at a time, not 5"):
        rows.submit((5, HEIGHT, WIDTH), lambda _: None, lambda _: None)


def test_the_scheduler_fills_a_batch_from_several_streams(
    load: Callable[[Path], EngineDetector], tmp_path: Path, frame_of: FrameOf
) -> None:
    one = load(bright(tmp_path / "four.onnx"))
    engine = one.engine
    ran: list[int] = []
    held, go = threading.Event(), threading.Event()

    class Counting:
        info = engine.info

        def submit(
            self,
            shape: tuple[int, int, int],
            fill: Callable[[Pixels], None],
            read: Callable[[Sequence[Floats]], object],
        ) -> Future[object]:
            ran.append(shape[0])

            def filled(pixels: Pixels) -> None:
                fill(pixels)
                held.set()
                assert go.wait(timeout=30)  # until the others wait

            return engine.submit(shape, filled, read)

        def close(self) -> None:
            pass

    scheduler = Scheduler(SchedulerOptions())
    scheduler.add("four", Counting(), (1, 2, 4))
    try:
        levels = [50, 90, 130, 170, 210]
        futures = []
        for i, level in enumerate(levels):
            stream = ScheduledDetector(scheduler, "four", one, Terms(f"stream {i}"))
            futures.append(stream.submit([frame_of(grey(level))]))
            assert held.wait(timeout=30)
        go.set()
        check([future.result(timeout=60)[0] for future in futures], levels)
        assert ran == [1, 4]
    finally:
        go.set()
        scheduler.close()


def test_a_batch_that_is_only_written_down_is_opened(
    load: Callable[[Path], EngineDetector], tmp_path: Path, frame_of: FrameOf
) -> None:
    """Reshape says 4, and the sizes are baked in nowhere else: any batch runs as it is."""
    graph = Graph((BATCH, 3, 64, 64))
    heads = []
    for stride in (8, 16, 32):
        pooled = graph.add(
            "AveragePool", "images", kernel_shape=[stride, stride], strides=[stride, stride]
        )
        wide = graph.add("Concat", pooled, pooled, pooled, axis=1)
        shape = graph.value([BATCH, 9, -1], np.int64)
        heads.append(graph.add("Reshape", wide, shape))
    graph.output("output0", graph.add("Concat", *heads, axis=2), (BATCH, 9, 84))
    one = load(graph.save(tmp_path / "four.onnx"))
    assert (one.card.max_batch, one.card.fixed_size) == (None, False)
    assert one.engine.info.input.shape == (None, None, None, 3)

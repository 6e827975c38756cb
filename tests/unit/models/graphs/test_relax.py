"""Static graphs opened to other sizes: only where the results stay what they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from sightline.build import decoders
from sightline.models.file import open_model
from sightline.models.graphs.relax import relax
from sightline.types import Floats, Pixels

MakeModel = Callable[..., Path]


def run(model: Path | bytes, batch: Floats) -> Floats:
    source = str(model) if isinstance(model, Path) else model
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {session.get_inputs()[0].name: batch})
    return np.asarray(out)


def picture(image: Pixels, width: int, height: int) -> Floats:
    return image[:height, :width].transpose(2, 0, 1)[None].astype(np.float32)


def test_yolox_takes_batches_and_other_sizes_with_the_same_results(data: Path, bus: Pixels) -> None:
    path = data / "models" / "yolox_nano.onnx"
    file = open_model(path)
    opened = relax(file, decoders()["yolox"])
    assert opened.input.shape == (None, 3, None, None)
    assert opened.changed
    assert isinstance(opened.content, bytes)
    assert file.input.shape == (1, 3, 416, 416)
    assert file.content == path

    first, second = picture(bus, 416, 416), picture(bus[300:], 416, 416)
    together = run(opened.content, np.concatenate((first, second)))
    for alone, got in zip((first, second), together, strict=True):
        assert np.abs(run(path, alone)[0] - got).max() < 1e-3

    # Another size: the same picture with nothing added on the right answers alike on the left.
    wide = np.full((1, 3, 416, 512), 114, np.float32)
    wide[..., :416] = first
    answer, narrow = run(opened.content, wide)[0], run(path, first)[0]
    cells = answer[: 52 * 64].reshape(52, 64, 85), narrow[: 52 * 52].reshape(52, 52, 85)
    left = np.abs(cells[0][:, :20] - cells[1][:, :20])
    assert answer.shape == (52 * 64 + 26 * 32 + 13 * 16, 85)
    assert left[..., 4:].mean() < 1e-3


def test_another_size_gives_what_a_graph_exported_at_that_size_gives(
    pyramid_model: MakeModel,
) -> None:
    """The tiny model's weights depend on nothing, so it can be exported at any size."""
    opened = relax(open_model(pyramid_model(8)), decoders()["yolox"])
    static = pyramid_model(8, size=(192, 96), name="static")
    batch = np.random.default_rng(0).random((1, 3, 96, 192), np.float32)
    assert np.abs(run(opened.content, batch) - run(static, batch)).max() < 1e-4


@pytest.mark.parametrize("columns", [8, 85])
@pytest.mark.parametrize("size", [(64, 64), (128, 64), (416, 416)])
def test_sizes_baked_into_the_graph_stay(
    pyramid_model: MakeModel, size: tuple[int, int], columns: int
) -> None:
    file = open_model(pyramid_model(columns, size=size, baked=True))
    assert relax(file, decoders()["yolox"]) is file
    assert file.content == file.path


@pytest.mark.parametrize(
    ("family", "transposed"), [("yolox", False), ("yolov8", True)], ids=["yolox", "yolov8"]
)
def test_rows_and_columns_are_opened(
    pyramid_model: MakeModel, family: str, transposed: bool
) -> None:
    opened = relax(open_model(pyramid_model(84, transposed=transposed)), decoders()[family])
    assert opened.input.shape == (None, 3, None, None)
    out = run(opened.content, np.zeros((3, 3, 64, 160), np.float32))
    count = 8 * 20 + 4 * 10 + 2 * 5
    assert out.shape == ((3, 84, count) if transposed else (3, count, 84))


def test_a_batch_that_cannot_follow_stays_one_while_the_size_is_opened(
    pyramid_model: MakeModel,
) -> None:
    path = pyramid_model(8)
    model = onnx.load(str(path))
    for weight in list(model.graph.initializer):  # a constant node is not opened
        if weight.name.startswith("shape"):
            model.graph.initializer.remove(weight)
            value = numpy_helper.from_array(numpy_helper.to_array(weight), "value")
            node = onnx.helper.make_node("Constant", [], [weight.name], value=value)
            model.graph.node.insert(0, node)
    onnx.save(model, str(path))
    opened = relax(open_model(path), decoders()["yolox"])
    assert opened.input.shape == (1, 3, None, None)
    assert run(opened.content, np.zeros((1, 3, 64, 96), np.float32)).shape == (1, 126, 8)


def test_a_graph_that_mixes_the_pictures_of_a_batch_stays_one(pyramid_model: MakeModel) -> None:
    path = pyramid_model(8)
    model = onnx.load(str(path))
    model.graph.node[-1].output[0] = "each"
    model.graph.node.append(
        onnx.helper.make_node("ReduceMean", ["each"], ["output0"], axes=[0], keepdims=1)
    )
    onnx.save(model, str(path))
    assert relax(open_model(path), decoders()["yolox"]).input.shape == (1, 3, None, None)


def test_what_is_open_already_stays_as_it_is(pyramid_model: MakeModel) -> None:
    file = open_model(pyramid_model(8, shape=("n", 3, "h", "w")))
    assert relax(file, decoders()["yolox"]) is file


def test_families_whose_shapes_prove_nothing_stay_as_they_are(constant_model: MakeModel) -> None:
    file = open_model(constant_model([np.zeros((1, 300, 6))]))
    assert relax(file, decoders()["end-to-end"]) is file

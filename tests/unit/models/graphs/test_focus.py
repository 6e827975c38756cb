"""Focus folded into its convolution: the same results, and only where it is Focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from tests.onnx_models import save_graph

from sightline.models.file import ModelFile, open_model
from sightline.models.graphs.focus import fold_focus
from sightline.types import Floats, Pixels

YOLOX = ((0, 0), (1, 0), (0, 1), (1, 1))
"""Rows and columns of a cell in the order in which YOLOX and YOLOv5 join them."""

END = np.iinfo(np.int64).max


def conv(kernel: int = 3, **said: Any) -> Any:
    pads = [kernel // 2] * 4
    facts: dict[str, Any] = {"kernel_shape": [kernel] * 2, "pads": pads, "strides": [1, 1], **said}
    facts = {name: value for name, value in facts.items() if value is not None}
    return helper.make_node("Conv", ["cells", "kernel", "bias"], ["found"], **facts)


def slices(
    cells: Sequence[tuple[int, int]] = YOLOX, *, end: int = END, starts: Sequence[int] | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """Two slices a cell, rows and then columns, as PyTorch exports them, and their constants."""
    nodes, weights = [], {"two": np.array([2]), "three": np.array([3]), "end": np.array([end])}
    for i, (y, x) in enumerate(cells):
        rows = [y] if starts is None else starts
        weights |= {f"y{i}": np.array(rows, np.int64), f"x{i}": np.array([x])}
        nodes += [
            helper.make_node("Slice", ["images", f"y{i}", "end", "two", "two"], [f"rows{i}"]),
            helper.make_node("Slice", [f"rows{i}", f"x{i}", "end", "three", "two"], [f"cell{i}"]),
        ]
    parts = [f"cell{i}" for i in range(len(cells))]
    nodes.append(helper.make_node("Concat", parts, ["cells"], axis=1))
    return nodes, weights


def written_as_list() -> tuple[list[Any], dict[str, Any]]:
    nodes, weights = slices()
    del weights["two"]
    return [helper.make_node("Constant", [], ["two"], value_ints=[2]), *nodes], weights


def both_at_once() -> tuple[list[Any], dict[str, Any]]:
    """One slice a cell over both axes, counted from the last."""
    nodes, weights = [], {"axes": np.array([-2, -1]), "end": np.array([END] * 2)}
    for i, cell in enumerate(YOLOX):
        weights |= {f"at{i}": np.array(cell), f"step{i}": np.array([2, 2])}
        nodes.append(
            helper.make_node("Slice", ["images", f"at{i}", "end", "axes", f"step{i}"], [f"c{i}"])
        )
    nodes.append(helper.make_node("Concat", [f"c{i}" for i in range(4)], ["cells"], axis=-3))
    return nodes, weights


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., ModelFile]:
    def make(
        start: tuple[list[Any], dict[str, Any]],
        convolution: Any,
        *after: Any,
        inputs: int = 12,
        size: Sequence[int | str] = (1, 3, 32, 48),
    ) -> ModelFile:
        kernel = next((a.ints[0] for a in convolution.attribute if a.name == "kernel_shape"), 3)
        random = np.random.default_rng(0)
        weights = {
            "kernel": random.normal(size=(5, inputs, kernel, kernel)).astype(np.float32),
            "bias": random.normal(size=5).astype(np.float32),
            **start[1],
        }
        shape = [size[0], "channels", "rows", "columns"]
        outputs = {o: shape for node in (convolution, *after) for o in node.output}
        path = tmp_path / "focus.onnx"
        return open_model(
            save_graph(path, [*start[0], convolution, *after], size, outputs, weights)
        )

    return make


def run(file: ModelFile, picture: Floats) -> Floats:
    content = str(file.content) if isinstance(file.content, Path) else file.content
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["found"], {"images": picture})[0])


def kinds(file: ModelFile) -> list[str]:
    return [node.op_type for node in file.graph.graph.node]


@pytest.mark.parametrize(
    ("start", "convolution"),
    [
        pytest.param(slices(), conv(), id="rows, then columns"),
        pytest.param(slices([(1, 1), (0, 1), (0, 0), (1, 0)]), conv(), id="another order"),
        pytest.param(both_at_once(), conv(), id="both axes at once"),
        pytest.param(slices(), conv(1), id="1x1"),
        pytest.param(slices(), conv(5, pads=[2, 0, 1, 3]), id="5x5 with odd padding"),
        pytest.param(slices(), conv(kernel_shape=None), id="a kernel that says no shape"),
    ],
)
@pytest.mark.parametrize("size", [(1, 3, 32, 48), ("n", 3, "h", "w")])
def test_one_convolution_gives_the_same(
    write: Callable[..., ModelFile], start: Any, convolution: Any, size: Any
) -> None:
    file = write(start, convolution, size=size)
    folded = fold_focus(file)
    assert folded.changed
    assert not file.changed
    assert kinds(folded) == ["Conv"]
    assert {w.name for w in folded.graph.graph.initializer} == {"kernel_unfocused", "bias"}
    onnx.checker.check_model(folded.graph, full_check=True)
    picture = np.random.default_rng(1).random((1, 3, 32, 48), np.float32)
    # Sums of the same numbers in another order: equal to a few units of float32's precision.
    wanted = run(file, picture)
    np.testing.assert_allclose(run(folded, picture), wanted, atol=1e-6 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("start", "convolution", "after", "inputs"),
    [
        pytest.param(slices(), conv(strides=[2, 2]), [], 12, id="stride 2"),
        pytest.param(slices(), conv(dilations=[2, 2]), [], 12, id="dilated"),
        pytest.param(slices(), conv(group=2), [], 6, id="grouped"),
        pytest.param(slices(YOLOX[:3]), conv(), [], 9, id="three of four cells"),
        pytest.param(slices([(0, 0), (2, 0), (0, 1), (1, 1)]), conv(), [], 12, id="a row too far"),
        pytest.param(slices(end=32), conv(), [], 12, id="slices for one size"),
        pytest.param(slices(starts=[]), conv(), [], 12, id="slices of nothing"),
        pytest.param(slices(starts=[0, 0]), conv(), [], 12, id="more starts than ends"),
        pytest.param(slices(), conv(), [], 11, id="a kernel of other channels"),
        pytest.param(written_as_list(), conv(), [], 12, id="constants written as lists"),
        pytest.param(
            slices(),
            conv(),
            [helper.make_node("Relu", ["cells"], ["also"])],
            12,
            id="cells are read elsewhere",
        ),
    ],
)
def test_what_is_no_focus_stays_as_it_is(
    write: Callable[..., ModelFile], start: Any, convolution: Any, after: Any, inputs: int
) -> None:
    file = write(start, convolution, *after, inputs=inputs)
    assert fold_focus(file) is file


def test_yolox_answers_as_before(data: Path, bus: Pixels) -> None:
    file = open_model(data / "models" / "yolox_nano.onnx")
    folded = fold_focus(file)
    assert "Slice" in kinds(file)
    assert "Slice" not in kinds(folded)
    picture = bus[:416, :416].transpose(2, 0, 1)[None].astype(np.float32)

    def answer(model: ModelFile) -> Floats:
        content = str(model.content) if isinstance(model.content, Path) else model.content
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {"images": picture})[0])

    assert np.abs(answer(file) - answer(folded)).max() < 1e-3


def test_a_model_without_focus_is_not_copied(data: Path) -> None:
    file = open_model(data / "models" / "yolo11n_random.onnx")
    assert fold_focus(file) is file

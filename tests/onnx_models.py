"""Tiny real ONNX models that tests make on the spot, and an engine that only records.

A pytest plugin: tests are no package, so what several of them need comes as a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sightline.sources.pictures import ArrayPicture
from sightline.types import EngineInfo, Floats, Frame, Pixels, TensorSpec

T = TypeVar("T")
Dims = Sequence[int | str]
MakeModel = Callable[..., Path]


def save_graph(
    path: Path,
    nodes: Sequence[Any],
    shape: Dims,
    outputs: Mapping[str, Dims | None],
    weights: Mapping[str, Any],
    *,
    metadata: Mapping[str, str] | None = None,
    dtype: int = TensorProto.FLOAT,
    answer: int = TensorProto.FLOAT,
) -> Path:
    """Write a checked ONNX model whose one input is ``images`` of ``shape`` and ``dtype``."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", dtype, shape)],
        [helper.make_tensor_value_info(name, answer, dims) for name, dims in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata:
        helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


@pytest.fixture
def constant_model(tmp_path: Path) -> MakeModel:
    """A factory of models that answer every picture with the same arrays, (1, ...) each."""

    def make(
        outputs: Sequence[Any],
        *,
        size: tuple[int, int] = (64, 64),
        batch: int | str = 1,
        name: str = "tiny",
        metadata: Mapping[str, str] | None = None,
        dtype: int = TensorProto.FLOAT,
    ) -> Path:
        nodes = [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2, 3], keepdims=1),
            helper.make_node("Mul", ["mean", "zero"], ["nothing4"]),
            helper.make_node("Squeeze", ["nothing4", "last"], ["nothing"]),
        ]
        weights: dict[str, Any] = {"zero": np.float32(0), "last": np.array([3], np.int64)}
        shapes: dict[str, Dims] = {}
        for i, value in enumerate(outputs):
            weights[f"raw{i}"] = np.asarray(value, np.float32)
            nodes.append(helper.make_node("Add", [f"raw{i}", "nothing"], [f"output{i}"]))
            shapes[f"output{i}"] = [batch, *np.shape(value)[1:]]
        shape = (batch, 3, size[1], size[0])
        path = tmp_path / f"{name}.onnx"
        return save_graph(path, nodes, shape, shapes, weights, metadata=metadata, dtype=dtype)

    return make


@pytest.fixture
def pyramid_model(tmp_path: Path) -> MakeModel:
    """A factory of convolutional models with one head per stride 8, 16, 32: YOLO's shapes.

    ``columns`` values per cell; rows (N, A, columns) or, transposed, (N, columns, A). With
    ``baked`` the number of cells stands in the graph as a number, so that only ``size`` can run.
    """

    def make(
        columns: int,
        *,
        size: tuple[int, int] = (128, 128),
        transposed: bool = False,
        baked: bool = False,
        shape: Dims | None = None,
        name: str = "pyramid",
        metadata: Mapping[str, str] | None = None,
    ) -> Path:
        rng = np.random.default_rng(1)
        nodes, weights, count = [], {}, 0
        for stride in (8, 16, 32):
            cells = (size[0] // stride) * (size[1] // stride)
            count += cells
            weights[f"w{stride}"] = rng.normal(0, 0.02, (columns, 3, stride, stride)).astype("f4")
            weights[f"shape{stride}"] = np.array([1, columns, cells if baked else -1], np.int64)
            kernel = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
            nodes += [
                helper.make_node("Conv", ["images", f"w{stride}"], [f"conv{stride}"], **kernel),
                helper.make_node("Reshape", [f"conv{stride}", f"shape{stride}"], [f"rows{stride}"]),
            ]
        heads = [f"rows{s}" for s in (8, 16, 32)]
        if transposed:
            nodes.append(helper.make_node("Concat", heads, ["output0"], axis=2))
        else:
            nodes.append(helper.make_node("Concat", heads, ["joined"], axis=2))
            nodes.append(helper.make_node("Transpose", ["joined"], ["output0"], perm=[0, 2, 1]))
        told: Dims = [1, columns, count] if transposed else [1, count, columns]
        if shape is not None:
            told = ["batch", columns, "cells"] if transposed else ["batch", "cells", columns]
        return save_graph(
            tmp_path / f"{name}.onnx",
            nodes,
            shape or (1, 3, size[1], size[0]),
            {"output0": told},
            weights,
            metadata=metadata,
        )

    return make


@pytest.fixture
def identity_model(tmp_path: Path) -> MakeModel:
    """A factory of models whose output is their input: what the network gets, seen outside."""

    def make(
        shape: Dims = ("batch", 3, "height", "width"), *, dtype: int = TensorProto.FLOAT
    ) -> Path:
        nodes = [helper.make_node("Identity", ["images"], ["seen"])]
        path = tmp_path / "identity.onnx"
        return save_graph(path, nodes, shape, {"seen": shape}, {}, dtype=dtype, answer=dtype)

    return make


class RecordingEngine:
    """An ``Engine`` that keeps a copy of each batch and answers with given arrays."""

    def __init__(self, answer: Callable[[Pixels], Sequence[Floats]]) -> None:
        self.batches: list[Pixels] = []
        self.closed = False
        self._answer = answer

    @property
    def info(self) -> EngineInfo:
        shape = (None, None, None, 3)
        return EngineInfo("recording", "cpu", "fp32", 1, TensorSpec("pixels", shape, "uint8"), ())

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        future: Future[T] = Future()
        try:
            batch = np.full((*shape, 3), 77, np.uint8)  # what is left unfilled shows
            fill(batch)
            self.batches.append(batch)
            future.set_result(read(self._answer(batch)))
        except Exception as exc:  # noqa: BLE001 - as engines do: the future has it
            future.set_exception(exc)
        return future

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def recording_engine() -> type[RecordingEngine]:
    return RecordingEngine


@pytest.fixture
def frame_of() -> Callable[..., Frame]:
    """A factory of frames from arrays (height, width, 3) uint8 BGR."""

    def make(image: Pixels, index: int = 0, time: float | None = None) -> Frame:
        moment = index / 25 if time is None else time
        return Frame("test", index, moment, 0.0, ArrayPicture(image))

    return make


@pytest.fixture(scope="session")
def bus(data: Path) -> Pixels:
    """A street with a bus and people, 810 × 1080, BGR."""
    import cv2

    image = cv2.imread(str(data / "images" / "bus.jpg"))
    assert image is not None
    return image

"""Graphs that take one picture, run by onnx's own reference and held against arrays that lie as they wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from sightline.model_inputs import read_inputs
from sightline.models.graphs.inputs import take_one_picture
from sightline.types import TensorSpec

Shape = Sequence[int | str]
N, H, W = 2, 5, 7


def graph(inputs: Mapping[str, tuple[Shape, int]]) -> onnx.ModelProto:
    """A graph that gives back each of its inputs as ``NAME_out``."""
    infos = [helper.make_tensor_value_info(n, kind, list(s)) for n, (s, kind) in inputs.items()]
    outs = [
        helper.make_tensor_value_info(f"{n}_out", k, [f"{n}_{i}" for i in range(len(s))])
        for n, (s, k) in inputs.items()
    ]
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in inputs]
    made = helper.make_graph(nodes, "all", infos, outs)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])


def run(inputs: Mapping[str, tuple[Shape, int]], picture: Any) -> dict[str, Any]:
    """What the graph's own inputs get where it is given a picture (N, 3, H, W)."""
    specs = [
        TensorSpec(name, tuple(d if isinstance(d, int) else None for d in shape))
        for name, (shape, _) in inputs.items()
    ]
    changed = graph(inputs)
    take_one_picture(changed, read_inputs(specs))
    onnx.checker.check_model(changed, full_check=True)
    (taken,) = changed.graph.input
    assert len(taken.type.tensor_type.shape.dim) == 4
    found = ReferenceEvaluator(changed).run(None, {taken.name: picture})
    return dict(zip(inputs, found, strict=True))


def pixels(count: int, kind: Any = np.float32) -> Any:
    return np.random.default_rng(4).integers(0, 256, (count, 3, H, W)).astype(kind)


@pytest.mark.parametrize(
    ("shape", "count", "lies"),
    [
        pytest.param(("n", 3, "h", "w"), N, lambda x: x, id="as we give it"),
        pytest.param(("n", "h", "w", 3), N, lambda x: x.transpose(0, 2, 3, 1), id="channels last"),
        pytest.param((3, "h", "w"), 1, lambda x: x[0], id="without a batch"),
        pytest.param(("h", "w", 3), 1, lambda x: x[0].transpose(1, 2, 0), id="channels last, no batch"),
    ],
)  # fmt: skip
def test_layouts(shape: Shape, count: int, lies: Any) -> None:
    picture = pixels(count)
    found = run({"images": (shape, TensorProto.FLOAT)}, picture)
    assert (found["images"] == lies(picture)).all()


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize(
    ("kind", "proto", "within"),
    [
        pytest.param(np.float32, TensorProto.FLOAT, 1e-3, id="floats"),
        pytest.param(np.uint8, TensorProto.UINT8, 0, id="whole numbers"),
    ],
)
def test_grey_is_the_luma_of_bt_601(kind: Any, proto: int, within: float, last: bool) -> None:
    picture = pixels(N, kind)
    shape = (N, H, W, 1) if last else (N, 1, H, W)
    found = run({"images": (shape, proto)}, picture)["images"]
    red, green, blue = picture.astype(np.float64).transpose(1, 0, 2, 3)
    luma = (0.299 * red + 0.587 * green + 0.114 * blue).reshape(shape)
    expected = luma if within else np.floor(luma + 0.5)
    assert np.abs(found.astype(np.float64) - expected).max() <= within
    assert found.dtype == kind


@pytest.mark.parametrize(
    ("name", "shape", "proto", "values"),
    [
        pytest.param("orig_target_sizes", ("n", 2), TensorProto.INT64, [[W, H]] * N, id="RT-DETR"),
        pytest.param("target_sizes", ("n", 2), TensorProto.FLOAT, [[H, W]] * N, id="Hugging Face"),
        pytest.param("im_shape", ("n", 3), TensorProto.FLOAT, [[H, W, 1]] * N, id="Paddle"),
        pytest.param("scale_factor", ("n", 2), TensorProto.FLOAT, [[1, 1]] * N, id="a scale"),
        pytest.param("im_info", ("n", 6), TensorProto.FLOAT, [[H, W, 1, 1, 1, 1]] * N, id="six numbers"),
        pytest.param("image_size", (2,), TensorProto.INT32, [H, W], id="without a batch"),
        pytest.param("pixel_mask", ("n", "h", "w"), TensorProto.INT64, np.ones((N, H, W)).tolist(), id="a mask"),
        pytest.param("pixel_mask", ("n", 3, 4), TensorProto.INT64, np.ones((N, 3, 4)).tolist(), id="a mask of its own size"),
    ],
)  # fmt: skip
def test_inputs_that_tell_a_size(name: str, shape: Shape, proto: int, values: Any) -> None:
    inputs = {"images": (("n", 3, "h", "w"), TensorProto.FLOAT), name: (shape, proto)}
    for given in (inputs, dict(reversed(inputs.items()))):  # in any order
        found = run(given, pixels(N))
        assert found[name].tolist() == values
        assert found[name].dtype == helper.tensor_dtype_to_np_dtype(proto)


def test_tensors_within_a_branch_are_renamed_too() -> None:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["inner"])], "yes", [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)],
    )  # fmt: skip
    node = helper.make_node("If", ["condition"], ["out"], then_branch=inner, else_branch=inner)
    made = helper.make_model(
        helper.make_graph(
            [node], "all",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, "h", "w", 3])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
            [onnx.numpy_helper.from_array(np.array(True), "condition")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
    )  # fmt: skip
    take_one_picture(made, read_inputs([TensorSpec("images", (1, None, None, 3))]))
    (found,) = ReferenceEvaluator(made).run(None, {"images": pixels(1)})
    assert (found == pixels(1).transpose(0, 2, 3, 1)).all()

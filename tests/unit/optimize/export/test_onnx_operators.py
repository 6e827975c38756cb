"""Operators of ONNX as PyTorch's: each answers as ONNX Runtime does, or is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from sightline.errors import ModelError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

Nodes = Sequence[Any]
RNG = np.random.default_rng(0)
PICTURE = RNG.normal(size=(2, 4, 7, 9)).astype(np.float32)
KERNEL = RNG.normal(size=(6, 4, 3, 3)).astype(np.float32)
FOUR = np.abs(RNG.normal(size=4)).astype(np.float32) + 0.1
END = np.iinfo(np.int64).max


def node(
    op: str, inputs: Sequence[str] = ("x",), outputs: Sequence[str] = ("y",), **attributes: Any
) -> Any:
    return helper.make_node(op, list(inputs), list(outputs), **attributes)


def model(nodes: Nodes, weights: Mapping[str, Any], opset: int, outputs: Sequence[str]) -> Any:
    graph = helper.make_graph(
        list(nodes), "some",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(PICTURE.shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def network(*args: Any, fixed: bool = False) -> Any:
    from sightline.optimize.export.onnx_network import OnnxNetwork

    return OnnxNetwork(model(*args), fixed=fixed)


def case(name: str, *nodes: Any, opset: int = 17, outputs: Sequence[str] = ("y",), **weights: Any) -> Any:  # fmt: skip
    return pytest.param(nodes, weights, opset, outputs, id=name)


def two(*inputs: str, **attributes: Any) -> Any:
    return node("Split", inputs or ("x",), ("y", "z"), **attributes)


def whole(op: Any, kind: int) -> tuple[Any, ...]:
    """What an operator makes of whole numbers."""
    return node("Cast", ["x"], ["i"], to=kind), op, node("Cast", ["o"], ["y"], to=1)


def larger(places: str, rounded: str, **attributes: Any) -> Any:
    return node(
        "Resize", ["x", "", "s"], mode="nearest", coordinate_transformation_mode=places,
        nearest_mode=rounded, **attributes,
    )  # fmt: skip


def scales(height: float, width: float) -> Any:
    return np.array([1, 1, height, width], np.float32)


PAIRS = ("y", "z")
CASES = [
    case("Conv", node("Conv", ["x", "w"]), w=KERNEL),
    case("Conv, padded", node("Conv", ["x", "w"], pads=[1, 2, 1, 2], strides=[2, 1]), w=KERNEL),
    case("Conv, padded on one side", node("Conv", ["x", "w"], pads=[0, 1, 2, 0]), w=KERNEL),
    case("Conv, SAME_UPPER", node("Conv", ["x", "w"], auto_pad="SAME_UPPER", strides=[2, 2]), w=KERNEL),
    case("Conv, SAME_LOWER", node("Conv", ["x", "w"], auto_pad="SAME_LOWER", strides=[2, 2]), w=KERNEL),
    case("Conv, VALID", node("Conv", ["x", "w"], auto_pad="VALID"), w=KERNEL),
    case("Conv, in groups", node("Conv", ["x", "w"], group=2, dilations=[2, 2]), w=KERNEL[:, :2]),
    case("AveragePool", node("AveragePool", kernel_shape=[2, 3])),
    case("AveragePool, padded", node("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)),
    case("AveragePool, counted", node("AveragePool", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)),
    case("AveragePool, ceil", node("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
    case("MaxPool", node("MaxPool", kernel_shape=[2, 3])),
    case("MaxPool, padded", node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)),
    case("MaxPool, ceil", node("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
    case("MaxPool, dilated", node("MaxPool", kernel_shape=[2, 2], dilations=[2, 3])),
    case("GlobalAveragePool", node("GlobalAveragePool")),
    case("BatchNormalization", node("BatchNormalization", ["x", "s", "b", "m", "v"], epsilon=1e-3), s=FOUR, b=FOUR, m=FOUR, v=FOUR),
    *(case(f"Flatten {axis}", node("Flatten", axis=axis)) for axis in (0, 1, 2, 3, 4, -1)),
    case("Flatten", node("Flatten")),
    case("Softmax", node("Softmax")),
    case("Softmax 1", node("Softmax", axis=1)),
    case("Softmax of opset 11", node("Softmax"), opset=11),
    case("Softmax 2 of opset 11", node("Softmax", axis=2), opset=11),
    case("Clip", node("Clip", ["x", "a", "b"]), a=np.float32(-0.5), b=np.float32(0.5)),
    case("Clip above", node("Clip", ["x", "", "b"]), b=np.float32(0.5)),
    case("Clip of opset 10", node("Clip", min=0.0, max=0.5), opset=10),
    case("Clip by nothing", node("Clip")),
    case("Split", two("x", "s", axis=1), outputs=PAIRS, s=np.array([1, 3])),
    case("Split equally", two(axis=1), outputs=PAIRS),
    case("Split along the first axis", two(), outputs=PAIRS),
    case("Split of opset 11", two(axis=1, split=[1, 3]), opset=11, outputs=PAIRS),
    case("Split of opset 18", two(axis=2, num_outputs=2), opset=18, outputs=PAIRS),
    case("Transpose", node("Transpose", perm=[0, 2, 3, 1])),
    case("Transpose, turned round", node("Transpose")),
    case("Unsqueeze", node("Unsqueeze", ["x", "a"]), a=np.array([0, -1])),
    case("Unsqueeze at the end", node("Unsqueeze", ["x", "a"]), a=np.array([-2, -1])),
    case("Unsqueeze of opset 11", node("Unsqueeze", axes=[0, 3]), opset=11),
    case("Squeeze", node("ReduceMax", ["x"], ["r"], axes=[1, 2]), node("Squeeze", ["r", "a"]), a=np.array([1, -2])),
    case("Squeeze all", node("ReduceMax", ["x"], ["r"], axes=[1, 2]), node("Squeeze", ["r"])),
    case("Gather", node("Gather", ["x", "i"], axis=1), i=np.array([2, 1, 0])),
    case("Gather one", node("Gather", ["x", "i"], axis=1), i=np.array(2)),
    case("Gather a table", node("Gather", ["x", "i"], axis=-1), i=np.array([[-1, 0], [1, 2]])),
    case("Slice", node("Slice", ["x", "b", "e", "a"]), b=np.array([1, -3]), e=np.array([END, -1]), a=np.array([2, 3])),
    case("Slice in steps", node("Slice", ["x", "b", "e", "a", "s"]), b=np.array([0]), e=np.array([7]), a=np.array([2]), s=np.array([3])),
    case("Slice backwards", node("Slice", ["x", "b", "e", "a", "s"]), b=np.array([-1]), e=np.array([-END]), a=np.array([1]), s=np.array([-1])),
    case("Slice of opset 9", node("Slice", starts=[1], ends=[3], axes=[2]), opset=9),
    case("Resize", larger("asymmetric", "floor"), s=scales(2, 1.5)),
    case("Resize to smaller", larger("asymmetric", "floor"), s=scales(0.5, 0.5)),
    case("Resize by its defaults", node("Resize", ["x", "", "s"]), s=scales(2, 3)),
    case("Resize by middles", larger("pytorch_half_pixel", "round_prefer_ceil"), s=scales(3, 2)),
    case("Resize to sizes", node("Resize", ["x", "", "", "z"]), z=np.array([2, 4, 14, 27])),
    case("Resize of opset 10", node("Resize", ["x", "s"]), opset=10, s=scales(2, 2)),
    case("CumSum", node("CumSum", ["x", "a"]), a=np.array(1)),
    case("CumSum, exclusive", node("CumSum", ["x", "a"], exclusive=1), a=np.array(-1)),
    case("CumSum, backwards", node("CumSum", ["x", "a"], reverse=1), a=np.array(1)),
    case("CumSum, both", node("CumSum", ["x", "a"], reverse=1, exclusive=1), a=np.array(1)),
    case("Div of whole numbers", *whole(node("Div", ["i", "two"], ["o"]), TensorProto.INT64), two=np.array(2)),
    case("Cast to whole numbers", *whole(node("Identity", ["i"], ["o"]), TensorProto.INT32)),
    case("Cast to truth values", *whole(node("Identity", ["i"], ["o"]), TensorProto.BOOL)),
    case("Constants", node("Constant", [], ["c"], value_floats=[float(i) for i in range(9)]), node("Add", ["x", "c"])),
    case("a Constant", node("Constant", [], ["c"], value_float=2.0), node("Mul", ["x", "c"])),
    case("Constants for a shape", node("Constant", [], ["c"], value_ints=[2, 4, 63]), node("Reshape", ["x", "c"])),
    case("Reshape", node("Reshape", ["x", "c"]), c=np.array([0, -1, 9])),
    case("Gemm", node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w", "b"], transB=1, alpha=0.5, beta=2.0), w=RNG.normal(size=(3, 252)).astype(np.float32), b=FOUR[:3]),
    *(case(f"{op} of two axes", node(op, axes=[2, 3])) for op in ("ReduceMax", "ReduceMean")),
    case("ReduceMax, one less", node("ReduceMax", axes=[1], keepdims=0)),
    case("ReduceMean of all", node("ReduceMean")),
    case("ReduceSum", node("ReduceSum", ["x", "a"]), a=np.array([1])),
    case("ReduceSum of nothing", node("ReduceSum", ["x", "a"], noop_with_empty_axes=1), a=np.array([], np.int64)),
    *(case(op, node(op)) for op in ("Exp", "HardSwish", "Identity", "Relu", "Sigmoid", "Tanh")),
    case("HardSigmoid", node("HardSigmoid", alpha=0.3, beta=0.1)),
    case("LeakyRelu", node("LeakyRelu", alpha=0.3)),
    case("Concat", node("Concat", ["x", "x"], axis=-1)),
    case("MatMul", node("MatMul", ["x", "w"]), w=RNG.normal(size=(9, 5)).astype(np.float32)),
    case("Sub", node("Sub", ["w", "x"]), w=np.float32(3)),
    case("Expand", node("Expand", ["x", "s"]), s=np.array([3, 1, 1, 1, 1])),
    case("Shape", node("Shape", ["x"], ["s"]), node("Cast", ["s"], to=1)),
    case("Shape from a place on", node("Shape", ["x"], ["s"], start=-2), node("Cast", ["s"], to=1)),
    case("Range", node("Range", ["a", "b", "c"], ["r"]), node("Add", ["x", "r"]), a=np.float32(0), b=np.float32(9), c=np.float32(1)),
    case("ConstantOfShape", node("ConstantOfShape", ["s"], ["c"], value=numpy_helper.from_array(np.array([3.0], np.float32))), node("Add", ["x", "c"]), s=np.array([1, 4, 1, 1])),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "weights", "opset", "outputs"), CASES)
def test_it_answers_as_onnx_runtime(
    nodes: Nodes, weights: Mapping[str, Any], opset: int, outputs: Sequence[str]
) -> None:
    import onnxruntime

    made = model(nodes, weights, opset, outputs)
    session = onnxruntime.InferenceSession(made.SerializeToString())
    expected = session.run(None, {"x": PICTURE})
    for fixed in (False, True):
        found = network(nodes, weights, opset, outputs, fixed=fixed)(torch.from_numpy(PICTURE))
        answers = found if isinstance(found, tuple) else (found,)
        for one, wanted in zip(answers, expected, strict=True):
            assert one.shape == wanted.shape
            assert np.abs(one.numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize(
    ("one", "weights", "said"),
    [
        pytest.param(node("Erf"), {}, "the operator Erf of the", id="not known"),
        pytest.param(node("Relu", domain="my.own"), {}, "the operator Relu", id="of somebody's own"),
        pytest.param(larger("asymmetric", "ceil"), {"s": scales(2, 2)}, "by asymmetric and ceil", id="up"),
        pytest.param(larger("half_pixel", "floor"), {"s": scales(2, 2)}, "and floor", id="half a pixel off"),
        pytest.param(
            larger("half_pixel", "round_prefer_floor"), {"s": scales(1.5, 1.5)}, "half_pixel", id="no repeats"
        ),
        pytest.param(larger("align_corners", "floor"), {"s": scales(2, 2)}, "align_corners", id="corners"),
        pytest.param(
            node("Resize", ["x", "", "s"], mode="linear"), {"s": scales(2, 2)}, "linear", id="linear"
        ),
        pytest.param(
            larger("asymmetric", "floor"), {"s": np.array([1, 2, 2, 2], np.float32)},
            "other than a picture's sides", id="channels",
        ),
        pytest.param(
            node("AveragePool", kernel_shape=[2, 2], pads=[0, 0, 1, 1]), {}, "differs between", id="one side"
        ),
        pytest.param(
            node("MaxPool", outputs=["y", "z"], kernel_shape=[2, 2]), {}, "the places", id="places"
        ),
        pytest.param(node("Cast", to=TensorProto.STRING), {}, "the type STRING", id="text"),
        pytest.param(node("Constant", [], value_string="a"), {}, "no numbers", id="a word"),
    ],
)  # fmt: skip
def test_what_pytorch_does_otherwise_is_refused_with_its_layer(
    one: Any, weights: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(ModelError, match=rf"{said}.* layer y.*export the program"):
        network([one], weights, 17, ["y"])(torch.from_numpy(PICTURE))


@pytest.mark.parametrize("fixed", [False, True])
def test_channels_that_are_swapped_are_not_constants_of_a_trace(fixed: bool) -> None:
    swap = network(
        [node("Gather", ["x", "i"], axis=1)], {"i": np.array([2, 1, 0])}, 17, ["y"], fixed=fixed
    )
    traced = torch.jit.trace(swap, torch.zeros(2, 4, 7, 9))
    assert (traced(torch.from_numpy(PICTURE)).numpy() == PICTURE[:, [2, 1, 0]]).all()


def test_whole_numbers_are_no_weights_and_floats_are() -> None:
    made = network([node("Conv", ["x", "w"]), node("Reshape", ["y", "s"], ["z"])], {"w": KERNEL, "s": np.array([2, -1])}, 17, ["z"])  # fmt: skip
    assert [tuple(buffer.shape) for buffer in made.buffers()] == [(6, 4, 3, 3)]
    half = made.half().state_dict()
    assert all(value.dtype == torch.float16 for value in half.values())

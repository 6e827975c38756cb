"""Graphs in half precision: what computes in it, and what stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto

from sightline.engines.graphs.half import to_half
from sightline.optimize.half_weights import halve_weights


def test_a_graph_in_fp16_is_valid_and_keeps_its_inputs_and_outputs(
    pyramid_model: Callable[..., Path],
) -> None:
    model = onnx.load(str(pyramid_model(8)))
    content = to_half(model)
    half = onnx.load_from_string(content)
    onnx.checker.check_model(half)  # among others, a node comes after those that it reads
    ends = [*half.graph.input, *half.graph.output]
    assert [e.type.tensor_type.elem_type for e in ends] == [TensorProto.FLOAT] * 2
    kept = {entry.data_type for entry in half.graph.initializer if entry.name.startswith("w")}
    assert kept == {TensorProto.FLOAT16}
    picture = np.random.default_rng(0).random((1, 3, 128, 128), np.float32)
    one, other = (
        onnxruntime.InferenceSession(c).run(None, {"images": picture})[0]
        for c in (model.SerializeToString(), content)
    )
    assert 0 < np.abs(one - other).max() < 1e-2


def test_a_graph_in_fp16_stays_as_it_is(pyramid_model: Callable[..., Path]) -> None:
    model = onnx.load(str(pyramid_model(8)))
    once = to_half(model)
    assert to_half(onnx.load_from_string(once)) == once


def test_weights_in_16_bits_alone_are_no_graph_in_fp16(pyramid_model: Callable[..., Path]) -> None:
    stored = onnx.load_from_string(halve_weights(onnx.load(str(pyramid_model(8)))))
    half = onnx.load_from_string(to_half(stored))
    inferred = onnx.shape_inference.infer_shapes(half)
    types = {v.name: v.type.tensor_type.elem_type for v in inferred.graph.value_info}
    assert types["conv8"] == TensorProto.FLOAT16

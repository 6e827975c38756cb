"""INT8 graphs, and the same with some layers in floats again."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from sightline.errors import DecodeError, ModelError
from sightline.optimize.variants.graphs import prepared
from sightline.optimize.variants.int8 import (
    QuantizedGraph,
    arithmetic,
    quantized,
    quantized_weights,
)


@pytest.fixture(scope="module", autouse=True)
def nncf() -> None:
    """Imported by the one process that runs these tests, not by all that collect them: it takes seconds."""
    pytest.importorskip("nncf", reason="NNCF is not installed")


def run(model: Any, picture: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"images": picture})[0]


def operators(model: Any) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.fixture(scope="module")
def graph(network: Any, pictures: list[np.ndarray]) -> QuantizedGraph:
    return quantized(prepared(network), lambda: iter(pictures), len(pictures))


def test_layers_compute_in_int8_and_the_outputs_stay_near(
    graph: QuantizedGraph, pictures: list[np.ndarray]
) -> None:
    assert {"first", "second", "head"} <= set(graph.layers)
    stored = {w.name: w.data_type for w in graph.quantized.graph.initializer if len(w.dims) == 4}
    assert set(stored.values()) == {onnx.TensorProto.INT8}
    apart = np.abs(run(graph.quantized, pictures[0]) - run(graph.floats, pictures[0])).max()
    assert 0 < apart < 0.1


def test_what_stands_behind_the_last_layer_stays_in_floats(
    network: Any, graph: QuantizedGraph
) -> None:
    assert arithmetic(prepared(network)) == {"scores", "pixels"}
    assert not {"scores", "pixels"} & set(graph.layers)


def test_all_layers_in_floats_are_the_original(
    graph: QuantizedGraph, pictures: list[np.ndarray]
) -> None:
    back = graph.with_floats(graph.layers)
    assert "QuantizeLinear" not in operators(back)
    np.testing.assert_allclose(
        run(back, pictures[0]), run(graph.floats, pictures[0]), rtol=0, atol=1e-6
    )


def test_one_layer_in_floats_leaves_the_others(
    graph: QuantizedGraph, pictures: list[np.ndarray]
) -> None:
    one = graph.with_floats(["second"])
    onnx.checker.check_model(one, full_check=True)
    second = next(node for node in one.graph.node if node.name == "second")
    kept = {w.name: w.data_type for w in one.graph.initializer}
    assert kept[second.input[1]] == onnx.TensorProto.FLOAT
    first = next(node for node in one.graph.node if node.name == "first")
    assert first.input[1] not in kept  # it comes out of a DequantizeLinear
    assert "QuantizeLinear" in operators(one)
    assert np.isfinite(run(one, pictures[0])).all()


def test_layers_that_read_a_concatenation(graph: QuantizedGraph) -> None:
    assert graph.reading_concatenations() == ("head",)


def test_a_model_without_matrix_products_is_not_quantised_while_running(network: Any) -> None:
    with pytest.raises(ModelError, match="matrix product"):
        quantized_weights(prepared(network))


@pytest.mark.parametrize("ranges", ["minmax", "percentile", "entropy"])
def test_other_ranges_give_other_scales(
    network: Any, pictures: list[np.ndarray], graph: QuantizedGraph, ranges: Any
) -> None:
    other = quantized(prepared(network), lambda: iter(pictures), len(pictures), ranges=ranges)
    apart = np.abs(run(other.quantized, pictures[0]) - run(other.floats, pictures[0])).max()
    assert 0 < apart < 0.2
    assert other.quantized.SerializeToString() != graph.quantized.SerializeToString()


def test_what_others_log_is_not_muted(network: Any, pictures: list[np.ndarray]) -> None:
    """NNCF's way to set its level sets that of the root logger's handlers."""
    root, handler = logging.getLogger(), logging.Handler(logging.WARNING)
    root.addHandler(handler)
    try:
        quantized(prepared(network), lambda: iter(pictures), len(pictures))
        assert handler.level == logging.WARNING
    finally:
        root.removeHandler(handler)


def test_nobody_is_told_that_it_runs(graph: QuantizedGraph) -> None:
    """NNCF reports its use to a server by default."""
    from nncf.telemetry import telemetry

    assert not hasattr(telemetry, "MEASUREMENT_ID") or "Mock" in type(telemetry).__name__


def test_whatever_nncf_fails_at_is_an_error_of_the_model_and_footage_s_stays_its_own(
    network: Any, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    import nncf

    def failing(*_: object, **__: object) -> None:
        raise KeyError("onnx::Conv_12")

    monkeypatch.setattr(nncf, "quantize", failing)
    with pytest.raises(ModelError, match=r"NNCF cannot quantise the model: KeyError: 'onnx::Conv"):
        quantized(prepared(network), lambda: iter(pictures), len(pictures))

    def reading(model: object, data: Any, **_: object) -> None:
        list(data.get_inference_data())

    def damaged() -> Any:
        raise DecodeError("street.mp4: its end is missing")

    monkeypatch.setattr(nncf, "quantize", reading)
    with pytest.raises(DecodeError, match="its end is missing"):
        quantized(prepared(network), damaged, len(pictures))

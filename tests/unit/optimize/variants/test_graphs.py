"""Graphs made ready to be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sightline.errors import ModelError
from sightline.optimize.variants.graphs import (
    OPSET,
    load_graph,
    prepared,
    slimmed,
)

pytest.importorskip("onnxslim", reason="onnxslim is not installed")


def test_a_prepared_graph_has_names_a_new_opset_and_the_metadata(network: Any) -> None:
    given = onnx.ModelProto()
    given.CopyFrom(network)
    for node in given.graph.node:
        node.name = "same"
    made = prepared(given)
    names = [node.name for node in made.graph.node]
    assert len(set(names)) == len(names)
    assert made.opset_import[0].version == OPSET
    assert {p.key: p.value for p in made.metadata_props} == {"names": "{0: 'thing'}"}
    assert given.graph.node[0].name == "same", "the given graph was changed"


def test_slimming_folds_constants(network: Any) -> None:
    given = onnx.ModelProto()
    given.CopyFrom(network)
    weight = next(w for w in given.graph.initializer if w.name == "w2")
    half = onnx.numpy_helper.to_array(weight).astype(np.float16)
    weight.CopyFrom(onnx.numpy_helper.from_array(half, "w2.half"))
    cast = onnx.helper.make_node("Cast", ["w2.half"], ["w2"], to=onnx.TensorProto.FLOAT)
    given.graph.node.insert(0, cast)
    assert "Cast" not in [node.op_type for node in slimmed(given).graph.node]


def test_a_graph_that_is_older_than_onnxslim_reads_is_brought_to_a_newer_version() -> None:
    """onnxslim says that it is too old, and fails at what is then missing."""
    helper, tensor = onnx.helper, onnx.TensorProto
    weights = onnx.numpy_helper.from_array(np.ones((2, 3, 4, 4), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["images", "w"], ["out"], kernel_shape=[4, 4], strides=[4, 4])],
        "old",
        [helper.make_tensor_value_info("images", tensor.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("out", tensor.FLOAT, [1, 2, 2, 2])],
        [weights],
    )
    old = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 6)], ir_version=3)
    assert slimmed(old).opset_import[0].version == OPSET
    assert prepared(old).graph.node[0].name == "Conv_0"


def test_what_onnxslim_fails_at_is_told_and_gone_on_with(
    network: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import onnxslim

    def failing(model: Any) -> Any:
        raise AttributeError("'NoneType' object has no attribute 'opset_import'")

    monkeypatch.setattr(onnxslim, "slim", failing)
    with pytest.raises(ModelError, match="onnxslim fails at this graph: AttributeError: 'None"):
        slimmed(network)
    assert len(prepared(network).graph.node) == len(network.graph.node)
    assert "it is gone on with as it is" in caplog.text


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        load_graph(path)

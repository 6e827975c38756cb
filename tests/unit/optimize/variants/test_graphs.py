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


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\xff\xff\xff")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        load_graph(path)

"""Operators that are not of ONNX, each told once with its layer."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.models.graphs.foreign import foreign_operators

onnx = pytest.importorskip("onnx")


def model_of(*nodes: tuple[str, str, str], functions: tuple[tuple[str, str], ...] = ()) -> Any:
    """A graph of (domain, operator, name) in a row."""
    made = [
        onnx.helper.make_node(kind, [f"v{i}"], [f"v{i + 1}"], name, domain=domain)
        for i, (domain, kind, name) in enumerate(nodes)
    ]
    graph = onnx.helper.make_graph(made, "g", [], [])
    model = onnx.helper.make_model(graph)
    for domain, name in functions:
        model.functions.add(domain=domain, name=name)
    return model


def test_operators_of_onnx_are_not_foreign() -> None:
    known = [("", "Relu", "a"), ("ai.onnx", "Sigmoid", "b"), ("ai.onnx.ml", "Scaler", "c")]
    assert foreign_operators(model_of(*known, ("com.microsoft", "QuickGelu", "d"))) == []


def test_a_plugin_is_told_once_with_the_layer_that_uses_it_first() -> None:
    found = model_of(
        ("", "Relu", "a"), ("", "EfficientNMS_TRT", "nms"), ("", "EfficientNMS_TRT", "more")
    )
    assert foreign_operators(found) == ["EfficientNMS_TRT (layer nms)"]


def test_operators_of_somebodys_own_domain() -> None:
    found = model_of(("mine", "Op", ""), ("theirs", "Op", "x"))
    assert foreign_operators(found) == ["mine.Op (layer v1)", "theirs.Op (layer x)"]


def test_functions_of_the_model_itself_are_not_foreign() -> None:
    nodes = [("mine", "Op", "a"), ("mine", "Other", "b")]
    assert foreign_operators(model_of(*nodes, functions=(("mine", "Op"),))) == [
        "mine.Other (layer b)"
    ]


def test_an_operator_of_no_name() -> None:
    assert foreign_operators(model_of(("", "Nothing", "x"))) == ["Nothing (layer x)"]

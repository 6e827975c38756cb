"""Which layers stay in floats: a graph whose sensitive layers are known, and a judge that asks for them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from sightline.optimize.variants.gate import Verdict
from sightline.optimize.variants.graphs import prepared
from sightline.optimize.variants.int8 import QuantizedGraph, quantized
from sightline.optimize.variants.layer_choice import ALONE, CONCATENATION, LayerSearch


@pytest.fixture(scope="module", autouse=True)
def nncf() -> None:
    """Imported by the one process that runs these tests, not by all that collect them: it takes seconds."""
    pytest.importorskip("nncf", reason="NNCF is not installed")


@pytest.fixture(scope="module")
def graph(network: Any, pictures: list[np.ndarray]) -> QuantizedGraph:
    return quantized(prepared(network), lambda: iter(pictures), len(pictures))


def search(
    graph: QuantizedGraph,
    pictures: list[np.ndarray],
    needed: set[str],
    *,
    seconds: float = 60,
) -> LayerSearch:
    """A search whose judge accepts models in which the ``needed`` layers have float weights."""

    def judged(content: bytes) -> Verdict:
        model = onnx.load_from_string(content)
        stored = {w.name for w in model.graph.initializer}
        floats = {n.name for n in model.graph.node if n.op_type == "Conv" and n.input[1] in stored}
        missing = sorted(needed - floats)
        return Verdict(1 - len(missing) / 10, f"wanting {missing}" if missing else "")

    def run(content: bytes) -> list[list[np.ndarray]]:
        session = onnxruntime.InferenceSession(content)
        return [session.run(None, {"images": picture}) for picture in pictures[:2]]

    return LayerSearch(graph, judged, run, time.monotonic() + seconds, lambda _: None)


def test_none_where_all_can_be_int8(graph: QuantizedGraph, pictures: list[np.ndarray]) -> None:
    assert search(graph, pictures, set()).choose().in_floats == ()


def test_layers_that_read_a_concatenation_come_first(
    graph: QuantizedGraph, pictures: list[np.ndarray]
) -> None:
    chosen = search(graph, pictures, {"head"}).choose()
    assert [(one.layer, one.why) for one in chosen.in_floats] == [("head", CONCATENATION)]
    assert chosen.verdict.accepted


def test_then_the_layers_whose_error_is_largest(
    graph: QuantizedGraph, pictures: list[np.ndarray]
) -> None:
    chosen = search(graph, pictures, {"first"}).choose()
    assert chosen.verdict.accepted
    assert "head" not in chosen.names, "it did not help, so it is in INT8 again"
    (first,) = [one for one in chosen.in_floats if one.layer == "first"]
    assert first.why == ALONE
    assert first.error is not None
    assert first.error > 0


def test_the_best_is_returned_where_none_is_accepted(
    graph: QuantizedGraph, pictures: list[np.ndarray]
) -> None:
    chosen = search(graph, pictures, {"head", "never there"}).choose()
    assert not chosen.verdict.accepted
    assert chosen.names[:1] == ["head"]


def test_a_search_ends_in_time(graph: QuantizedGraph, pictures: list[np.ndarray]) -> None:
    chosen = search(graph, pictures, {"first"}, seconds=-1).choose()
    assert not chosen.verdict.accepted

"""Which runtimes take a model, and what those that do not lack."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from tests.tensorrt_stand_in import TensorRtStandIn

from sightline.optimize.inspection.backends import BackendReport, backend_reports
from sightline.optimize.inspection.files import inspect_file

pytest_plugins = ("tests.tensorrt_fixtures",)


def reports(folder: Path, operators: Sequence[tuple[str, str]]) -> dict[str, BackendReport]:
    """Those of a chain of operators, each with its domain."""
    nodes = [
        helper.make_node(operator, [f"t{i}"], [f"t{i + 1}"], name=f"layer {i}", domain=domain)
        for i, (domain, operator) in enumerate(operators)
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("t0", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info(f"t{len(nodes)}", TensorProto.FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", 17)]
    opsets += [helper.make_opsetid(d, 1) for d in sorted({d for d, _ in operators} - {""})]
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return {report.backend: report for report in backend_reports(path, inspect_file(path))}


def lacking(report: BackendReport) -> dict[str, tuple[str, ...]]:
    return {obstacle.operator: obstacle.layers for obstacle in report.obstacles}


def test_what_runs_is_said_to_run(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    found = reports(tmp_path, [("", "Relu"), ("", "Sigmoid")])
    assert found["onnxruntime"].runs
    assert found["openvino"].runs
    for documented in ("tensorrt", "coreml"):
        assert found[documented].runs is None
        assert not found[documented].obstacles
    assert found["torch"].runs is False
    assert found["torch"].how == "format"


def test_operators_of_nobody_are_named_with_their_layers(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    found = reports(tmp_path, [("", "Relu"), ("com.acme", "Foo"), ("com.acme", "Bar")])
    wanted = {"com.acme.Foo": ("layer 1",), "com.acme.Bar": ("layer 2",)}
    for backend in ("onnxruntime", "openvino", "tensorrt", "coreml"):
        assert found[backend].runs is False, backend
        assert lacking(found[backend]) == wanted, backend


def test_an_operator_that_one_runtime_has(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    found = reports(tmp_path, [("", "Det")])
    assert found["onnxruntime"].runs
    assert found["openvino"].runs is False
    assert lacking(found["openvino"]) == {"Det": ("layer 0",)}
    assert lacking(found["tensorrt"]) == {"Det": ("layer 0",)}


def test_a_plugin_of_tensorrt_is_no_obstacle_there(tmp_path: Path) -> None:
    found = reports(tmp_path, [("", "EfficientNMS_TRT")])
    assert found["tensorrt"].runs is None
    assert lacking(found["onnxruntime"]) == {"EfficientNMS_TRT": ("layer 0",)}


def test_tensorrt_is_tried_where_it_is_installed(tmp_path: Path, tensorrt: TensorRtStandIn) -> None:
    assert reports(tmp_path, [("", "Relu"), ("", "Sigmoid")])["tensorrt"] == BackendReport("tensorrt", True, "tried")  # fmt: skip
    tensorrt.unsupported = {"Foo"}
    report = reports(tmp_path, [("", "Relu"), ("com.acme", "Foo")])["tensorrt"]
    assert (report.runs, report.how) == (False, "tried")
    assert "the operator Foo in the layer layer 1: No importer" in (report.why or "")
    assert lacking(report) == {"com.acme.Foo": ("layer 1",)}
    assert not tensorrt.built

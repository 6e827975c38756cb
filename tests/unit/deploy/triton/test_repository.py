"""Model repositories for Triton: valid configurations, and a graph that takes pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml

from sightline.build.toolchain.servers import deploy_triton
from sightline.config import ModelOptions
from sightline.deploy.triton.repository import TritonOptions
from sightline.errors import ConfigError, ModelError

MakeModel = Callable[..., Path]


def deploy(model: Path, output: Path, **options: Any) -> Any:
    """The configurations of both models, as Triton reads them."""
    from google.protobuf import text_format
    from tritonclient.grpc.model_config_pb2 import ModelConfig

    folders = deploy_triton(ModelOptions(model=str(model)), output, TritonOptions(name="it", **options))  # fmt: skip
    return [
        text_format.Parse((folder / "config.pbtxt").read_text(), ModelConfig())
        for folder in folders
    ]


def test_the_configuration_says_how_requests_are_joined(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    model = pyramid_model(6, transposed=True)
    outer, inner = deploy(model, tmp_path / "out", max_batch=16, preferred=(8, 16), delay_ms=1.5, instances=(3, 2), gpu=True, kept_versions=2)  # fmt: skip
    assert (outer.name, outer.backend, outer.max_batch_size) == ("it", "python", 0)
    assert [i.count for i in outer.instance_group] == [3]
    assert [o.name for o in outer.output] == ["boxes", "scores", "class_ids", "objects"]
    assert (inner.name, inner.backend, inner.max_batch_size) == ("it_network", "onnxruntime", 16)
    batching = inner.dynamic_batching
    assert list(batching.preferred_batch_size) == [8, 16]
    assert batching.max_queue_delay_microseconds == 1500
    (group,) = inner.instance_group
    assert (group.count, group.Kind.Name(group.kind)) == (2, "KIND_GPU")
    assert inner.version_policy.latest.num_versions == 2
    assert list(inner.input[0].dims) == [-1, -1, 3]
    assert list(inner.output[0].dims) == [-1, -1]


def test_a_fixed_graph_is_described_as_it_is(tmp_path: Path, constant_model: MakeModel) -> None:
    _, inner = deploy(constant_model([np.zeros((1, 25, 6))]), tmp_path / "out")
    assert inner.max_batch_size == 0
    assert not inner.HasField("dynamic_batching")
    assert list(inner.input[0].dims) == [1, 64, 64, 3]
    assert list(inner.output[0].dims) == [1, 25, 6]


def test_the_graph_takes_pixels(tmp_path: Path, pyramid_model: MakeModel) -> None:
    model = pyramid_model(6, transposed=True)
    deploy(model, tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), np.uint8)
    deployed = onnxruntime.InferenceSession(str(tmp_path / "it_network" / "1" / "model.onnx"))
    original = onnxruntime.InferenceSession(str(model))
    (got,) = deployed.run(None, {"sightline_pixels": pixels})
    floats = (pixels[:1] / 255).astype(np.float32).transpose(0, 3, 1, 2)
    (expected,) = original.run(None, {"images": np.ascontiguousarray(floats)})
    assert np.abs(got[:1] - expected).max() < 1e-4


def test_the_card_tells_what_was_done(tmp_path: Path, pyramid_model: MakeModel) -> None:
    deploy(pyramid_model(6, transposed=True, name="mine"), tmp_path)
    card = yaml.safe_load((tmp_path / "it" / "1" / "card.yaml").read_text())
    assert card["decoder"] == "yolov8"
    assert [(s["tool"], s["source"]) for s in card["history"]] == [
        ("sightline deploy triton", "mine.onnx")
    ]


def test_versions_that_are_served_together_take_and_answer_the_same(
    tmp_path: Path, pyramid_model: MakeModel, constant_model: MakeModel
) -> None:
    fixed, opened = constant_model([np.zeros((1, 25, 6))]), pyramid_model(6, transposed=True)
    deploy(opened, tmp_path)
    with pytest.raises(ConfigError, match="version 1, which is served beside 2, takes or answers"):
        deploy(fixed, tmp_path, version=2, kept_versions=2)
    deploy(opened, tmp_path, version=2, kept_versions=2, max_batch=16)
    deploy(fixed, tmp_path, version=4)
    with pytest.raises(
        ConfigError, match=r"newer versions \(4\), so that Triton would not serve 3"
    ):
        deploy(fixed, tmp_path, version=3)
    assert not (tmp_path / "it" / "3").exists()


def test_batches_that_no_pictures_fill_are_told(
    tmp_path: Path, pyramid_model: MakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    model = pyramid_model(6, transposed=True)
    deploy(model, tmp_path / "a")
    assert not caplog.records
    deploy(model, tmp_path / "b", instances=(2, 1))
    assert "no batch of 4 comes together" in caplog.text
    assert "--instances 4,1 or --preferred 2" in caplog.text


def test_a_model_that_the_runtime_does_not_load_is_not_written(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    """As some converters write them: nodes that share a name."""
    path = pyramid_model(6, transposed=True)
    model = onnx.load(path)
    for node in model.graph.node:
        node.name = "same"
    onnx.save(model, path)
    with pytest.raises(
        ModelError, match=r"cannot be served: ONNX Runtime cannot load .*same node name"
    ):
        deploy(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_is_said(tmp_path: Path, identity_model: MakeModel) -> None:
    with pytest.raises(
        ConfigError, match="preferred batch of 9 is not between 1 and the largest, 8"
    ):
        TritonOptions(name="it", preferred=(4, 9))
    (tmp_path / "a.torchscript").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"an \.onnx file is needed: `sightline export"):
        deploy(tmp_path / "a.torchscript", tmp_path / "out")
    with pytest.raises(ModelError):
        deploy(identity_model(), tmp_path / "out")
    assert not (tmp_path / "out").exists()

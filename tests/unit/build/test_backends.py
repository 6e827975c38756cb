"""Which runtime runs a model where nobody says."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Any

import pytest

from sightline.build.backends import pick_backend, runs_here
from sightline.config import EngineOptions

ONNX = Path("m.onnx")
BOTH = ("openvino", "onnxruntime")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(machine: str, *names: str) -> None:
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: object() if name in names else None
        )

    return make


@pytest.mark.parametrize(
    ("machine", "there", "options", "stills", "model", "backend"),
    [
        pytest.param("x86_64", BOTH, {}, False, ONNX, "openvino", id="a film on a usual computer"),
        pytest.param("AMD64", BOTH, {}, False, b"onnx", "openvino", id="as Windows calls it"),
        pytest.param("x86_64", BOTH, {}, True, ONNX, "onnxruntime", id="a few pictures"),
        pytest.param("aarch64", BOTH, {}, False, ONNX, "onnxruntime", id="on ARM"),
        pytest.param("aarch64", BOTH, {"device": "gpu"}, True, ONNX, "openvino", id="Intel's GPU"),
        pytest.param("aarch64", BOTH, {"precision": "bf16"}, True, ONNX, "openvino", id="BF16"),
        pytest.param("x86_64", BOTH, {"device": "cuda:1"}, False, ONNX, "onnxruntime", id="CUDA"),
        pytest.param("x86_64", ("onnxruntime",), {}, False, ONNX, "onnxruntime", id="no OpenVINO"),
        pytest.param("aarch64", ("openvino",), {}, True, ONNX, "openvino", id="no ONNX Runtime"),
        pytest.param("x86_64", (), {}, False, ONNX, "onnxruntime", id="neither, which is said later"),
        pytest.param("x86_64", (), {}, True, Path("m.XML"), "openvino", id="a file of OpenVINO"),
        pytest.param("x86_64", BOTH, {}, False, Path("m.torchscript"), "torch", id="TorchScript"),
        pytest.param("x86_64", BOTH, {}, False, Path("m.engine"), "tensorrt", id="an engine"),
        pytest.param("x86_64", BOTH, {"url": "grpc://gpu/m"}, False, ONNX, "triton", id="on a server"),
    ],
)  # fmt: skip
def test_auto(
    installed: Any, machine: str, there: tuple[str, ...], options: dict[str, Any], stills: bool,
    model: Path | bytes, backend: str,
) -> None:  # fmt: skip
    installed(machine, *there)
    assert pick_backend("auto", EngineOptions(**options), stills=stills, model=model) == backend


def test_what_is_said_is_taken(installed: Any) -> None:
    installed("aarch64")
    assert pick_backend("openvino", EngineOptions(), stills=True, model=ONNX) == "openvino"


def test_whether_a_runtime_is_here(installed: Any) -> None:
    installed("x86_64", "onnxruntime")
    assert (runs_here("onnxruntime"), runs_here("openvino")) == (True, False)

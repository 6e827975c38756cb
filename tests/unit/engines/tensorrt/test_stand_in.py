"""The stand-ins have what the real packages have, and nothing else: see ``tests/recorded/tensorrt_api.json``."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cuda_stand_in import FUNCTIONS, CaptureMode, CudaError, CudaStandIn, MemcpyKind
from tests.tensorrt_stand_in import VERSIONS, TensorRtStandIn

RECORD: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "recorded" / "tensorrt_api.json").read_text()
)
OURS = {"outputs_of", "numpy_type", "content", "calibration_profile", "Severity"}
"""Members of the stand-in's own."""


def parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_class_is_the_real_one_s(version: str) -> None:
    module = TensorRtStandIn(version, CudaStandIn()).module()
    real = RECORD["tensorrt"][version]
    classes = {name: made for name, made in vars(module).items() if isinstance(made, type)}
    assert classes
    assert set(classes) <= set(real), "the real module has no such class"
    for name, made in classes.items():
        members = {m for m in dir(made) if not m.startswith("_")} - OURS - set(dir(int))
        assert members, name
        for member in members:
            assert member in real[name], f"TensorRT {version} has no {name}.{member}"
            if callable(getattr(made, member)) and real[name][member]:
                asked, overloads = parameters(getattr(made, member)), real[name][member]
                assert any(asked == real_one[: len(asked)] for real_one in overloads), (
                    f"{name}.{member}: {overloads}"
                )


def test_version_11_lacks_what_was_removed() -> None:
    old, new = (TensorRtStandIn(version, CudaStandIn()).module() for version in VERSIONS)
    for name in ("FP16", "INT8"):
        assert hasattr(old.BuilderFlag, name)
        assert not hasattr(new.BuilderFlag, name)
    assert hasattr(old, "IInt8EntropyCalibrator2")
    assert not hasattr(new, "IInt8EntropyCalibrator2")
    assert not hasattr(new.IBuilderConfig, "set_calibration_profile")


def test_the_functions_of_cuda_are_the_real_ones() -> None:
    real = RECORD["cuda"]
    assert {name: parameters(getattr(CudaStandIn, name)) for name in FUNCTIONS} == real["functions"]
    enums = {"cudaError_t": CudaError, "cudaMemcpyKind": MemcpyKind, "cudaStreamCaptureMode": CaptureMode}  # fmt: skip
    for name, made in enums.items():
        assert set(made.__members__) <= set(real["enums"][name])

"""The bare engine of a model, and copies of a camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.build.toolchain.measured import camera_copies, measured_engine
from sightline.config import ModelOptions
from sightline.errors import ConfigError, EngineError, ModelError
from sightline.optimize.benchmarks.setups import EngineSetup


def test_an_engine_in_a_setup() -> None:
    setup = EngineSetup("onnxruntime", "fp32", threads=1)
    engine, size = measured_engine(ModelOptions(model="street"), setup, "latency")
    try:
        assert (engine.info.backend, engine.info.requests, size) == ("onnxruntime", 1, (640, 640))
    finally:
        engine.close()
    engine, size = measured_engine(
        ModelOptions(model="street-attributes"),
        EngineSetup("onnxruntime", size=(48, 48)),
        "latency",
    )
    engine.close()
    assert size == (48, 48)


def test_what_cannot_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="bf16"):
        measured_engine(ModelOptions(model="street"), EngineSetup("onnxruntime", "bf16"), "latency")
    with pytest.raises(ConfigError, match="size 31x31: sides must be multiples of 32"):
        measured_engine(
            ModelOptions(model="street"), EngineSetup("onnxruntime", size=(31, 31)), "latency"
        )
    with pytest.raises(ModelError):
        measured_engine(
            ModelOptions(model=str(tmp_path / "none.onnx")), EngineSetup("onnxruntime"), "latency"
        )


def test_copies_of_a_street_never_end() -> None:
    copies = camera_copies("street://?duration=3&fps=10", 5, 100, motion=False)
    assert "duration=3" not in copies.source
    assert copies.realtime
    assert (copies.adaptive.max_fps, copies.adaptive.max_latency_ms) == (5, 100)
    with pytest.raises(ConfigError, match="10 FPS"):
        camera_copies("street://?duration=3&fps=10", 20, 100, motion=False)


def test_pictures_are_no_camera(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pictures come at no rate"):
        camera_copies(str(tmp_path), 5, 100, motion=False)
    with pytest.raises(ConfigError, match="--target-fps 20 cannot be reached"):
        camera_copies("street://?fps=10", 20, 100, motion=False, option="--target-fps")

"""Importing is light: heavy libraries come when they are first needed, and nothing warns."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HEAVY = {
    "onnxruntime",
    "openvino",
    "torch",
    "cv2",
    "av",
    "scipy",
    "onnx",
    "sqlalchemy",
    "supervision",
    "fastapi",
    "uvicorn",
    "grpc",
    "tritonclient",
    "prometheus_client",
    "structlog",
}


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after some code; warnings are errors."""
    program = f"{code}\nimport sys; print(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import sightline", id="package"),
        pytest.param("import sightline.types, sightline.protocols", id="vocabulary"),
        pytest.param("import sightline.build, sightline.config", id="build"),
        pytest.param("import sightline.cli.main", id="command line"),
    ],
)
def test_import_is_light(code: str) -> None:
    assert not loaded_after(code) & HEAVY


def test_command_line_needs_no_arrays_for_help() -> None:
    assert "numpy" not in loaded_after("import sightline.cli.main")


def test_pictures_need_neither_ffmpeg_nor_a_network_client() -> None:
    """What `detect bus.jpg` reads before its first result."""
    code = "import sightline.sources.images, sightline.sources.stills, sightline.models.zoo"
    assert not loaded_after(code) & {"av", "ssl", "http", "email"}


def test_detecting_needs_no_scipy() -> None:
    """Trackers do: it takes as long to import as a small model takes to load."""
    assert "scipy" not in loaded_after("import sightline; sightline.load, sightline.Tiled")
    assert "scipy" in loaded_after("import sightline; sightline.DeepSORT")


def test_the_check_sees_heavy_imports() -> None:
    assert "cv2" in loaded_after("import cv2") & HEAVY


@pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_nothing_is_sent_by_what_is_imported(tmp_path: Path) -> None:
    """OpenVINO makes an identity of its user in the home folder before it reports."""
    program = "import sightline, openvino, sys; sys.exit('openvino_telemetry.main' in sys.modules)"
    ours = {k: v for k, v in os.environ.items() if k not in {"CI", "TF_BUILD", "JENKINS_URL"}}
    home = {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=ours | home, timeout=60, check=False)
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_onnx_runtime_sends_nothing(tmp_path: Path) -> None:
    """Its telemetry keeps a file of its session where temporary files are, from its import on."""
    program = "import sightline, onnxruntime, tempfile; assert tempfile.gettempdir() == {!r}"
    told = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}  # by which it is turned off
    ours = {name: value for name, value in os.environ.items() if name not in told}
    done = subprocess.run(
        [sys.executable, "-c", program.format(str(tmp_path))],
        env=ours | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []

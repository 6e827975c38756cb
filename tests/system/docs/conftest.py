"""An installation of the wheel alone, as users have it: nothing of the test group is there."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
from packaging.requirements import Requirement
from tests import native_models
from tests.system.docs import linked_packages
from tests.system.docs.pages import ROOT


@dataclass(frozen=True)
class Installed:
    """A fresh virtual environment with the wheel in it."""

    bin: Path

    def require(self, text: str) -> None:
        """Install a package with its dependencies: from the tests' environment, else by pip."""
        wanted = Requirement(text)
        if wanted.name == "sightline":  # its wheel is there already
            (own,) = importlib.metadata.distributions(name="sightline", path=[str(self.packages)])
            every = list(linked_packages.requirements(own, wanted.extras))
        else:
            every = [wanted]
        for requirement in every:
            if not linked_packages.link(requirement, self.packages):
                _pip("--python", str(self.bin / "python"), "install", str(requirement))

    @property
    def packages(self) -> Path:
        """Where its packages are."""
        (folder,) = self.bin.parent.glob("lib/python*/site-packages")
        return folder


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd="/",
    )
    if done.returncode and "No matching distribution" in done.stderr + done.stdout:
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of this source tree, installed with its dependencies and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    environment = folder / "venv"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", environment], check=True, timeout=120
    )
    found = Installed(environment / "bin")
    python = str(found.bin / "python")
    _pip("--python", python, "install", "--no-deps", "--no-compile", str(wheel))
    found.require("sightline")
    return found


@pytest.fixture(scope="session")
def samples(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages speak of as the reader's own: pictures, videos, models."""
    folder = tmp_path_factory.mktemp("samples")
    shutil.copy(data / "images" / "bus.jpg", folder)
    (folder / "photos").mkdir()
    for name in ("1.jpg", "2.jpg"):
        shutil.copy(data / "images" / "bus.jpg", folder / "photos" / name)
    _cut(data / "videos" / "one-by-one-person-detection.mp4", folder / "street.mp4", 24)
    shutil.copy(folder / "street.mp4", folder / "people.mp4")
    for name in ("my_model.onnx", "model.onnx", "helmets.onnx"):
        shutil.copy(data / "models" / "yolox_nano.onnx", folder / name)
    native_models.perceptron(folder / "prices.onnx")
    models = folder / "home" / ".cache" / "sightline" / "models"
    models.mkdir(parents=True)
    shutil.copy(data / "models" / "yolox_nano.onnx", models)
    return folder


def _cut(video: Path, target: Path, start_s: int, seconds: int = 3) -> None:
    """A part of a video, as it is, from a key frame on."""
    with av.open(str(video)) as source, av.open(str(target), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        first = None
        source.seek(start_s * av.time_base)
        for packet in source.demux(stream):
            if packet.dts is None:
                break
            first = packet.dts if first is None else first
            if (packet.dts - first) * packet.time_base >= seconds:
                break
            packet.pts, packet.dts, packet.stream = packet.pts - first, packet.dts - first, copy
            out.mux(packet)


@pytest.fixture
def shell(
    installed: Installed, samples: Path, tmp_path: Path
) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs a script in a copy of the samples, on a network of its own with the wheel's commands."""
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "--map-root-user", "--net", "true"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("needs `unshare --net`, so that ports are free and nothing is fetched")
    absent = [tool for tool in ("curl", "ip", "jq", "sqlite3") if shutil.which(tool) is None]
    if absent:
        pytest.skip(f"the pages use {', '.join(absent)}, which is not installed here")
    folder = tmp_path / "here"
    shutil.copytree(samples, folder)

    def run(script: str) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "PYTHON"))}
        return subprocess.run(
            ["unshare", "--map-root-user", "--net", "bash", "-c", script],
            cwd=folder,
            env={
                **inherited,
                "PATH": f"{installed.bin}:{os.environ['PATH']}",
                "HOME": str(folder / "home"),
                "GATE_PASSWORD": "secret",
                "YARD_PASSWORD": "secret",
                "ALERT_WEBHOOK": "http://127.0.0.1:9/hook",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run

"""A model archive that was written is served by a real TorchServe, and answers as the model does here."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.ports import free_ports
from tests.triton_models import ROOT
from typer.testing import CliRunner

import sightline
from sightline.cli.main import app

TORCHSERVE = ROOT / ".venv" / "torchserve"
START_S = 60.0


def environment(folder: Path) -> dict[str, str]:
    """Programs of TorchServe's environment, with this package and what it needs beside it."""
    (packages,) = TORCHSERVE.glob("lib/python*/site-packages")
    if packages.parent.name != f"python{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip("TorchServe was installed for another Python")
    ours = [sysconfig.get_path("purelib"), *site.getsitepackages()]
    borrowed = [
        line
        for pth in Path(ours[0]).glob("*.pth")
        for line in pth.read_text().splitlines()
        if Path(line).is_dir()
    ]
    path = os.pathsep.join(dict.fromkeys([str(ROOT / "src"), *ours, *borrowed]))
    programs = f"{TORCHSERVE / 'bin'}:{os.environ['PATH']}"
    return os.environ | {"PATH": programs, "PYTHONPATH": path, "TEMP": str(folder)}


@pytest.fixture(scope="module")
def address(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where TorchServe serves YOLOX-nano, just as the command wrote it."""
    if not (TORCHSERVE / ".ready").exists() or shutil.which("java") is None:
        pytest.skip("no TorchServe here: tools/install_torchserve installs one")
    folder = tmp_path_factory.mktemp("torchserve")
    model, (port,) = data / "models" / "yolox_nano.onnx", free_ports(1)
    written = CliRunner().invoke(
        app,
        ["deploy", "torchserve", str(model), "-o", str(folder / "it"), "--no-token", "--port", str(port), "--delay-ms", "50"],
    )  # fmt: skip
    assert written.exit_code == 0, written.output
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["torchserve", "--foreground", "--ncs", "--ts-config", "config.properties"],
            cwd=folder / "it",
            env=environment(folder),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    found = f"http://127.0.0.1:{port}/predictions/yolox_nano"
    try:
        deadline = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/ping").status_code == 200:
                    break
            time.sleep(0.2)
        else:
            pytest.fail((folder / "log").read_text(errors="replace")[-4000:])
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def test_a_picture_gets_the_objects_that_it_gets_here(address: str, data: Path) -> None:
    picture = data / "images" / "bus.jpg"
    with sightline.load(data / "models" / "yolox_nano.onnx") as model:
        expected = model.detect(picture).to_dict()
    answer = httpx.post(address, content=picture.read_bytes(), timeout=60)
    assert answer.status_code == 200
    got = answer.json()["objects"]
    assert [one["class"] for one in got] == [one["class"] for one in expected]
    assert len(got) == 5
    for ours, theirs in zip(got, expected, strict=True):
        assert ours["box"] == pytest.approx(theirs["box"], abs=0.011)  # they have two decimals
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-3)


def test_what_is_no_picture_is_said(address: str) -> None:
    answer = httpx.post(address, content=b"no picture", timeout=60)
    assert answer.status_code == 400
    assert "is no JPEG, PNG" in answer.json()["error"]

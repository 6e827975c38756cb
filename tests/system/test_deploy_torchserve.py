"""A model archive that was written is served by a real TorchServe, and answers as the model does here."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.ports import free_ports
from tests.triton_models import ROOT
from typer.testing import CliRunner

import sightline
from sightline.build import classifier
from sightline.cli.main import app
from sightline.config import ModelOptions
from sightline.sources.stills import still_frame

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


@contextlib.contextmanager
def served(model: str, folder: Path) -> Iterator[str]:
    """Where TorchServe serves a model, just as the command wrote it."""
    if not (TORCHSERVE / ".ready").exists() or shutil.which("java") is None:
        pytest.skip("no TorchServe here: tools/install_torchserve installs one")
    (port,) = free_ports(1)
    written = CliRunner().invoke(
        app,
        ["deploy", "torchserve", model, "-o", str(folder / "it"), "--no-token", "--port", str(port), "--delay-ms", "50"],
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
    found = f"http://127.0.0.1:{port}/predictions/{Path(model).stem}"
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


@pytest.fixture(scope="module")
def address(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of YOLOX-nano."""
    folder = tmp_path_factory.mktemp("torchserve")
    with served(str(data / "models" / "yolox_nano.onnx"), folder) as found:
        yield found


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


def test_a_classifier_names_the_boxes_that_it_is_given(tmp_path: Path, data: Path) -> None:
    picture = data / "images" / "bus.jpg"
    boxes = [[10.0, 230.0, 800.0, 740.0], [50.0, 400.0, 240.0, 900.0]]
    with closing(classifier(ModelOptions(model="street-attributes"))) as model:
        scores = model.scores(still_frame(picture), np.array(boxes, np.float32)).result()
        expected = model.replaced(conf=0.0, top=5).labels(scores)
    with served("street-attributes", tmp_path) as address:
        form = {"files": {"data": picture.read_bytes()}, "data": {"boxes": json.dumps(boxes)}}
        answer = httpx.post(address, timeout=60, **form)
        whole = httpx.post(address, content=picture.read_bytes(), timeout=60)
        wrong = httpx.post(address, timeout=60, **{**form, "data": {"boxes": "[[1, 2]]"}})
    assert answer.status_code == 200, answer.text
    got = answer.json()["objects"]
    assert [one["box"] for one in got] == boxes
    for ours, theirs in zip(got, expected, strict=True):
        assert [one["value"] for one in ours["labels"]] == [label.value for label in theirs]
        wanted = [label.score for label in theirs]
        assert [one["score"] for one in ours["labels"]] == pytest.approx(wanted, abs=1e-3)
    assert [one["box"] for one in whole.json()["objects"]] == [[0, 0, 810, 1080]]
    assert wrong.status_code == 400
    assert "rows of x1 y1 x2 y2" in wrong.json()["error"]

"""Flags that have no effect with what is given are told of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.command import Run, in_process


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / name)
    return in_process(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        pytest.param(["a.png", "--transport", "udp"], "--transport has no effect", id="transport"),
        pytest.param(["a.png", "--transport", "tcp"], "--transport has no effect", id="the default"),
        pytest.param(["a.png", "--jobs", "2"], "--jobs has no effect", id="jobs of one source"),
        pytest.param(["a.png", "--iou", "0.4"], "iou and agnostic_nms have no effect", id="iou"),
        pytest.param(["a.png", "--agnostic-nms"], "iou and agnostic_nms have no", id="agnostic"),
        pytest.param(["a.png", "b.png", "--jobs", "2"], "", id="jobs of two sources"),
        pytest.param(["a.png"], "", id="none"),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_told(
    run: Run, constant_model: Callable[..., Path], flags: list[str], said: str
) -> None:
    """The model's outputs are objects already: there is nothing left that NMS could remove."""
    rows = np.array([[[8, 16, 32, 48, 0.9, 1]]], np.float32)
    model = constant_model([rows], metadata={"names": "['person', 'car']"})
    done = run("detect", *flags, "--model", model, "--backend", "onnxruntime")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["objects"][0]["class"] == "car"
    assert ("no effect" in done.stderr) == bool(said)
    assert said in done.stderr

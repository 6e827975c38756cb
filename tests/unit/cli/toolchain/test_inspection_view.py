"""What a model says of itself takes one line on the terminal."""

from __future__ import annotations

import pytest

from sightline.cli.toolchain.inspection_view import show


def test_texts_of_a_model_make_no_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "evil\x1b[2J\nsha256: fake"
    spec = {"name": hostile, "shape": (1, 3, 8, 8), "dtype": "float32"}
    facts = {
        "path": "model.onnx", "format": "onnx", "opsets": {hostile: 1}, "producer": hostile,
        "size_bytes": 1, "parameters": 1, "size_by_precision": {"fp32": 1}, "macs": None,
        "notes": [hostile], "sha256": "real", "inputs": [spec], "outputs": [spec],
        "metadata": {hostile: hostile}, "largest_layers": [], "operators": [],
        "backends": [{"backend": "openvino", "runs": False, "how": "tried", "why": hostile, "obstacles": []}],
        "card_missing": hostile,
    }  # fmt: skip
    show(facts, None, None)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("sha256:")] == ["sha256:         real"]
    assert not any("\x1b" in line for line in lines)

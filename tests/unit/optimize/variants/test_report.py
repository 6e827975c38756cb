"""The picture of a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.optimize.variants.report import draw


def test_a_model_whose_name_is_no_text_has_one(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw([], "caf\udce9.onnx", tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 1000

"""The picture of a report."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from sightline.optimize.variants.gate import Verdict
from sightline.optimize.variants.optimization import Variant
from sightline.optimize.variants.report import chart, draw
from sightline.optimize.variants.speed import VariantSpeed


def test_a_model_whose_name_is_no_text_has_one(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw([], "caf\udce9.onnx", tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 1000


def test_no_label_of_the_chart_lies_on_another() -> None:
    text = pytest.importorskip("matplotlib.text")
    variants = [
        Variant(
            name,
            size_bytes=1_950_000,
            verdict=Verdict(1.0),
            speed=VariantSpeed(9.0, throughput, 1.0),
        )
        for name, throughput in (
            ("original", 70.5),
            ("fp16", 78.8),
            ("clean", 71.0),
            ("int8", 257.7),
        )
    ]
    figure = chart(variants, "street.onnx")
    labels = figure.axes[0].findobj(text.Annotation)
    assert [label.get_text().split()[0] for label in labels] == [
        "original",
        "fp16",
        "clean",
        "int8",
    ]
    boxes = [text.Text.get_window_extent(label) for label in labels]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert all(figure.axes[0].get_window_extent().overlaps(box) for box in boxes)

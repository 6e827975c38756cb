"""Exports in INT8 are judged by what they find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests import exported_graphs

from sightline.build.toolchain import export_comparison
from sightline.build.toolchain.export import Exported, export
from sightline.build.toolchain.export_sources import ExportOptions
from sightline.config import ModelOptions
from sightline.errors import ModelError
from sightline.types import Detections

DATA = "street://?seed=3&width=160&height=96&duration=2"


def in_int8(score: float = 0.9) -> exported_graphs.Graph:
    """A detector that finds one object in each picture, with numbers of 8 bits on the way."""
    rows = np.zeros((1, 7, exported_graphs.CELLS), np.float32)
    rows[0, :4, 100], rows[0, 5, 100] = exported_graphs.CENTRE, score
    graph = exported_graphs.Graph()
    values = (graph.value(rows), graph.value(0.01), graph.value(0, np.uint16))
    small = graph.add("QuantizeLinear", *values)
    back = graph.add("DequantizeLinear", small, *values[1:])
    graph.output("output0", back, rows.shape)
    return graph


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., Exported]:
    def run(score: float = 0.9, **options: Any) -> Exported:
        model = in_int8(score).save(tmp_path / "model.onnx", opsets={"": 21})
        how = ExportOptions(data=DATA, **options)
        return export(ModelOptions(model=str(model)), tmp_path / "made.onnx", how)

    return run


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """An output that has moved by some pixels, where there is no object."""
    measure = export_comparison._difference
    monkeypatch.setattr(
        export_comparison, "_difference", lambda *given: replace(measure(*given), distance=2.3)
    )


@pytest.mark.usefixtures("far")
def test_what_is_found_counts(exported: Callable[..., Exported], tmp_path: Path) -> None:
    done = exported()
    assert done.comparison is not None
    assert done.comparison.verdict is not None
    assert done.comparison.verdict.kept == 1
    (step,) = yaml.safe_load((tmp_path / "made.yaml").read_text())["history"]
    assert step["figures"]["kept"] == 1
    assert step["figures"]["largest_difference"]["distance"] == 2.3


@pytest.mark.usefixtures("far")
def test_a_tolerance_that_is_given_counts(
    exported: Callable[..., Exported], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"differs from model\.onnx by more than 2 "):
        exported(tolerance=2.0)
    assert not list(tmp_path.glob("made*"))
    done = exported(tolerance=3.0)
    assert done.comparison is not None
    assert done.comparison.verdict is None


@pytest.mark.usefixtures("far")
def test_outputs_count_where_the_model_is_sure_of_nothing(
    exported: Callable[..., Exported], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ModelError, match=r"differs from model\.onnx by more than 0\.5"):
        exported(score=0.4)
    assert "model.onnx is sure of nothing in street://" in caplog.text


def test_an_export_that_has_lost_objects_is_not_kept(
    exported: Callable[..., Exported], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = export_comparison.DetectorSubject.answers

    def lost(subject: Any, options: ModelOptions) -> list[Detections]:
        found = answers(subject, options)
        return [one[:0] for one in found] if "made" in options.model else found

    monkeypatch.setattr(export_comparison.DetectorSubject, "answers", lost)
    with pytest.raises(ModelError, match=r"has lost too much of model\.onnx .* agrees with the original by 0\.000"):  # fmt: skip
        exported()
    assert not list(tmp_path.glob("made*"))


def test_of_a_classifier_it_is_said_that_outputs_alone_were_compared(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    graph = exported_graphs.Graph()
    values = (
        graph.value(np.ones((1, 2), np.float32)),
        graph.value(0.01),
        graph.value(0, np.uint16),
    )
    small = graph.add("QuantizeLinear", *values)
    graph.output("logits", graph.add("DequantizeLinear", small, *values[1:]), (1, 2))
    model = graph.save(tmp_path / "kinds.onnx", opsets={"": 21})
    card = {"task": "classify", "size": list(exported_graphs.CANVAS), "class_names": ["car", "van"]}
    model.with_suffix(".yaml").write_text(yaml.safe_dump(card))
    export(ModelOptions(model=str(model)), tmp_path / "made.onnx", ExportOptions(data=DATA))
    assert "only the raw outputs of a model with the task classify were compared" in caplog.text
    assert "optimize --crops" in caplog.text

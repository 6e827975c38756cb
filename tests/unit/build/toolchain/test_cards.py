"""The card of a model of any task."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.onnx_models import MakeModel

from sightline.build.toolchain.cards import onnx_card
from sightline.errors import ConfigError, ModelError
from sightline.tables import BUNDLED


@pytest.mark.parametrize(
    ("name", "task"),
    [("street", "detect"), ("street-attributes", "classify"), ("street-embedder", "embed")],
)
def test_bundled_models(name: str, task: str) -> None:
    assert onnx_card(BUNDLED / f"{name}.onnx").card.task == task


def test_rows_of_values_want_a_card(constant_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="`task: classify` or `task: embed`"):
        onnx_card(constant_model([[[0.1] * 20]]))


def test_another_shape_is_no_known_detector(constant_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="famil"):
        onnx_card(constant_model([[[[[0.1] * 3] * 3] * 3]]))


def test_other_formats(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"an \.onnx file is needed"):
        onnx_card(tmp_path / "a.xml")

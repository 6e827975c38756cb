"""A model file by its format."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import ModelError
from sightline.optimize.inspection.files import inspect_file


@pytest.mark.parametrize(
    ("name", "said"), [("none.onnx", "no model file"), ("model.tflite", "unknown model format")]
)
def test_what_is_no_model_is_refused(tmp_path: Path, name: str, said: str) -> None:
    if "tflite" in name:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelError, match=said):
        inspect_file(tmp_path / name)

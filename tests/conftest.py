"""Data and small factories that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ("tests.onnx_models",)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real models, videos and ground truth; tests skip where it is absent."""
    folder = Path(os.environ.get("SIGHTLINE_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "models").is_dir():
        pytest.skip(f"no test data at {folder}: set SIGHTLINE_TEST_DATA")
    return folder

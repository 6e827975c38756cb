"""A labelled dataset of two pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.evaluation.pictures.label_files import annotations, size_of

from sightline.evaluation.pictures.datasets import read_dataset
from sightline.evaluation.pictures.labels import Dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    (tmp_path / "truth.json").write_text(json.dumps(annotations()))
    return read_dataset(tmp_path / "truth.json", size_of)

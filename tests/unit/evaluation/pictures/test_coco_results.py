"""COCO's list of results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.coco_results import read_coco_file
from sightline.evaluation.pictures.labels import Dataset
from sightline.evaluation.pictures.predictions import read_predictions


def test_coco_results(dataset: Dataset, tmp_path: Path) -> None:
    result = {"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "f.json").write_text(json.dumps([result, result | {"image_id": "a"}]))
    first, second = read_predictions(tmp_path / "f.json", dataset)
    for found in (first, second):
        assert found.boxes.tolist() == [[1, 2, 4, 6]]
        assert found.class_ids.tolist() == [1]


def test_a_coco_file_with_scores(dataset: Dataset, tmp_path: Path) -> None:
    """Pictures and classes go together by name; an entry of no picture is left out."""
    content = {
        "images": [{"id": 0, "file_name": "x.jpg"}],
        "categories": [{"id": 1, "name": "Car"}],
        "annotations": [
            {"image_id": 0, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
            {"category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
            {"image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
        ],
    }
    (tmp_path / "f.json").write_text(json.dumps(content))
    notes = Notes()
    first, second = read_coco_file(tmp_path / "f.json", dataset, notes)
    assert len(first) == 0
    assert (second.boxes.tolist(), second.class_ids.tolist()) == ([[1, 2, 4, 6]], [1])
    said = "\n".join(notes.lines())
    assert "left out, it has no image_id: 1 (annotations[1])" in said
    assert "left out, its picture is not in the ground truth: 1 (annotations[2])" in said


def test_classes_of_another_dataset(dataset: Dataset, tmp_path: Path) -> None:
    content = {
        "images": [{"id": 1, "file_name": "x.jpg"}],
        "categories": [{"id": 1, "name": "zebra"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}],
    }
    (tmp_path / "f.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"none of its classes \(zebra\) is in the ground truth"):
        read_coco_file(tmp_path / "f.json", dataset, Notes())

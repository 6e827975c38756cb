"""Labelled pictures: their classes and scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.evaluation.pictures.label_files import size_of

from sightline.errors import ConfigError
from sightline.evaluation.pictures.datasets import read_dataset
from sightline.evaluation.pictures.labels import Dataset
from sightline.evaluation.pictures.predictions import read_predictions


def test_scoring_of_some_classes(dataset: Dataset, tmp_path: Path) -> None:
    exact = {"image_id": 9, "category_id": 7, "bbox": [10, 20, 30, 40], "score": 0.5}
    (tmp_path / "f.json").write_text(json.dumps([exact]))
    found = read_predictions(tmp_path / "f.json", dataset)
    assert dataset.score(found, ["car"]).map == pytest.approx(1)
    assert list(dataset.score(found, ["car"]).per_class) == ["car"]
    with pytest.raises(ConfigError, match="did you mean car"):
        dataset.score(found, ["cars"])


OUTLINE = [[10, 20, 40, 20, 40, 60]]
POINTS = [1, 2, 2]


@pytest.mark.parametrize(
    ("first", "second", "outlines", "points"),
    [
        pytest.param({}, {}, (), None, id="nothing is told"),
        pytest.param(
            {}, {"segmentation": OUTLINE}, (None, OUTLINE), None, id="a mask of the second"
        ),
        pytest.param(
            {"segmentation": OUTLINE}, {}, (OUTLINE, None), None, id="a mask of the first"
        ),
        pytest.param({}, {"keypoints": POINTS}, (), [0, 2], id="keypoints of the second"),
        pytest.param(
            {"keypoints": POINTS * 2},
            {"keypoints": POINTS},
            (),
            [2, 0],
            id="another number of them",
        ),
    ],
)
def test_two_entries_of_one_picture_are_joined(
    first: dict[str, Any],
    second: dict[str, Any],
    outlines: tuple[Any, ...],
    points: list[float] | None,
    tmp_path: Path,
) -> None:
    """``points``: the visibility of each object's first keypoint."""
    content = {
        "images": [{"id": i, "file_name": "a.jpg", "width": 200, "height": 100} for i in (1, 2)],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], **first},
            {"id": 2, "image_id": 2, "category_id": 1, "bbox": [10, 20, 30, 40], **second},
        ],
    }
    (tmp_path / "t.json").write_text(json.dumps(content))
    (picture,) = read_dataset(tmp_path / "t.json", size_of).by_name().pictures
    assert picture.truth.boxes.tolist() == [[1, 2, 4, 6], [10, 20, 40, 60]]
    assert picture.shapes.outlines == outlines
    told = picture.shapes.keypoints
    assert points == (None if told is None else told[:, 0, 2].tolist())

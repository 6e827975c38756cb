"""What a detector found, from whatever file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.evaluation.pictures.label_files import line

from sightline.errors import ConfigError
from sightline.evaluation.pictures.labels import Dataset
from sightline.evaluation.pictures.predictions import read_predictions

CAR = {"box": [1, 2, 3, 4], "score": 0.5, "class_id": 99, "class": "car"}


DOG = CAR | {"class": "dog"}


@pytest.mark.parametrize(
    "name", ["b/x.jpg", "x.jpg", "elsewhere/x.jpg"], ids=["name", "file", "other folder"]
)
def test_json_lines(dataset: Dataset, tmp_path: Path, name: str) -> None:
    (tmp_path / "f.jsonl").write_text(line(name, DOG, CAR) + "\n\n")
    first, second = read_predictions(tmp_path / "f.jsonl", dataset)
    assert len(first) == 0
    assert second.boxes.tolist() == [[1, 2, 3, 4]]
    assert second.class_ids.tolist() == [1]
    assert second.scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "f:1: this is not JSON", id="json"),
        pytest.param("[" * 100_000, "f:1: .*: it is nested too deeply", id="results: depth"),
        pytest.param(line("a.jpg") + "\n" + '{"a":' * 100_000, "f:2: .* too deeply", id="depth"),
        pytest.param("[%s]" % ("1" * 5000), "f:1: .* thousands of digits", id="results: digits"),
        pytest.param('{"a": %s}' % ("1" * 5000), "f:1: .* thousands of digits", id="digits"),
        pytest.param(line("a.jpg") + "\n{}", "f:2: .* no stream", id="no stream"),
        pytest.param('{"stream": "a.jpg"}', "f:1: .* no list of objects", id="no objects"),
        pytest.param(line("z.jpg"), "f:1: picture 'z.jpg' is not in", id="unknown picture"),
        pytest.param(line("a.jpg") + "\n" + line("a.jpg"), "f:2: .* in line 1 already", id="twice"),
        pytest.param(line("a.jpg", {"box": []}), "f:1: an object needs", id="no score"),
        pytest.param(line("a.jpg", CAR | {"box": [1, 2]}), "f:1: a box is four", id="short box"),
        pytest.param(line("a.jpg", CAR | {"score": None}), "f:1: a box is four", id="null score"),
        pytest.param(line("a.jpg", DOG), r"none of its classes \(dog\)", id="classes"),
        pytest.param("[3]", r"f:\[0\]: this is no object", id="results: number"),
        pytest.param(
            '[{"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4]}]', "score must", id="no score"
        ),
        pytest.param(
            '[{"image_id": 5, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 1}]',
            "image_id is not in",
            id="results: picture",
        ),
    ],
)
def test_bad_predictions(dataset: Dataset, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "f").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_predictions(tmp_path / "f", dataset)


def test_a_line_of_megabytes_is_not_quoted_as_a_whole(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(json.dumps({"stream": "z" * 1_000_000, "objects": []}))
    with pytest.raises(ConfigError, match="f:1: picture 'zz") as caught:
        read_predictions(tmp_path / "f", dataset)
    assert len(str(caught.value)) < 2_000 + len(str(tmp_path))

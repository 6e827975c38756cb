"""Folders of YOLO labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.unit.evaluation.pictures.label_files import size_of, yolo

from sightline.errors import ConfigError
from sightline.evaluation.pictures.datasets import read_dataset
from sightline.evaluation.pictures.yolo import read_yolo


@pytest.mark.parametrize(
    "names",
    ["[dog, cat]", "{0: dog, 1: cat}", "\n  1: cat\n  0: dog"],
    ids=["list", "map", "block"],
)
def test_yolo(tmp_path: Path, names: str) -> None:
    labels = {"val/b": "1 0.5 0.5 0.2 0.4\n\n0 .1 .2 .3 .2 .3 .8\n", "a": ""}
    yolo(tmp_path, labels, ("c.PNG",))
    (tmp_path / "data.yaml").write_text(f"names: {names}\n")
    dataset = read_dataset(tmp_path, size_of, class_names=("other",))
    assert dataset.class_names == ("dog", "cat")
    assert [p.name for p in dataset.pictures] == ["a.jpg", "c.PNG", "val/b.jpg"]
    assert [len(p.truth) for p in dataset.pictures] == [0, 0, 2]
    truth = dataset.pictures[2].truth
    np.testing.assert_allclose(truth.boxes, [[80, 30, 120, 70], [20, 20, 60, 80]], atol=1e-4)
    assert truth.class_ids.tolist() == [1, 0]
    assert dataset.pictures[2].areas.tolist() == pytest.approx([1600, 2400], rel=1e-5)


def test_yolo_without_names(tmp_path: Path) -> None:
    dataset = read_yolo(yolo(tmp_path, {"a": "1 .5 .5 1 1"}), size_of, class_names=("x", "y"))
    assert dataset.pictures[0].truth.class_name(1) == "y"


def test_bad_yolo_folders(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no YOLO folder: there is no .*labels"):
        read_dataset(tmp_path, size_of)
    yolo(tmp_path, {"a": "", "b": ""})
    (tmp_path / "labels" / "a.txt").unlink()
    (tmp_path / "images" / "b.jpg").unlink()
    with pytest.raises(ConfigError, match=r"b.txt has no picture"):
        read_dataset(tmp_path, size_of)
    for path in ("labels/b.txt", "images/a.jpg"):
        (tmp_path / path).unlink()
    with pytest.raises(ConfigError, match="holds no pictures"):
        read_dataset(tmp_path, size_of)

"""Results as text files beside pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.evaluation.pictures.label_files import size_of, yolo

from sightline.errors import ConfigError, SourceError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.labels import Dataset
from sightline.evaluation.pictures.yolo import read_yolo
from sightline.evaluation.pictures.yolo_results import read_yolo_results


@pytest.fixture
def truth(tmp_path: Path) -> Dataset:
    folder = yolo(tmp_path / "truth", {"a": "0 .5 .5 .2 .2", "val/b": ""})
    return read_yolo(folder, size_of, class_names=("x", "y"))


def results(folder: Path, **files: str) -> Path:
    (folder / "found").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "found" / f"{name}.txt").write_text(text)
    return folder / "found"


@pytest.mark.parametrize(
    ("line", "score", "note"),
    [
        pytest.param("1 .5 .5 .2 .4 .75", 0.75, None, id="a score"),
        pytest.param("1 .5 .5 .2 .4 .75 12", 0.75, None, id="and a track"),
        pytest.param("1 .5 .5 .2 .4", 1.0, "there is no score, 1 is taken", id="no score"),
    ],
)
def test_a_line(line: str, score: float, note: str | None, truth: Dataset, tmp_path: Path) -> None:
    notes = Notes()
    first, second = read_yolo_results(results(tmp_path, a=f"\n{line}\n"), truth, size_of, notes)
    assert first.boxes.tolist() == [pytest.approx([80, 30, 120, 70])]
    assert (first.class_ids.tolist(), first.scores.tolist()) == ([1], [score])
    assert len(second) == 0
    assert [note in text for text in notes.lines()] == [True] * (note is not None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 .5 .5 .2", "a line is `class cx cy width height score`"),
        ("1 .5 .5 .2 .4 .75 1.5", "a line is `class cx cy width height score`"),
        ("1 .5 .5 .2 nan .75", "a line is `class cx cy width height score`"),
        ("0.5 .5 .5 .2 .4 .75", "class 0.5 is no whole number"),
        ("1 .5 .5 .2 .4 x", "this is not a row of numbers"),
    ],
)
def test_a_line_that_cannot_be_used(line: str, said: str, truth: Dataset, tmp_path: Path) -> None:
    notes = Notes()
    good = "0 .5 .5 .2 .4 .75"
    first, _ = read_yolo_results(results(tmp_path, a=f"{good}\n{line}"), truth, size_of, notes)
    assert len(first) == 1
    (note,) = notes.lines()
    assert said in note
    assert note.endswith("(a.txt:2)")
    with pytest.raises(ConfigError, match=r"a\.txt:1: .*Not one object can be used"):
        read_yolo_results(results(tmp_path, a=line), truth, size_of, Notes())


def test_files_of_no_picture(truth: Dataset, tmp_path: Path) -> None:
    notes = Notes()
    folder = results(tmp_path, b="0 .5 .5 .2 .4 .75", z="0 .5 .5 .2 .4 .75", classes="x\ny\n")
    _, second = read_yolo_results(folder, truth, size_of, notes)
    assert len(second) == 1
    assert notes.lines() == ("found: left out, no picture goes with the file: 1 (z.txt)",)


def test_a_folder_without_results(truth: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found holds no text files with results"):
        read_yolo_results(results(tmp_path), truth, size_of, Notes())


def test_a_picture_that_cannot_be_read(truth: Dataset, tmp_path: Path) -> None:
    def broken(path: Path) -> tuple[int, int]:
        raise SourceError(f"{path.name} is damaged")

    folder = results(tmp_path, a="0 .5 .5 .2 .4 .75")
    with pytest.raises(ConfigError, match=r"a\.txt: a\.jpg is damaged"):
        read_yolo_results(folder, truth, broken, Notes())

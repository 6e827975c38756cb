"""Lines of YOLO's text files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.evaluation.pictures.label_files import size_of, yolo

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.coco_boxes import number
from sightline.evaluation.pictures.yolo import read_yolo
from sightline.evaluation.pictures.yolo_lines import UnusableLine, read_values
from sightline.evaluation.text_files import read_whole


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("0 .5 .5 .2", "4 numbers", id="four"),
        pytest.param("0 .5 .5 .2 .2 .1 .1 .2", "8 numbers", id="eight"),
        pytest.param("0 .5 .5 .2 x", "this is not a row of numbers: 'x'", id="text"),
        pytest.param(
            "0,.5,.5,.2,.2",
            "this is not a row of numbers: '0,.5,.5,.2,.2': blanks stand between numbers, no commas",
            id="commas",
        ),
        pytest.param("0 50 50 20 20", "not all numbers are shares", id="pixels"),
        pytest.param("0 nan .5 .2 .2", "not all numbers are shares", id="nan"),
        pytest.param("0 -.5 .5 .2 .2", "not all numbers are shares", id="negative"),
        pytest.param("2 .5 .5 .2 .2", "class 2 has no name: there are 2", id="class"),
        pytest.param("0.5 .5 .5 .2 .2", "class 0.5", id="broken class"),
        pytest.param("nan .5 .5 .2 .2", "class nan", id="no class"),
    ],
)
def test_bad_yolo_line(tmp_path: Path, line: str, message: str) -> None:
    """It is left out and noted, and refused where there is nothing else."""
    notes = Notes()
    yolo(tmp_path, {"a": f"0 .5 .5 .2 .2\n{line}\n"})
    dataset = read_yolo(tmp_path, size_of, class_names=("x", "y"), notes=notes)
    assert [len(p.truth) for p in dataset.pictures] == [1]
    (note,) = notes.lines()
    assert message in note
    assert note.endswith("(a.txt:2)")
    (tmp_path / "labels" / "a.txt").write_text(f"\n{line}\n")
    with pytest.raises(ConfigError, match=f"a.txt:2: {message}"):
        read_yolo(tmp_path, size_of, class_names=("x", "y"))


def test_a_word_of_megabytes_is_not_quoted_as_a_whole() -> None:
    with pytest.raises(UnusableLine, match=r"this is not a row of numbers: .*zz") as caught:
        read_values("0 " + "z" * 1_000_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("word", ["1_0", ".1_5", "\u0663", "1e1_0"])
def test_numbers_that_only_python_reads(word: str) -> None:
    with pytest.raises(UnusableLine, match="this is not a row of numbers"):
        read_values(f"0 .5 .5 {word} .1")
    assert number(word) is None
    with pytest.raises(ValueError, match="a number"):
        read_whole(word)

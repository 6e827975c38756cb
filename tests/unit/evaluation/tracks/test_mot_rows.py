"""Rows of MOTChallenge's files: read as TrackEval reads them, and what is wrong told with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.tracks.mot_rows import read_rows, within

ROW = [1.0, 2.0, 10.0, 20.0, 30.0, 40.0, 1.0]


def read(tmp_path: Path, text: str) -> tuple[list[list[float]], list[str]]:
    path = tmp_path / "gt.txt"
    path.write_text(text)
    notes = Notes()
    return read_rows(path, notes).tolist(), [line.removeprefix(str(path)) for line in notes.lines()]


@pytest.mark.parametrize(
    "text",
    [
        "1,2,10,20,30,40,1",
        "1, 2, 10, 20, 30, 40, 1,",
        "1;2;10;20;30;40;1",
        "1 2 10 20 30 40 1",
        "1\t2\t10\t20\t30\t40\t1\n\n",
        "# a comment\n1,2,10,20,30,40,1",
        "1e0,2,1e1,20,30,40,1.0",
    ],
)
def test_forms_of_a_row(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ([ROW], [])


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("\n# nothing\n")
    assert read_rows(path, Notes()).shape == (0, 10)


def test_short_rows_are_filled_up_and_noted(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, "1,2,10,20,30,40,1,1,0.5\n2,2,10,20,30,40,1")
    assert rows == [[*ROW, 1.0, 0.5], [2.0, *ROW[1:], -1.0, -1.0]]
    assert "rows have fewer than 9 columns" in notes[0]


def test_a_conf_that_is_missing_is_1_and_noted(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, "1,2,10,20,30,40")
    assert rows == [ROW]
    assert "there is no conf, 1 is taken" in notes[0]


def test_frames_that_count_from_0_are_taken_one_higher(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, "0,2,10,20,30,40,1\n1,2,10,20,30,40,1")
    assert [row[0] for row in rows] == [1, 2]
    assert "frames are taken as counted from 0" in notes[0]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a,b,c,d,e,f,g", "a heading"),
        ("1,2,x,20,30,40,1", "this is no row of numbers"),
        ("1,2,3", "3 columns: frame,id,left,top,width,height,conf are needed"),
        ("1,2,nan,20,30,40,1", "every column must be a finite number"),
        ("1,2,10,20,inf,40,1", "every column must be a finite number"),
        ("1.5,2,10,20,30,40,1", "frames are whole numbers from 1 on"),
        ("-1,2,10,20,30,40,1", "frames are whole numbers from 1 on"),
        ("1000001,2,10,20,30,40,1", "its frame is beyond 1000000"),
        ("1,-1,10,20,30,40,1", "it has no track: ids are whole numbers from 0 on"),
        ("1,2.5,10,20,30,40,1", "it has no track"),
        ("1,1e20,10,20,30,40,1", "its id is too large to be told from others"),
        ("1,2,10,20,-30,40,1", "its width or height is negative"),
    ],
)
def test_a_row_that_cannot_be_used_is_left_out_and_noted(
    tmp_path: Path, row: str, why: str
) -> None:
    rows, notes = read(tmp_path, f"{row}\n1,2,10,20,30,40,1")
    assert rows == [ROW]
    assert why in notes[0]
    assert "left out" in notes[0]


def test_a_track_that_is_in_a_frame_twice(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, "1,2,10,20,30,40,1\n1,2,10,20,30,40,0.5\n1,2,99,20,30,40,1")
    assert rows == [ROW]
    assert "the row is there twice" in notes[0]
    assert "elsewhere (TrackEval refuses such a file)" in notes[1]


def test_a_file_without_a_row_that_can_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"gt\.txt:1: this is no row of numbers\. Not one row can be used"
    ):
        read(tmp_path, "1,x,10,20,30,40,1\n2,y,1,1,1,1,1")


def test_another_benchmarks_format_is_named(tmp_path: Path) -> None:
    kitti = "0 1 Car 0 0 -1.5 712 143 810 307 1.8 0.4 1.8 1.8 1.4 8.4 0.0"
    with pytest.raises(ConfigError, match=r"gt\.txt:1: this is KITTI's format"):
        read(tmp_path, kitti)


def test_rows_beyond_a_sequence_are_left_out_and_noted() -> None:
    rows, notes = np.array([[1.0, *ROW[1:]], [9.0, *ROW[1:]], [5.0, *ROW[1:]]]), Notes()
    assert within(Path("gt.txt"), rows, None, notes).tolist() == rows.tolist()
    assert within(Path("gt.txt"), rows, 9, notes).tolist() == rows.tolist()
    assert notes.lines() == ()
    assert within(Path("gt.txt"), rows, 5, notes)[:, 0].tolist() == [1, 5]
    assert "its frame is beyond the 5 of seqinfo.ini" in notes.lines()[0]

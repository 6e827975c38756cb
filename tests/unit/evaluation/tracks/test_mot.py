"""Reading of MOT files, and what of them counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.tracks import mot

ROW = "1,1,11,21,30,40,1"


def write(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


def test_tracks(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.txt", "3,5,1,1,10,20,0.75,-1,-1,-1", "", "1,7,11,21,30,40,1,-1,-1,-1"
    )
    frames = mot.read_tracks(path)
    assert [len(f) for f in frames] == [1, 0, 1]
    assert frames[0].boxes.tolist() == [[10, 20, 40, 60]]  # counted from 1 in the file
    assert frames[2].scores.tolist() == [0.75]
    assert [f.track_ids.tolist() for f in frames if f.track_ids is not None] == [[7], [], [5]]


def test_no_tracks(tmp_path: Path) -> None:
    assert mot.read_tracks(write(tmp_path / "t.txt")) == []


def test_truth_of_2015_has_no_classes(tmp_path: Path) -> None:
    rows = ("1,1,1,1,9,9,1,4.48,5.5,0", "1,2,1,1,9,9,0,7.1,5.5,0")
    truth = mot.read_truth(write(tmp_path / "gt.txt", *rows))
    assert truth.counted[0].tolist() == [True, False]
    assert not truth.distractors[0].any()


@pytest.mark.parametrize(
    ("name", "distractors"),
    [
        pytest.param("MOT17-02", [False, True, False, False], id="MOT17"),
        pytest.param("MOT20-01", [False, True, True, False], id="MOT20"),
    ],
)
def test_truth_with_classes(tmp_path: Path, name: str, distractors: list[bool]) -> None:
    kinds = [(1, 1), (0, 8), (0, 6), (1, 3)]
    rows = [f"1,{i},1,1,9,9,{conf},{kind},1" for i, (conf, kind) in enumerate(kinds)]
    truth = mot.read_truth(write(tmp_path / "gt.txt", *rows), sequence=name)
    assert truth.counted[0].tolist() == [True, False, False, False]
    assert truth.distractors[0].tolist() == distractors


def test_what_is_on_a_distractor_does_not_count(tmp_path: Path) -> None:
    rows = ("1,1,1,1,10,10,1,1,1", "1,2,101,1,10,10,0,8,1", "1,3,201,1,10,10,0,3,1")
    truth = mot.read_truth(write(tmp_path / "gt.txt", *rows))
    found = mot.read_tracks(
        write(
            tmp_path / "t.txt",
            "1,1,1,1,10,10,1,-1,-1,-1",
            "1,2,102,1,10,10,1,-1,-1,-1",
            "1,3,201,1,10,10,1,-1,-1,-1",
            "1,4,106,1,10,10,1,-1,-1,-1",
            "2,1,1,1,10,10,1,-1,-1,-1",
        )
    )
    kept, left = mot.pair(truth, found)
    assert [f.track_ids.tolist() for f in kept if f.track_ids is not None] == [[1], []]
    assert [f.track_ids.tolist() for f in left if f.track_ids is not None] == [[1, 3, 4], [1]]


def test_frames_without_tracks(tmp_path: Path) -> None:
    truth = mot.read_truth(write(tmp_path / "gt.txt", ROW, "4" + ROW[1:]))
    kept, left = mot.pair(truth, [])
    assert [len(f) for f in kept] == [1, 0, 0, 1]
    assert all(f.track_ids is not None and len(f) == 0 for f in left)
    assert len(left) == 4


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param("1,2,3", "3 columns: frame,id", id="short"),
        pytest.param("1,a,3,4,5,6,7", "this is no row of numbers", id="text"),
        pytest.param("1_0,2,3,4,5,6,7", "this is no row of numbers", id="Python's 1_0"),
        pytest.param("1,2,\u0663,4,5,6,7", "this is no row of numbers", id="an Arabic three"),
        pytest.param("1,2,nan,4,5,6,7", "every column", id="nan"),
        pytest.param("-1,2,3,4,5,6,7", "frames are", id="frame -1"),
        pytest.param("1.5,2,3,4,5,6,7", "frames are", id="half a frame"),
        pytest.param("1e9,2,3,4,5,6,7", "its frame is beyond 1000000", id="far frame"),
        pytest.param("1,-1,3,4,5,6,7", "it has no track", id="no track"),
        pytest.param("1,2,3,4,-5,6,7", "its width or height", id="negative"),
    ],
)
def test_bad_rows(tmp_path: Path, row: str, message: str) -> None:
    """They are left out and noted, and refused where there are no others."""
    path = write(tmp_path / "f.txt", ROW, row)
    notes = Notes()
    assert [len(frame) for frame in mot.read_tracks(path, notes=notes)] == [1]
    (note,) = notes.lines()
    assert message in note
    assert note.endswith("(line 2)")
    write(path, "", row)
    for read in (mot.read_tracks, mot.read_truth):
        with pytest.raises(ConfigError, match=f"f.txt:2: {message}"):
            read(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        pytest.param(ROW, "the row is there twice", id="row"),
        pytest.param("1,1,3,4,5,6,1", "its track is in the frame already", id="track"),
    ],
)
def test_a_track_twice_in_a_frame(tmp_path: Path, row: str, message: str) -> None:
    notes = Notes()
    (frame,) = mot.read_tracks(write(tmp_path / "f.txt", ROW, row), notes=notes)
    assert frame.boxes.tolist() == [[10, 20, 40, 60]]
    assert message in notes.lines()[0]


@pytest.mark.parametrize(
    "rows", [(), ("1,1,1,1,9,9,0",), ("1,1,1,1,9,9,1,3,1",)], ids=["empty", "zero", "cars"]
)
def test_truth_in_which_nothing_counts(tmp_path: Path, rows: tuple[str, ...]) -> None:
    truth = write(tmp_path / "gt.txt", *rows)
    with pytest.raises(ConfigError, match="holds no object that counts"):
        mot.pair_files(truth, [write(tmp_path / "t.txt", ROW)], Notes())


def test_find_sequences(tmp_path: Path) -> None:
    file = write(tmp_path / "all" / "S1" / "gt" / "gt.txt", ROW)
    other = write(tmp_path / "all" / "S2" / "gt.txt", ROW)
    assert mot.find_sequences(file) == {"S1": file}
    assert mot.find_sequences(other) == {"S2": other}
    assert mot.find_sequences(tmp_path / "all" / "S1") == {"S1": file}
    assert mot.find_sequences(tmp_path / "all") == {"S1": file, "S2": other}
    for nothing in (tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigError, match="holds no ground truth of tracks"):
            mot.find_sequences(nothing)


def test_find_tracks(tmp_path: Path) -> None:
    notes = Notes()
    one, two = write(tmp_path / "r" / "S1.txt", ROW), write(tmp_path / "r" / "S2.txt", ROW)
    assert mot.find_tracks([two], ["S1"]) == {"S1": two}
    other = write(tmp_path / "r" / "pedestrian_summary.txt", "HOTA 50")
    assert mot.find_tracks([tmp_path / "r"], ["S1", "S2"], notes) == {"S1": one, "S2": two}
    assert other.name in notes.lines()[0]
    for paths, message in (
        ([one], "no tracks of S2"),
        ([one, one, two], "goes with no sequence of its own"),
        ([one, write(tmp_path / "S3.txt", ROW)], "S3.txt goes with no sequence"),
        ([tmp_path / "none.txt"], "none.txt is not there"),
    ):
        with pytest.raises(ConfigError, match=message):
            mot.find_tracks(paths, ["S1", "S2"])


def test_what_the_sink_writes_is_read_back(tmp_path: Path) -> None:
    from sightline.sinks.mot import MotSink
    from sightline.types import Detections, Frame, Observation, StreamInfo

    class Nothing:
        width = height = 10

    objects = Detections(
        np.array([[10.25, 20.5, 40, 60]], np.float32),
        np.array([0.75], np.float32),
        np.zeros(1, np.int64),
        np.array([7]),
    )
    sink = MotSink(tmp_path / "t.txt")
    sink.open(StreamInfo("s", 10, 10))
    sink.write(Observation(Frame("s", 1, 0.0, 0.0, Nothing()), objects))  # type: ignore[arg-type]
    sink.close()
    nothing, found = mot.read_tracks(tmp_path / "t.txt")
    assert len(nothing) == 0
    assert found.boxes.tolist() == objects.boxes.tolist()
    assert found.track_ids is not None
    assert found.track_ids.tolist() == [7]


CAR, PERSON = "1,7,100,100,50,20,1,3,1", "1,1,10,10,20,40,1,1,1"
IGNORED = "1,8,100,100,50,20,0,3,1"


@pytest.mark.parametrize(
    ("truth", "found", "told"),
    [
        pytest.param([PERSON, CAR], ["1,1,10,10,20,40,.9", "1,2,100,100,50,20,.9"], True, id="a car"),
        pytest.param([PERSON, CAR], ["1,1,10,10,20,40,.9", "1,2,300,1,9,9,.9"], False, id="nothing"),
        pytest.param([PERSON, IGNORED], ["1,1,100,100,50,20,.9"], True, id="a car that is ignored"),
        pytest.param([PERSON, "1,7,10,10,20,41,1,3,1"], ["1,1,10,10,20,40,.9"], False, id="both"),
        pytest.param([PERSON, "1,7,9,9,9,9,1,7,1"], ["1,1,9,9,9,9,.9"], False, id="a distractor"),
        pytest.param([PERSON], [], False, id="no objects"),
    ],
)  # fmt: skip
def test_objects_of_other_classes_are_told(
    tmp_path: Path, truth: list[str], found: list[str], told: bool
) -> None:
    notes = Notes()
    results = write(tmp_path / "r.txt", *found)
    mot.pair_files(write(tmp_path / "gt.txt", *truth), [results], notes)
    lines = [line for line in notes.lines() if "another class than person" in line]
    assert bool(lines) is told
    assert not told or lines[0].startswith("r.txt: 1 of its ")

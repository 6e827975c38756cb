"""Reading of MOT files, and what of them counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation import mot

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
        pytest.param("1,2,3", "f.txt:2: 3 columns: frame,id", id="short"),
        pytest.param("1 2 3 4 5 6 7", "f.txt:2: this is no row of numbers", id="spaces"),
        pytest.param("1,a,3,4,5,6,7", "f.txt:2: this is no row of numbers", id="text"),
        pytest.param("1,2,nan,4,5,6,7", "f.txt:2: every column", id="nan"),
        pytest.param("0,2,3,4,5,6,7", "f.txt:2: frame 0: frames are", id="frame 0"),
        pytest.param("1.5,2,3,4,5,6,7", "f.txt:2: frame 1.5", id="half a frame"),
        pytest.param("1e9,2,3,4,5,6,7", "f.txt:2: frame 1e.09: more than", id="far frame"),
        pytest.param("1,-1,3,4,5,6,7", "f.txt:2: id -1: this object has no track", id="no track"),
        pytest.param("1,2,3,4,-5,6,7", "f.txt:2: the width or height", id="negative"),
        pytest.param(
            "1,1,3,4,5,6,7", "f.txt:2: track 1 is in frame 1 twice: see line 1", id="twice"
        ),
        pytest.param("1,2,3,4,5,6,7,8", "f.txt:2: 8 columns, where", id="more columns"),
    ],
)
def test_bad_rows(tmp_path: Path, row: str, message: str) -> None:
    path = write(tmp_path / "f.txt", ROW, row)
    for read in (mot.read_tracks, mot.read_truth):
        with pytest.raises(ConfigError, match=message):
            read(path)


@pytest.mark.parametrize(
    "rows", [(), ("1,1,1,1,9,9,0",), ("1,1,1,1,9,9,1,3,1",)], ids=["empty", "zero", "cars"]
)
def test_truth_in_which_nothing_counts(tmp_path: Path, rows: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="holds no object that counts"):
        mot.read_truth(write(tmp_path / "gt.txt", *rows))


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
    one, two = write(tmp_path / "r" / "S1.txt", ROW), write(tmp_path / "r" / "S2.txt", ROW)
    assert mot.find_tracks([two], ["S1"]) == {"S1": two}
    assert mot.find_tracks([tmp_path / "r"], ["S1", "S2"]) == {"S1": one, "S2": two}
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

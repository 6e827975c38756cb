"""Tracks are read from JSON lines, CSV and COCO files as from the MOT file of the same run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.tracks import mot
from sightline.protocols import Sink
from sightline.sinks.coco import CocoSink
from sightline.sinks.csv_ import CsvSink
from sightline.sinks.jsonl import JsonLinesSink
from sightline.sinks.mot import MotSink
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, Observation, StreamInfo

SINKS: dict[str, type[Sink]] = {
    "t.txt": MotSink, "t.jsonl": JsonLinesSink, "t.csv": CsvSink, "t.json": CocoSink,
}  # fmt: skip
OURS = [name for name in SINKS if name != "t.txt"]
NAMES = ("person", "car")
PICTURE = ArrayPicture(np.zeros((48, 64, 3), np.uint8))


def seen(index: int, *, tracked: bool = True, stream: str = "street") -> Observation:
    """One person that goes right, and from frame 1 on a second one."""
    count = 1 + (index > 0)
    boxes = np.array([[10.25 + index, 5, 20.5 + index, 30], [40, 5.5, 50, 30.25]], np.float32)[
        :count
    ]
    found = Detections(
        boxes,
        np.array([0.91, 0.5], np.float32)[:count],
        np.zeros(count, np.int64),
        np.array([1, 2])[:count] if tracked else None,
        class_names=NAMES,
    )
    return Observation(Frame(stream, index, index / 25, 0.0, PICTURE), found)


def write(path: Path, *observations: Observation) -> Path:
    sink = SINKS[f"t{path.suffix}"](path)  # type: ignore[call-arg]
    for stream in dict.fromkeys(one.frame.stream for one in observations):
        sink.open(StreamInfo(stream, 64, 48, fps=25))
    for one in observations:
        sink.write(one)
    sink.close()
    return path


def plain(frames: list[Detections]) -> list[list[tuple[object, ...]]]:
    return [
        [
            (track, *np.round(box, 2).tolist(), round(score, 3))
            for track, box, score in zip(f.track_ids, f.boxes, f.scores.tolist(), strict=True)
        ]
        for f in frames
    ]


@pytest.mark.parametrize("name", OURS)
def test_each_output_gives_what_the_mot_file_gives(tmp_path: Path, name: str) -> None:
    run = [seen(index) for index in (0, 1, 3)]
    notes = Notes()
    found = mot.read_tracks(write(tmp_path / name, *run), notes=notes)
    assert [len(frame) for frame in found] == [1, 2, 0, 2]
    assert plain(found) == plain(mot.read_tracks(write(tmp_path / "t.txt", *run)))
    assert found[1].boxes[0].tolist() == pytest.approx([11.25, 5, 21.5, 30])
    assert notes.lines() == ()


@pytest.mark.parametrize("name", OURS)
def test_sequences_and_outputs_are_paired(tmp_path: Path, name: str) -> None:
    rows = "1,1,11.25,6,10.25,25,1\n2,1,12.25,6,10.25,25,1\n2,2,41,6.5,10,24.75,1\n"
    for sequence in ("street", "door"):
        (tmp_path / "gt" / sequence).mkdir(parents=True)
        (tmp_path / "gt" / sequence / "gt.txt").write_text(rows)
    results = tmp_path / "results"
    results.mkdir()
    both = [seen(i, stream=stream) for i in (0, 1) for stream in ("street", "door")]
    for sequence in ("street", "door"):
        write(results / name.replace("t.", f"{sequence}."), *both)  # both streams are in each
    pairs = mot.pair_files(tmp_path / "gt", [results], Notes())
    assert sorted(pairs) == ["door", "street"]
    for truth, found in pairs.values():
        assert [f.boxes.round(2).tolist() for f in truth] == [
            f.boxes.round(2).tolist() for f in found
        ]
        assert [f.track_ids.tolist() for f in found] == [[1], [1, 2]]


@pytest.mark.parametrize("name", OURS)
def test_what_cannot_be_tracks_of_people(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"{name}: objects have no track_id: .*`sightline track`"
    ):
        mot.read_tracks(write(tmp_path / name, seen(1, tracked=False)))
    two = [seen(0, stream="a"), seen(0, stream="b")]
    with pytest.raises(ConfigError, match="holds the streams a, b, and none is called 'street'"):
        mot.read_tracks(write(tmp_path / name, *two), sequence="street")
    cars = seen(1)
    cars = replace(cars, detections=replace(cars.detections, class_ids=np.array([0, 1])))
    notes = Notes()
    assert [len(f) for f in mot.read_tracks(write(tmp_path / name, cars), notes=notes)] == [0, 1]
    assert "its class is not person" in "".join(notes.lines())
    other = replace(cars, detections=replace(cars.detections, class_names=("dog", "car")))
    with pytest.raises(ConfigError, match="no class is called person, of car, dog"):
        mot.read_tracks(write(tmp_path / name, other))
    helmet = replace(seen(1), detections=replace(seen(1).detections, class_names=("helmet",)))
    notes = Notes()
    assert len(mot.read_tracks(write(tmp_path / name, helmet), notes=notes)[1]) == 2
    assert "its only class, helmet, counts as person" in "".join(notes.lines())


def test_lines_that_broke_off_are_noted(tmp_path: Path) -> None:
    for name in ("t.jsonl", "t.csv"):
        path = write(tmp_path / name, seen(0), seen(1))
        path.write_text(path.read_text()[:-30])
        notes = Notes()
        found = mot.read_tracks(path, notes=notes)
        assert sum(map(len, found)) in {1, 2}
        assert "left out, the line is broken off" in "".join(notes.lines())


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"images": []}',
        "stream,frame,x\na,0,1\n",
        '{"annotations": [], "images": []}',
        "{",
    ],
)
def test_what_is_no_output_of_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(ConfigError, match="not as `sightline track` writes it"):
        mot.read_tracks(tmp_path / "t.json")

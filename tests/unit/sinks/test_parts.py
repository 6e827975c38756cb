"""Objects that a further detector found in tracked ones: no output takes them for tracks."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sightline.imaging.drawing import Annotator
from sightline.protocols import Sink
from sightline.sinks.coco import CocoSink
from sightline.sinks.crops import CropSink
from sightline.sinks.csv_ import CsvSink
from sightline.sinks.database import DatabaseSink
from sightline.sinks.jsonl import JsonLinesSink
from sightline.sinks.mot import MotSink
from sightline.sinks.yolo_txt import YoloTxtSink
from sightline.types import Label, Observation, StreamInfo

INFO = StreamInfo("cam", 100, 50, 25.0)
CAR, PLATE = (10.0, 10.0, 60.0, 40.0, 0.9, 0, 7), (20.0, 30.0, 30.0, 36.0, 0.8, 1, -1)


@pytest.fixture
def seen(observe: Callable[..., Observation]) -> Observation:
    """A car, whose track is 7, and its plate."""
    observation = observe("cam", 0, 0.0, [CAR, PLATE], size=(100, 50))
    found = replace(
        observation.detections, class_names=("car", "plate"), parent_ids=np.array([-1, 7])
    )
    return replace(observation, detections=found, labels={7: (Label("colour", "red", 0.9),)})


def written(sink: Sink, observation: Observation) -> None:
    sink.open(INFO)
    sink.write(observation)
    sink.close()


def test_json_lines_tell_whose_part_it_is(seen: Observation, tmp_path: Path) -> None:
    written(JsonLinesSink(tmp_path / "a.jsonl"), seen)
    car, plate = json.loads((tmp_path / "a.jsonl").read_text())["objects"]
    assert (car["track_id"], car["labels"][0]["value"]) == (7, "red")
    assert "parent_id" not in car
    assert plate["parent_id"] == 7
    assert not {"track_id", "labels"} & set(plate)
    assert seen.detections.to_dict() == [
        {k: v for k, v in item.items() if k != "labels"} for item in (car, plate)
    ]
    assert (seen.detections[0].track_id, seen.detections[0].parent_id) == (7, None)
    assert (seen.detections[1].track_id, seen.detections[1].parent_id) == (None, 7)


def test_coco_annotations_too(seen: Observation, tmp_path: Path) -> None:
    written(CocoSink(tmp_path / "a.json"), seen)
    car, plate = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert (car["track_id"], plate["parent_id"]) == (7, 7)
    assert not {"track_id", "attributes"} & set(plate)


def test_tables_have_no_track_of_it(seen: Observation, tmp_path: Path) -> None:
    written(CsvSink(tmp_path / "a.csv"), seen)
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [(r["track_id"], r["labels"]) for r in rows] == [("7", "colour=red"), ("", "")]
    table = seen.to_pandas()
    assert table["track_id"].isna().tolist() == [False, True]
    written(MotSink(tmp_path / "a.txt"), seen)
    assert [r.split(",")[1] for r in (tmp_path / "a.txt").read_text().splitlines()] == ["7", "-1"]
    written(YoloTxtSink(tmp_path / "yolo", scores=True), seen)
    (file,) = (tmp_path / "yolo").rglob("cam*.txt")
    assert [len(line.split()) for line in file.read_text().splitlines()] == [7, 6]


def test_the_database_has_one_track_and_a_part_of_it(seen: Observation, tmp_path: Path) -> None:
    whole = replace(seen, detections=replace(seen.detections, parent_ids=None))
    later = replace(seen, frame=replace(seen.frame, index=1, time=0.04))
    sink = DatabaseSink(str(tmp_path / "a.db"))
    sink.open(INFO)
    for observation in (whole, later):  # in one transaction
        sink.write(observation)
    sink.close()
    with sqlite3.connect(tmp_path / "a.db") as db:
        query = "SELECT frame, track_id, parent_id FROM objects ORDER BY frame, number"
        assert db.execute(query).fetchall() == [
            (0, 7, None),
            (0, None, None),
            (1, 7, None),
            (1, None, 7),
        ]
        assert db.execute("SELECT track_id FROM tracks").fetchall() == [(7,)]


def test_crops_have_a_file_of_their_own(seen: Observation, tmp_path: Path) -> None:
    written(CropSink(tmp_path / "crops"), seen)
    names = sorted(p.relative_to(tmp_path / "crops").as_posix() for p in tmp_path.rglob("*.jpg"))
    assert names == ["cam/car/7-000000.jpg", "cam/plate/cam-000000.jpg"]


def test_it_is_drawn_in_the_colour_of_its_object(seen: Observation) -> None:
    drawn, large = Annotator(traces=True), replace(seen.detections, boxes=seen.detections.boxes * 8)
    for _ in range(2):
        scene = drawn.draw(np.zeros((400, 800, 3), np.uint8), large, seen.labels)
    car, plate = scene[200, 78:83], scene[275, 158:163]
    assert car.max(axis=0).any()
    assert (car.max(axis=0) == plate.max(axis=0)).all(), "left sides of the two boxes"

"""Frames whose objects are a tracker's predictions are marked in every output."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sightline.imaging.drawing import Annotator
from sightline.sinks.coco import CocoSink
from sightline.sinks.csv_ import CsvSink
from sightline.sinks.database import DatabaseSink
from sightline.sinks.jsonl import JsonLinesSink
from sightline.types import StreamInfo

INFO = StreamInfo("cam", 96, 64, 25.0)
BOX = [[10, 10, 80, 50, 0.5, 2, 7]]


def write(sink: Any, observe: Any) -> None:
    sink.open(INFO)
    sink.write(observe("cam", 0, boxes=BOX))
    sink.write(replace(observe("cam", 1, boxes=BOX), predicted=True))
    sink.close()


def test_lines_rows_and_images_say_so(observe: Any, tmp_path: Path) -> None:
    write(JsonLinesSink(tmp_path / "a.jsonl"), observe)
    write(CsvSink(tmp_path / "a.csv"), observe)
    write(CocoSink(tmp_path / "a.json"), observe)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").open()]
    assert [line.get("predicted") for line in lines] == [None, True]
    head, first, second = (tmp_path / "a.csv").read_text().splitlines()
    assert [row.split(",")[11] for row in (head, first, second)] == ["predicted", "0", "1"]
    images = json.loads((tmp_path / "a.json").read_text())["images"]
    assert [image.get("predicted") for image in images] == [None, True]


def test_a_table_of_an_earlier_version_is_gone_on_with(observe: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    before = "stream,frame,time,track_id,class_id,class,score,x1,y1,x2,y2\n"
    path.write_text(before)
    write(CsvSink(path, append=True), observe)
    assert path.read_text().startswith(before)
    assert {row.count(",") for row in path.read_text().splitlines()} == {before.count(",")}


def test_the_database_says_so(observe: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    write(DatabaseSink(path), observe)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT predicted FROM frames ORDER BY frame").fetchall() == [(0,), (1,)]


def test_only_the_corners_of_predicted_boxes_are_drawn(observe: Any) -> None:
    seen = observe("cam", 0, boxes=BOX)
    whole = Annotator(traces=False).annotate(seen)
    corners = Annotator(traces=False).annotate(replace(seen, predicted=True))
    side = np.any(whole[30:40, 78:83] != seen.frame.image[30:40, 78:83])
    assert side
    assert not np.any(corners[30:40, 78:83] != seen.frame.image[30:40, 78:83])

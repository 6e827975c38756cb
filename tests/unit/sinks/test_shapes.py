"""Masks, keypoints and turned boxes in every output, with values worked out by hand."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.imaging.drawing import annotate
from sightline.protocols import Sink
from sightline.sinks.csv_ import CsvSink
from sightline.sinks.database import DatabaseSink
from sightline.sinks.jsonl import JsonLinesSink, for_output
from sightline.types import Detections, Masks, Observation, OutputRequest, OutputStream, StreamInfo

WIDTH, HEIGHT = 100, 50
INFO = StreamInfo("cam", WIDTH, HEIGHT, 25.0)
Observe = Callable[..., Observation]
BOX = (10.0, 10.0, 30.0, 20.0, 0.9, 1, 7)


def seen(observe: Observe, **fields: Any) -> Observation:
    """An observation of one object, whose names are a, b."""
    observation = observe("cam", 0, 0.0, [BOX], size=(WIDTH, HEIGHT))
    found = replace(observation.detections, class_names=("a", "b"), **fields)
    return replace(observation, detections=found)


def rectangle(x: int, y: int, width: int, height: int) -> Masks:
    crop = np.ones((height, width), np.bool_)
    return Masks((crop,), np.array([[x, y]], np.int64), (WIDTH, HEIGHT))


SHAPES: dict[str, dict[str, Any]] = {
    "mask": {"masks": rectangle(10, 10, 20, 10)},
    "keypoints": {
        "keypoints": np.array([[[20, 15, 0.9], [10, 45, 0.3], [-5, 15, 0.8]]], np.float32),
        "keypoint_names": ("head", "middle", "tail"),
    },
    "angle": {"angles": np.array([math.pi / 2], np.float32)},
}


def written(sink: Sink, observation: Observation) -> None:
    sink.open(INFO)
    sink.write(observation)
    sink.close()


def test_json_lines(observe: Observe, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for polygons, expected in (
        (False, {"mask": {"size": [50, 100], "counts": rectangle(10, 10, 20, 10).to_coco(0)["counts"]}}),
        (True, {"polygons": [[[10, 10], [10, 19], [29, 19], [29, 10]]]}),
    ):  # fmt: skip
        observation = seen(observe, **SHAPES["mask"], **SHAPES["keypoints"], **SHAPES["angle"])
        written(JsonLinesSink(path, polygons=polygons), observation)
        (item,) = json.loads(path.read_text())["objects"]
        assert item["angle"] == pytest.approx(1.5708)
        assert item["keypoints"] == [[20, 15, 0.9], [10, 45, 0.3], [-5, 15, 0.8]]
        assert {name: item[name] for name in expected} == expected
        assert ("mask" in item) != ("polygons" in item)
        assert observation.detections.to_dict(polygons=polygons)[0] == item


def test_database(observe: Observe, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sink = DatabaseSink(path)
    sink.open(INFO)
    plain = replace(seen(observe), frame=replace(seen(observe).frame, index=1))
    sink.write(seen(observe, **SHAPES["mask"], **SHAPES["keypoints"], **SHAPES["angle"]))
    sink.write(plain)  # in the same transaction
    sink.close()
    with sqlite3.connect(path) as database:
        shaped, boxed = database.execute(
            "SELECT angle, keypoints, mask FROM objects ORDER BY frame"
        ).fetchall()
    assert shaped[0] == pytest.approx(1.5708)
    assert json.loads(shaped[1]) == [[20, 15, 0.9], [10, 45, 0.3], [-5, 15, 0.8]]
    assert json.loads(shaped[2]) == rectangle(10, 10, 20, 10).to_coco(0)
    assert boxed == (None, None, None)


def test_csv_and_pandas_have_the_upright_box(observe: Observe, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    observation = seen(observe, **SHAPES["mask"], **SHAPES["angle"])
    written(CsvSink(path), observation)
    row = path.read_text().splitlines()[1].split(",")
    assert [float(x) for x in row[7:11]] == [15, 5, 25, 25]
    pd = pytest.importorskip("pandas")
    table = observation.detections.to_pandas()
    assert isinstance(table, pd.DataFrame)
    assert table[["x1", "y1", "x2", "y2"]].to_numpy().round(3).tolist() == [[15, 5, 25, 25]]


def test_the_caption_of_a_turned_box_stays_inside() -> None:
    """The upright box around it reaches beyond the picture."""
    picture = np.full((300, 400, 3), 200, np.uint8)
    box = np.array([[50, -30, 350, 60]], np.float32)
    angles = np.ones(1, np.float32)
    one = Detections(box, angles, np.zeros(1, np.int64), class_names=("ship",), angles=angles)
    dark = (annotate(picture, one)[:30] < 60).all(axis=2)
    assert dark.sum() > 50, "its letters"


def test_the_option_of_json_lines(observe: Observe, tmp_path: Path) -> None:
    for polygons in (True, False):
        path = tmp_path / f"{polygons}.jsonl"
        request = OutputRequest(
            str(path), (OutputStream("cam"),), options={"json_polygons": polygons}
        )
        written(for_output(request), seen(observe, **SHAPES["mask"]))
        assert ('"polygons"' in path.read_text()) == polygons

"""What classifiers say and what happened stands in every output that has room for it."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.errors import SinkError
from sightline.imaging.display import label_text
from sightline.sinks import schema
from sightline.sinks.coco import CocoSink
from sightline.sinks.csv_ import CsvSink
from sightline.sinks.database import DatabaseSink
from sightline.types import Event, Label, StreamInfo

INFO = StreamInfo("cam", 96, 64, 25.0)
BOXES = [[10, 10, 80, 50, 0.5, 2, 7], [0, 0, 9, 9, 0.75, 0, 8]]
RED = Label("colour", "red", 0.75)
VAN = Label("kind", "van", 0.5)
BY_0_1_0 = Path(__file__).parents[2] / "recorded" / "results_0_1_0.sqlite"


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def write(sink: Any, *observations: Any) -> None:
    sink.open(INFO)
    for seen in observations:
        sink.write(seen)
    sink.close()


def test_tables_have_them_behind_each_object(observe: Any, tmp_path: Path) -> None:
    seen = observe("cam", 0, boxes=BOXES, labels={7: (RED, VAN)})
    write(CsvSink(tmp_path / "a.csv"), seen, observe("cam", 1, boxes=BOXES, tracked=False))
    cells = [row["labels"] for row in csv.DictReader((tmp_path / "a.csv").open())]
    assert cells == ["colour=red;kind=van", "", "", ""]
    table = seen.to_pandas()
    assert table["labels"][0] == "colour=red;kind=van"
    assert table["labels"].isna().tolist() == [False, True]
    assert seen.detections.to_pandas()["labels"].isna().all()


def test_names_of_any_kind_can_be_told_apart() -> None:
    odd = (Label("a=b", "1;2", 0.5), Label("100%", "", 0.5))
    assert label_text(odd) == "a%3Db=1%3B2;100%25="


def test_coco_has_them_where_labelling_tools_look(observe: Any, tmp_path: Path) -> None:
    write(CocoSink(tmp_path / "a.json"), observe("cam", 0, boxes=BOXES, labels={7: (RED, VAN)}))
    annotations = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert [row.get("attributes") for row in annotations] == [
        {"colour": "red", "kind": "van"},
        None,
    ]


def test_a_database_holds_the_newest_label_of_each_track(observe: Any, tmp_path: Path) -> None:
    blue, unseen = Label("colour", "blue", 1.0), Label("colour", "green", 1.0)
    write(
        DatabaseSink(tmp_path / "a.db"),
        observe("cam", 0, boxes=BOXES, labels={7: (RED, VAN)}),
        observe("cam", 1, boxes=BOXES, labels={7: (RED, VAN), 8: (RED,)}),
        observe("cam", 2, boxes=BOXES, labels={7: (blue, VAN), 8: (RED,), 99: (unseen,)}),
        observe("cam", 3, boxes=[], labels={}),
        observe("cam", 4, boxes=BOXES, labels={7: (blue, VAN)}),
    )
    query = "SELECT track_id, attribute, value, score FROM labels ORDER BY 1, 2"
    assert rows(tmp_path / "a.db", query) == [
        (7, "colour", "blue", 1.0), (7, "kind", "van", 0.5), (8, "colour", "red", 0.75),
    ]  # fmt: skip


def test_labels_that_stay_are_written_once(
    observe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.sinks.database._BATCH", 1)
    sink = DatabaseSink(tmp_path / "a.db")
    write(sink, *(observe("cam", i, boxes=BOXES, labels={7: (RED,)}) for i in range(5)))
    assert rows(tmp_path / "a.db", "SELECT frame FROM labels") == [(0,)]


def test_a_file_that_is_begun_anew_gets_the_labels_of_tracks_that_go_on(
    observe: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    sink = DatabaseSink(path)
    sink.open(INFO)
    sink.write(observe("cam", 0, boxes=BOXES, labels={7: (RED,)}))
    wait_for(lambda: rows(path, "SELECT count(*) FROM frames") == [(1,)], 20)
    path.rename(tmp_path / "old.db")
    sink.write(observe("cam", 1, boxes=BOXES, labels={7: (RED,)}))
    sink.close()
    query = "SELECT track_id, value, frame FROM labels"
    assert rows(tmp_path / "old.db", query) == [(7, "red", 0)]
    assert rows(path, query) == [(7, "red", 1)]


def test_a_database_holds_events(observe: Any, tmp_path: Path) -> None:
    noon = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
    seen = observe("cam", 25, boxes=BOXES)
    event = Event(
        "line", 0.5, "cam", 7, {"zone": "gate", "speed": np.float32(1.5), "at": np.ones(2)}
    )
    seen = replace(
        seen,
        frame=replace(seen.frame, utc=noon, clock="rtcp"),
        events=(event, Event("end", 1.0, "cam")),
    )
    write(DatabaseSink(tmp_path / "a.db"), seen)
    query = "SELECT frame, kind, time, utc, track_id, data FROM events ORDER BY id"
    first, second = rows(tmp_path / "a.db", query)
    assert first[:5] == (25, "line", 0.5, "2026-11-28 11:59:59.500000", 7)
    assert json.loads(first[5]) == {"zone": "gate", "speed": 1.5, "at": [1.0, 1.0]}
    assert second == (25, "end", 1.0, "2026-11-28 12:00:00.000000", None, None)


@pytest.mark.parametrize("value", [object(), float("nan")], ids=["no JSON", "NaN"])
def test_an_event_that_cannot_be_stored_is_named(observe: Any, tmp_path: Path, value: Any) -> None:
    sink = DatabaseSink(tmp_path / "a.db")
    sink.open(INFO)
    with pytest.raises(SinkError, match=r"the event 'line' in frame 3 of cam cannot be stored"):
        sink.write(
            observe("cam", 3, boxes=BOXES, events=(Event("line", 0.1, "cam", None, {"x": value}),))
        )
    sink.write(observe("cam", 4, boxes=BOXES))
    sink.close()
    assert rows(tmp_path / "a.db", "SELECT frame FROM frames") == [(4,)]


def test_a_database_that_0_1_0_wrote_is_gone_on_with(observe: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    shutil.copy(BY_0_1_0, path)
    query = "SELECT stream_id, frame, number, class, score, x1, track_id FROM objects"
    before = rows(path, query)
    assert len(before) == 12
    for _ in range(2):
        write(DatabaseSink(path), observe("cam", 0, boxes=BOXES, labels={7: (RED,)}))
    assert rows(path, query)[:12] == before
    assert rows(path, "SELECT id, name FROM streams") == [(1, "cars"), (2, "cam"), (3, "cam")]
    assert rows(path, "SELECT stream_id, value FROM labels") == [(2, "red"), (3, "red")]
    assert rows(path, "SELECT count(*), sum(predicted), count(utc) FROM frames") == [(14, 0, 0)]
    assert rows(path, "SELECT version, compatible FROM schema_version") == [
        (schema.VERSION, schema.COMPATIBLE)
    ]
    columns = {
        (table.name, column.name): None
        for table in schema.runs.metadata.tables.values()
        for column in table.columns
    }
    there = rows(
        path,
        "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table'",
    )
    assert set(columns) <= set(there)


@pytest.mark.parametrize(("version", "compatible", "goes_on"), [(9, 2, True), (9, 9, False)])
def test_a_database_of_a_later_version(
    observe: Any, tmp_path: Path, version: int, compatible: int, goes_on: bool
) -> None:
    path = tmp_path / "a.db"
    write(DatabaseSink(path), observe("cam", 0, boxes=BOXES))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE schema_version SET version = ?, compatible = ?", (version, compatible))
        db.commit()
    if goes_on:
        write(DatabaseSink(path), observe("cam", 0, boxes=BOXES))
        assert rows(path, "SELECT count(*) FROM runs") == [(2,)]
    else:
        with pytest.raises(SinkError, match=r"a\.db.*later version.*schema 9.*upgrade Sightline"):
            DatabaseSink(path).open(INFO)
        assert rows(path, "SELECT count(*) FROM runs") == [(1,)]
    assert rows(path, "SELECT version FROM schema_version") == [(version,)]

"""Wall-clock time stands in every output that has room for it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sightline.sinks.coco import CocoSink
from sightline.sinks.csv_ import COLUMNS, CsvSink
from sightline.sinks.database import DatabaseSink
from sightline.sinks.jsonl import JsonLinesSink
from sightline.types import Event, StreamInfo

INFO = StreamInfo("cam", 96, 64, 25.0)
BOX = [[10, 10, 80, 50, 0.5, 2, 7]]
EIGHT = datetime(2026, 11, 28, 8, tzinfo=UTC).timestamp()
TEXTS = ["2026-11-28T08:00:00.000Z", "2026-11-28T08:00:00.040Z"]


def write(sink: Any, observe: Any, *, known: bool = True, event: Event | None = None) -> None:
    sink.open(INFO)
    for index in range(2):
        seen = observe("cam", index, boxes=BOX)
        if known:
            clock = "arrival" if index == 0 else "rtcp"
            frame = replace(seen.frame, utc=EIGHT + seen.frame.time, clock=clock)
            seen = replace(seen, frame=frame, events=(event,) if event else ())
        sink.write(seen)
    sink.close()


def test_lines_say_when_and_by_which_clock(observe: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(JsonLinesSink(path), observe, event=Event("line", 0.02, "cam"))
    lines = [json.loads(line) for line in path.open()]
    assert [(line["utc"], line["clock"]) for line in lines] == list(
        zip(TEXTS, ("arrival", "rtcp"), strict=True)
    )
    assert {line["events"][0]["utc"] for line in lines} == {"2026-11-28T08:00:00.020Z"}
    write(JsonLinesSink(path), observe, known=False)
    assert not any({"utc", "clock"} & json.loads(line).keys() for line in path.open())


def test_rows_do(observe: Any, tmp_path: Path) -> None:
    write(CsvSink(tmp_path / "a.csv"), observe)
    write(CsvSink(tmp_path / "b.csv"), observe, known=False)
    rows = [line.split(",")[12:14] for line in (tmp_path / "a.csv").read_text().splitlines()]
    assert rows == [["utc", "clock"], [TEXTS[0], "arrival"], [TEXTS[1], "rtcp"]]
    assert (tmp_path / "b.csv").read_text().splitlines()[1].endswith(",0,,,")


@pytest.mark.parametrize("columns", [11, 12, 13, 14, 15])
def test_tables_of_every_earlier_version_go_on(observe: Any, tmp_path: Path, columns: int) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join(COLUMNS[:columns]) + "\n")
    for _ in range(2):
        write(CsvSink(path, append=True), observe)
    lines = path.read_text().splitlines()
    assert len(lines) == 5
    assert {line.count(",") for line in lines} == {columns - 1}


def test_images_of_coco_do(observe: Any, tmp_path: Path) -> None:
    write(CocoSink(tmp_path / "a.json"), observe)
    images = json.loads((tmp_path / "a.json").read_text())["images"]
    assert [image["date_captured"] for image in images] == TEXTS
    assert [image["clock"] for image in images] == ["arrival", "rtcp"]


def test_frames_and_tracks_of_a_database_do(observe: Any, tmp_path: Path) -> None:
    write(DatabaseSink(tmp_path / "a.db"), observe)
    first, last = "2026-11-28 08:00:00.000000", "2026-11-28 08:00:00.040000"
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        frames = db.execute("SELECT utc, clock FROM frames ORDER BY frame").fetchall()
        assert frames == [(first, "arrival"), (last, "rtcp")]
        assert db.execute("SELECT first_utc, last_utc FROM tracks").fetchall() == [(first, last)]


def test_a_track_has_a_first_time_though_batches_come_later(observe: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    for _ in range(2):
        write(DatabaseSink(path), observe)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(DISTINCT first_utc), count(*) FROM tracks").fetchone() == (
            1,
            2,
        )


LATER = {"frames": ("predicted", "utc", "clock"), "tracks": ("first_utc", "last_utc")}


def test_databases_of_every_earlier_version_get_the_columns(observe: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    write(DatabaseSink(path), observe)
    with closing(sqlite3.connect(path)) as db:
        for table in ("labels", "events", "schema_version"):
            db.execute(f"DROP TABLE {table}")
        for table, columns in LATER.items():
            for column in columns:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.commit()
    write(DatabaseSink(path), observe)
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT utc IS NULL, clock, predicted FROM frames ORDER BY stream_id, frame"
        assert db.execute(query).fetchall() == [
            (1, None, 0), (1, None, 0), (0, "arrival", 0), (0, "rtcp", 0),
        ]  # fmt: skip
        assert db.execute("SELECT first_utc IS NULL FROM tracks").fetchall() == [(1,), (0,)]

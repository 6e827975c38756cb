"""Outputs that are removed, renamed or rotated while streams write to them."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import pytest
from tests.waiting import wait_for

from sightline.protocols import Rotating
from sightline.runtime.streams.resilient_sink import ResilientSink
from sightline.sinks import coco, lines, video
from sightline.sinks.coco import CocoSink
from sightline.sinks.csv_ import CsvSink
from sightline.sinks.database import DatabaseSink
from sightline.sinks.images import ImageSink
from sightline.sinks.jsonl import JsonLinesSink
from sightline.sinks.mot import MotSink
from sightline.sinks.video import VideoSink
from sightline.types import StreamInfo

BOX = [[1, 2, 30, 40, 0.5, 2, 7]]
FPS = 50
ROUNDS = 20
COUNT = 60  # more than the encoder holds back


def info(name: str, *, live: bool = True) -> StreamInfo:
    return StreamInfo(name, 96, 64, FPS, live=live)


def read_lines(path: Path) -> set[tuple[str, int]]:
    return {(one["stream"], one["frame"]) for one in map(json.loads, path.open())}


def read_rows(path: Path) -> set[tuple[str, int]]:
    with path.open(newline="") as file:
        return {(row["stream"], int(row["frame"])) for row in csv.DictReader(file)}


def read_database(path: Path) -> set[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'frames'").fetchone():
            return set()
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        query = "SELECT s.name, f.frame FROM frames f JOIN streams s ON s.id = f.stream_id"
        return set(db.execute(query).fetchall())


LINES = ("renamed", "removed", "folder renamed", "folder removed", "emptied")
DATABASE = (*LINES, "log removed", "index removed")


def move_away(path: Path, how: str, number: int) -> None:
    """What somebody does to an output that is written. What had been in it stays in ``old-NUMBER``
    where it has a name still: whoever removes a file wants to be rid of what was in it until then."""
    old = path.parent.parent / f"old-{number}"
    if how == "renamed":
        path.rename(old)
    elif how == "removed":
        old.hardlink_to(path)
        path.unlink()
    elif how == "folder renamed":
        path.parent.rename(old)
    elif how == "folder removed":
        shutil.rmtree(path.parent, ignore_errors=True)
    elif how == "emptied":
        os.truncate(path, 0)
    else:
        path.with_name(
            path.name + {"log": "-wal", "index": "-shm"}[how.split(maxsplit=1)[0]]
        ).unlink()


def filled(path: Path) -> bool:
    """Whether something is in a file, which may be taken away at any moment."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size > 0
    return False


@pytest.mark.parametrize(
    ("make", "read", "how"),
    [
        *(pytest.param(lambda path: JsonLinesSink(path, join=True), read_lines, how, id=f"lines {how}") for how in LINES),
        pytest.param(lambda path: CsvSink(path, join=True), read_rows, "removed", id="csv removed"),
        *(pytest.param(lambda path: DatabaseSink(path, patient=True), read_database, how, id=f"database {how}") for how in DATABASE),
    ],
)  # fmt: skip
def test_three_streams_lose_less_than_a_second(
    make: Callable[[Path], Any],
    read: Callable[[Path], set[tuple[str, int]]],
    how: str,
    observe: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "CHECK_S", 0.05)
    monkeypatch.setattr("sightline.sinks.database._LINGER_S", 0.02)
    path = tmp_path / "out" / "all"
    written: dict[str, list[float]] = {}
    going = threading.Event()
    sinks = {name: make(path) for name in "abc"}
    outputs = {name: ResilientSink(sink) for name, sink in sinks.items()}

    def run(name: str) -> None:
        output = outputs[name]
        output.open(info(name))
        times = written.setdefault(name, [])
        while not going.is_set():
            output.write(observe(name, len(times), boxes=BOX))
            times.append(time.monotonic())
            going.wait(0.01)

    threads = [threading.Thread(target=run, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    gone_at: list[float] = []
    try:
        for number in range(ROUNDS + 1):
            last = {name: len(times) for name, times in written.items()}
            wait_for(
                lambda last=last: (
                    len(written) == 3
                    and all(len(written[n]) > last.get(n, 0) + 4 for n in "abc")
                    and filled(path)
                    and (
                        read is not read_database
                        or all(path.with_name(f"all-{part}").exists() for part in ("wal", "shm"))
                    )
                ),
            )
            if number == ROUNDS:
                break
            gone_at.append(time.monotonic())
            move_away(path, how, number)
    finally:
        going.set()
        for thread in threads:
            thread.join()
    for sink in sinks.values():
        sink.close()
    seen = read(path)
    for name, times in written.items():
        # What was written after the last time is there, whole.
        assert {(name, i) for i, at in enumerate(times) if at >= gone_at[-1] + 1.0} <= seen
    if how not in {"folder removed", "emptied"}:  # else what was there is gone
        files = [file / "all" if file.is_dir() else file for file in tmp_path.glob("old-*")]
        files += path.parent.glob("all.before-*")
        kept = seen.union(*map(read, files))
        everything = {(name, i) for name, times in written.items() for i in range(len(times))}
        assert len(everything - kept) == sum(output.lost for output in outputs.values()) == 0


def test_a_database_that_is_written_over_is_set_aside(
    observe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.sinks.database._LINGER_S", 0.0)
    path = tmp_path / "all"
    sinks = {name: DatabaseSink(path, patient=True) for name in "ab"}
    count = 0

    def write() -> None:
        nonlocal count
        for name, sink in sinks.items():
            sink.write(observe(name, count, boxes=BOX))
        count += 1

    for name, sink in sinks.items():
        sink.open(info(name))
    write()
    wait_for(lambda: len(read_database(path)) == 2)
    path.write_bytes(b"not a database" * 1000)
    wait_for(lambda: write() or list(tmp_path.glob("all.broken-*")))  # type: ignore[func-returns-value]
    write()
    for sink in sinks.values():
        sink.close()
    assert {("a", count - 1), ("b", count - 1)} <= read_database(path)


def test_a_reader_of_a_renamed_database_holds_rows_back(
    observe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.sinks.database._LINGER_S", 0.0)
    path = tmp_path / "all"
    for ends in (True, False):
        sink = DatabaseSink(path, patient=True)
        assert isinstance(sink, Rotating)
        sink.open(info("a"))
        sink.write(observe("a", 0, boxes=BOX))
        wait_for(lambda: ("a", 0) in read_database(path))
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM frames").fetchall()
        sink.write(observe("a", 1, boxes=BOX))
        wait_for(lambda: ("a", 1) in read_database(path))
        old = path.rename(tmp_path / f"old-{ends}")
        sink.write(observe("a", 2, boxes=BOX))
        wait_for(lambda: path.exists() and ("a", 2) in read_database(path))
        if ends:
            reader.close()
        sink.close()
        reader.close()
        assert read_database(path) == {("a", 2)}
        missing = {("a", 0), ("a", 1)} - read_database(old)
        # At most: SQLite does not say how much of its log it could bring into the file.
        assert len(missing) <= sink.lost == (0 if ends else 2)
        path.unlink()


@pytest.mark.parametrize("make", [JsonLinesSink, CsvSink])
@pytest.mark.parametrize("reopened", [False, True])
def test_lines_to_a_file_that_is_removed_just_before_the_end_are_kept(
    make: Callable[[Path], Any], reopened: bool, observe: Any, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "a"
    sink = make(path)
    sink.open(info("a"))
    for frame in range(3):
        sink.write(observe("a", frame, boxes=BOX))
    shutil.rmtree(path.parent)
    if reopened:
        sink.reopen()
    sink.close()
    read = read_lines if make is JsonLinesSink else read_rows
    assert read(path) == {("a", frame) for frame in range(3)}
    path.unlink()
    sink.close()
    assert not path.exists()


def test_coco_ends_what_was_renamed_and_counts_what_was_removed(
    observe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco, "CHECK_S", 0.0)
    path, part, old = tmp_path / "a.json", tmp_path / "a.json.part", tmp_path / "old.json"
    sink = CocoSink(path)
    sink.open(info("a"))
    sink.write(observe("a", 0, boxes=BOX))
    part.rename(old)
    sink.write(observe("a", 1, boxes=BOX))
    part.unlink()
    sink.write(observe("a", 2, boxes=BOX))
    assert isinstance(sink, Rotating)
    sink.reopen()
    sink.write(observe("a", 3, boxes=BOX))
    sink.close()

    def frames(file: Path) -> list[str]:
        return [image["file_name"] for image in json.loads(file.read_text())["images"]]

    assert frames(old) == ["a/000000"]
    assert sink.lost == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a-2.json", "a.json", "old.json"]
    assert {name for file in tmp_path.iterdir() for name in frames(file)} == {
        "a/000000", "a/000002", "a/000003",
    }  # fmt: skip


def test_videos_end_and_begin(
    observe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "CHECK_S", 0.0)
    path, old = tmp_path / "a.mp4", tmp_path / "old.mp4"
    sink = VideoSink(path)
    sink.open(info("a"))

    def write(first: int) -> None:
        for index in range(first, first + COUNT):
            sink.write(observe("a", index, time=index / FPS, boxes=BOX))
        wait_for(lambda: sink._files["a"]._last_index == first + COUNT - 1)

    write(0)
    path.rename(old)
    write(COUNT)
    sink.reopen()
    write(2 * COUNT)
    (tmp_path / "a-2.mp4").unlink()
    write(3 * COUNT)
    sink.close()

    def times(file: Path) -> list[int]:
        with av.open(str(file)) as container:
            return [round(frame.time * FPS) for frame in container.decode(video=0)]

    assert times(old) == times(path) == times(tmp_path / "a-2.mp4") == list(range(COUNT))
    assert sink.lost > 0


def test_rows_of_tracks_and_pictures_go_on(
    observe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "CHECK_S", 0.0)
    folder = tmp_path / "out"
    sinks: list[Any] = [MotSink(f"{folder}/"), ImageSink(folder)]
    for index in range(2):
        for sink in sinks:
            if not index:
                sink.open(info("a"))
            sink.write(observe("a", index, boxes=BOX))
        if not index:
            shutil.rmtree(folder)
    assert (folder / "a.txt").read_text().splitlines()[-1].startswith("2,7,")
    assert (folder / "a-000001.jpg").exists()

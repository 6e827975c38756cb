"""What every sink promises, held against all of them."""

from __future__ import annotations

import csv
import importlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import sightline
from sightline.errors import SinkError
from sightline.types import Detections, Frame, Observation, StreamInfo

Seen = set[tuple[str, int]]
FPS = 25.0


class Noise:
    """A picture that does not compress."""

    width, height = 64, 48

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def scaled(self, width: int, height: int, order: str, out: Any = None) -> Any:
        assert out is None
        return np.random.default_rng(self.seed).integers(0, 255, (height, width, 3), np.uint8)


def observe(stream: str, index: int) -> Observation:
    frame = Frame(stream, index, index / FPS, 0.0, Noise(index))
    found = Detections(
        np.array([[1, 2, 30, 40], [5, 6, 20.5, 21]], np.float32),
        np.array([0.9, 0.5], np.float32),
        np.array([0, 1]),
        np.array([1, 2]),
        class_names=("person", "car"),
    )
    return Observation(frame, found)


def info(name: str) -> StreamInfo:
    return StreamInfo(name, Noise.width, Noise.height, FPS)


def read_jsonl(path: Path) -> Seen:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(len(line["objects"]) == 2 for line in lines)
    return {(line["stream"], line["frame"]) for line in lines}


def read_csv(path: Path) -> Seen:
    rows = list(csv.DictReader(path.open(newline="")))
    assert all(None not in row.values() for row in rows)
    return {(row["stream"], int(row["frame"])) for row in rows}


def read_coco(path: Path) -> Seen:
    content = json.loads(path.read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    assert [c["name"] for c in content["categories"]] == ["person", "car"][: 2 * bool(names)]
    assert len(content["annotations"]) == 2 * len(names)
    assert {a["image_id"] for a in content["annotations"]} == set(names)
    return {(n.partition("/")[0], int(n.partition("/")[2])) for n in names.values()}


def read_mot(path: Path) -> Seen:
    rows = [(f.stem, line.split(",")) for f in path.iterdir() for line in f.read_text().split()]
    assert all(len(row) == 10 for _, row in rows)
    return {(name, int(row[0]) - 1) for name, row in rows}


def read_yolo_txt(path: Path) -> Seen:
    files = [file for file in (path / "labels").iterdir() if not file.name.startswith(".")]
    rows = [line.split() for file in files for line in file.read_text().splitlines()]
    assert all(len(row) == 5 for row in rows)
    assert len(rows) == 2 * len(files)
    assert not files or (path / "classes.txt").read_text() == "person\ncar\n"
    return {(name, int(index)) for name, index in (file.stem.rsplit("-", 1) for file in files)}


def read_crops(path: Path) -> Seen:
    files = [file for file in path.rglob("*.jpg") if not file.name.startswith(".")]
    assert {str(f.parent.name) + f.name.split("-")[0] for f in files} <= {"person1", "car2"}
    assert all(cv2.imread(str(file)) is not None for file in files)
    return {(file.parts[-3], int(file.stem.split("-")[1])) for file in files}


def read_video(path: Path) -> Seen:
    seen: Seen = set()
    for file in path.iterdir():
        with av.open(str(file)) as container:
            seen |= {(file.stem, round(f.time * FPS)) for f in container.decode(video=0)}
    return seen


def read_images(path: Path) -> Seen:
    files = [file for file in path.iterdir() if not file.name.startswith(".")]
    # A JPEG that ends with its end marker is whole.
    assert all(file.read_bytes().endswith(b"\xff\xd9") for file in files)
    return {(f.stem.rsplit("-", 1)[0], int(f.stem.rsplit("-", 1)[1])) for f in files}


def read_database(path: Path) -> Seen:
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        torn = db.execute(
            "SELECT count(*) FROM frames f WHERE objects != (SELECT count(*) FROM objects o"
            " WHERE o.stream_id = f.stream_id AND o.frame = f.frame)"
        )
        assert torn.fetchone() == (0,)
        rows = db.execute(
            "SELECT name, frame FROM frames JOIN streams ON streams.id = stream_id"
        ).fetchall()
    db.close()
    return set(rows)


@dataclass(frozen=True)
class Case:
    module: str
    name: str
    target: str
    read: Callable[[Path], Seen]
    limit: int
    """A file size that is reached soon."""
    whole_or_none: bool = False
    """Its format has no valid half: a run that breaks leaves no file."""
    options: Mapping[str, Any] = field(default_factory=dict)

    def seen(self, folder: Path) -> Seen:
        """What can be read of an output that broke off."""
        if self.whole_or_none:
            assert not (folder / self.target).exists()
            return set()
        return self.read(folder / self.target)

    def make(self, folder: Path) -> Any:
        sink = getattr(importlib.import_module(f"sightline.sinks.{self.module}"), self.name)
        return sink(f"{folder}/{self.target}", **self.options)


CASES = [
    pytest.param(Case("jsonl", "JsonLinesSink", "out.jsonl", read_jsonl, 2000), id="jsonl"),
    pytest.param(Case("csv_", "CsvSink", "out.csv", read_csv, 2000), id="csv"),
    pytest.param(
        Case("coco", "CocoSink", "out.json", read_coco, 2000, whole_or_none=True), id="coco"
    ),
    pytest.param(Case("mot", "MotSink", "out/", read_mot, 2000), id="mot"),
    pytest.param(Case("yolo_txt", "YoloTxtSink", "out", read_yolo_txt, 10), id="yolo_txt"),
    pytest.param(
        Case("crops", "CropSink", "out", read_crops, 10, options={"per_track": 0}), id="crops"
    ),
    pytest.param(Case("video", "VideoSink", "out/", read_video, 400_000), id="video"),
    pytest.param(Case("images", "ImageSink", "out", read_images, 1000), id="images"),
    pytest.param(Case("database", "DatabaseSink", "out.db", read_database, 200_000), id="database"),
]
FOLDERS = {"ImageSink", "CropSink", "YoloTxtSink"}
"""Write a file for each frame."""
every_sink = pytest.mark.parametrize("case", CASES)


@every_sink
def test_everything_written_is_there_after_close(case: Case, tmp_path: Path) -> None:
    sink = case.make(tmp_path)
    sink.open(info("cam"))
    for index in range(30):
        sink.write(observe("cam", index))
    sink.close()
    sink.close()
    assert case.read(tmp_path / case.target) == {("cam", index) for index in range(30)}


@every_sink
def test_streams_share_a_sink_from_their_own_threads(case: Case, tmp_path: Path) -> None:
    sink = case.make(tmp_path)
    failures: list[BaseException] = []

    def run(name: str) -> None:
        try:
            sink.open(info(name))
            for index in range(20):
                sink.write(observe(name, index))
        except BaseException as failure:  # noqa: BLE001 - looked at below
            failures.append(failure)

    names = ["a", "b", "c", "d"]
    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.close()
    assert failures == []
    expected = {(name, index) for name in names for index in range(20)}
    assert case.read(tmp_path / case.target) == expected


@every_sink
def test_a_sink_that_was_never_opened_closes_and_leaves_nothing(case: Case, tmp_path: Path) -> None:
    case.make(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


@every_sink
def test_a_stream_without_frames_is_no_error(case: Case, tmp_path: Path) -> None:
    sink = case.make(tmp_path)
    sink.open(info("cam"))
    sink.close()


@every_sink
def test_writing_without_opening_is_refused(case: Case, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="open"):
        case.make(tmp_path).write(observe("cam", 0))


@every_sink
def test_missing_folders_are_made(case: Case, tmp_path: Path) -> None:
    sink = case.make(tmp_path / "new" / "folder")
    sink.open(info("cam"))
    sink.write(observe("cam", 0))
    sink.close()
    assert case.read(tmp_path / "new" / "folder" / case.target) == {("cam", 0)}


@every_sink
def test_a_file_in_the_way_is_told_before_the_first_frame(case: Case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(SinkError, match=r"cannot write .*file.*choose another place"):
        case.make(tmp_path / "file").open(info("cam"))
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("case", [c for c in CASES if not c.values[0].target.endswith("/")])
def test_a_folder_where_a_file_should_be(case: Case, tmp_path: Path) -> None:
    if case.name in FOLDERS:
        pytest.skip("writes to a folder")
    (tmp_path / case.target).mkdir()
    with pytest.raises(SinkError, match=r"out\.\w+: it is a folder"):
        case.make(tmp_path).open(info("cam"))


# Writes frames for ever; prints how many were taken. With a limit, the disk is soon "full".
CHILD = """
import importlib, json, resource, signal, sys
sys.path.insert(0, sys.argv[1])
from test_sink import info, observe
from sightline.errors import SinkError
module, name, target, limit, options = sys.argv[2:]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
sink = getattr(importlib.import_module("sightline.sinks." + module), name)(target, **json.loads(options))
taken = 0
try:
    sink.open(info("cam"))
    while True:
        sink.write(observe("cam", taken))
        taken += 1
        print(taken, flush=True)
except SinkError as error:
    print("SinkError:", error, flush=True)
    sink.close()
    print("closed", flush=True)
"""


def start_child(case: Case, folder: Path, limit: int = 0) -> subprocess.Popen[str]:
    package = Path(sightline.__file__).parents[1]
    return subprocess.Popen(
        [
            sys.executable, "-c", CHILD, str(Path(__file__).parent),
            case.module, case.name, f"{folder}/{case.target}", str(limit),
            json.dumps(dict(case.options)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(package)},
    )  # fmt: skip


@every_sink
def test_a_full_disk_is_told_and_what_was_written_stays_valid(case: Case, tmp_path: Path) -> None:
    with start_child(case, tmp_path, case.limit) as child:
        lines = child.communicate(timeout=60)[0].splitlines()
    error = next(line for line in lines if line.startswith("SinkError"))
    assert "out" in error
    assert "limit is reached" in error or "disk is full" in error
    # The failure was seen once; closing does not tell it again.
    assert lines[-1] == "closed"
    frames = {index for _, index in case.seen(tmp_path)}
    assert frames == set(range(len(frames)))
    # Each file of a folder is larger than the limit.
    assert frames or case.name in FOLDERS or case.whole_or_none


@every_sink
def test_a_killed_process_leaves_a_valid_output(case: Case, tmp_path: Path) -> None:
    with start_child(case, tmp_path) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= 400:
                break
        child.send_signal(signal.SIGKILL)
    frames = {index for _, index in case.seen(tmp_path)}
    assert frames == set(range(len(frames)))
    # Databases and videos are stored in groups.
    assert len(frames) >= 400 or case.module in ("database", "video") or case.whole_or_none


def test_a_database_survives_many_kills(tmp_path: Path) -> None:
    case = next(c.values[0] for c in CASES if c.id == "database")
    for kill in range(4):
        with start_child(case, tmp_path) as child:
            assert child.stdout is not None
            for line in child.stdout:
                if int(line) >= 50 + 237 * kill:
                    break
            child.send_signal(signal.SIGKILL)
        case.read(tmp_path / case.target)  # checks that all of it is whole
    with sqlite3.connect(tmp_path / case.target) as db:
        assert db.execute("SELECT state, count(*) FROM runs GROUP BY 1").fetchall() == [
            ("running", 4)
        ]
        gaps = db.execute(
            "SELECT stream_id FROM frames GROUP BY stream_id HAVING max(frame) + 1 != count(*)"
        )
        assert gaps.fetchall() == []
    db.close()

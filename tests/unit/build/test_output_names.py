"""A misspelt suffix is an error that names the right one; a folder must look like a folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.build.outputs import outputs
from sightline.config import OutputOptions
from sightline.errors import ConfigError

PICTURES: Any = SimpleNamespace(name="pictures", still=True, live=False)
VIDEO: Any = SimpleNamespace(name="film", still=False, live=False)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.x").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("option", "path", "source", "said"),
    [
        ("annotated", "a.jgp", PICTURES, "did you mean a.jpg? A folder of that name is a.jgp/"),
        ("annotated", "out/a.pgn", PICTURES, "did you mean out/a.png?"),
        ("annotated", "a.jpge", PICTURES, "did you mean a.jp"),
        ("annotated", "a.gif", PICTURES, "use .jpeg, .jpg, .png, or a folder: a.gif/"),
        ("annotated", "a.mp4", PICTURES, "pictures go to a folder"),
        ("annotated", "a.mp5", VIDEO, "did you mean a.mp4?"),
        ("annotated", "a.mvk", VIDEO, "did you mean a.mkv?"),
        ("annotated", "a.jpg", VIDEO, ".jpg is no kind of video that is written"),
        ("yolo_txt", "labels.txt", PICTURES, "--yolo-txt labels.txt: it is a folder with many files: give labels/"),
        ("crops", "out/a.jpg", VIDEO, "--crops out/a.jpg: it is a folder with many files: give out/a/"),
        ("csv", "film.mp4", VIDEO, "--csv film.mp4: .mp4 is the name of a video, and this is none: give film.csv"),
        ("mot", "out/film.AVI", VIDEO, "--mot out/film.AVI: .avi is the name of a video, and this is none: give out/film.txt"),
        ("json_lines", "a.jpg", PICTURES, "--json a.jpg: .jpg is the name of a picture, and this is none: give a.jsonl"),
        ("database", "best.onnx", VIDEO, "--db best.onnx: .onnx is the name of a model, and this is none: give best.db"),
        ("csv", "a.xlsx", VIDEO, "--csv a.xlsx: .xlsx is the name of a spreadsheet, and this is none: give a.csv"),
        ("csv", "a.csv.gz", VIDEO, "--csv a.csv.gz: .gz is the name of a compressed file, and this is none: give a.csv, or"),
        ("json_lines", "a.parquet", VIDEO, ".parquet is the name of a column table, and this is none: give a.jsonl"),
        ("coco", "a.html", VIDEO, ".html is the name of a document, and this is none: give a.json"),
        ("database", "run.zip", VIDEO, "--db run.zip: .zip is the name of a compressed file, and this is none: give run.db"),
        ("coco", "a.gif", VIDEO, "--coco a.gif: .gif is the name of a picture, and this is none: give a.json"),
    ],
)  # fmt: skip
def test_what_is_no_name_of_an_output(
    option: str, path: str, source: Any, said: str, here: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        outputs(OutputOptions(**{option: path}), {}, [source])
    assert said in str(caught.value)
    assert [one.name for one in here.iterdir()] == ["there.x"]


@pytest.mark.parametrize("path", ["out", "out.d/", "there.x", "2026.11.28", ".hidden", "a.JPG"])
def test_what_is_a_name_of_pictures(path: str) -> None:
    assert outputs(OutputOptions(annotated=path), {}, [PICTURES]).sinks(PICTURES)
    if not path.endswith("JPG"):
        options = OutputOptions(yolo_txt=path, crops=path)
        assert len(outputs(options, {}, [PICTURES]).sinks(PICTURES)) == 2


@pytest.mark.parametrize(
    ("option", "path", "said"),
    [
        ("csv", "a.cvs", "--csv a.cvs: is a.csv meant?"),
        ("json_lines", "a.jsnol", "--json a.jsnol: is a.jsonl meant?"),
        ("csv", "a.json", "--csv a.json: it is no .json file whatever its name says: a.csv is usual"),
        ("json_lines", "a.csv", "--json a.csv: it is no .csv file whatever its name says: a.jsonl is usual"),
        ("coco", "a.jsonl", "--coco a.jsonl: it is no .jsonl file"),
        ("database", "a.csv", "--db a.csv: it is no .csv file"),
        ("json_lines", "a.json", ""),
        ("json_lines", "a.log", ""),
        ("csv", "a.txt", ""),
        ("csv", "a", ""),
        ("csv", "there.x", ""),
        ("csv", "there.mp4/", ""),
        ("mot", "a.csv", ""),
        ("database", "runs.sqlite", ""),
        ("database", "sqlite:///runs.mp4", ""),
    ],
)  # fmt: skip
def test_a_name_that_is_odd_is_written_all_the_same(
    option: str, path: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = outputs(OutputOptions(**{option: path}), {}, [VIDEO])
    assert made.sinks(VIDEO)
    made.close()
    assert said in caplog.text if said else not caplog.text


@pytest.mark.parametrize("option", ["json_lines", "csv", "mot", "coco"])
def test_a_database_is_never_lost_to_a_text(option: str, here: Path) -> None:
    (here / "run.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(ConfigError, match=r"run\.db: a file is there that is no text"):
        outputs(OutputOptions(**{option: "run.db"}), {}, [VIDEO])
    assert (here / "run.db").stat().st_size == 116
    (here / "old.txt").write_text("frame")
    assert outputs(OutputOptions(**{option: "old.txt"}), {}, [VIDEO])


def test_an_older_video_is_replaced(here: Path) -> None:
    (here / "old.mp4").write_bytes(bytes(100))
    assert outputs(OutputOptions(annotated="old.mp4"), {}, [VIDEO])

"""``sightline search``: footage is indexed and searched, with the bundled models on the street."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from sightline.cli.main import app
from sightline.errors import SightlineError
from sightline.geometry import iou_matrix
from sightline.sources.street import StreetOptions, StreetSource, truth_of

SIZE = (640, 360)
MODEL = ("--model", "street")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of the street, a second apart."""
    folder = tmp_path_factory.mktemp("pictures")
    options = StreetOptions(seed=10_502, width=SIZE[0], height=SIZE[1], fps=1, duration=3)
    for frame in StreetSource(options):
        cv2.imwrite(str(folder / f"{frame.index}.png"), frame.image)
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the street."""
    path = tmp_path_factory.mktemp("videos") / "gate.mp4"
    options = StreetOptions(seed=10_502, width=SIZE[0], height=SIZE[1], fps=10, duration=2)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, SIZE)
    for frame in StreetSource(options):
        writer.write(frame.image)
    writer.release()
    return path


@pytest.fixture(scope="module")
def indexed(video: Path, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the video and the pictures; not to be written to."""
    database = tmp_path_factory.mktemp("database") / "street.db"
    run("index", str(video), str(pictures), *MODEL, "--db", str(database))
    return database


def search(*words: str) -> Result:
    return CliRunner().invoke(app, ["search", *words])


def run(*words: str, code: int = 0) -> str:
    """What a command prints. In this process, errors are not yet messages."""
    result = search(*words)
    assert result.exit_code == code, (result.output, result.exception)
    return str(result.stdout)


def matches(*words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("query", *words, "--json"))["matches"]
    return found


def test_a_car_of_the_pictures_is_found_in_the_video(indexed: Path, pictures: Path) -> None:
    first = next(
        iter(
            StreetSource(
                StreetOptions(seed=10_502, width=SIZE[0], height=SIZE[1], fps=1, duration=1)
            )
        )
    )
    truth = truth_of(first)
    sides = truth.boxes[:, 2:] - truth.boxes[:, :2]
    inside = (truth.boxes[:, :2] > 2).all(axis=1) & (truth.boxes[:, 2:] < np.array(SIZE) - 2).all(
        axis=1
    )
    row = int(np.argmax(sides.min(axis=1) * inside * (truth.visibility > 0.95)))
    box = ",".join(f"{side:.0f}" for side in truth.boxes[row])
    found = matches(str(pictures / "0.png"), "--box", box, "--db", str(indexed), "--count", "4")
    assert found[0]["stream"] == "0.png"
    assert np.abs(np.array(found[0]["box"]) - truth.boxes[row]).max() < 8
    assert found[0]["path"] == str(pictures / "0.png")
    assert [m["similarity"] for m in found] == sorted(
        (m["similarity"] for m in found), reverse=True
    )
    (track,) = {m["track_id"] for m in found if m["stream"] == "gate"} or {None}
    assert track is not None, found
    again = matches("--track", f"gate:{track}", "--db", str(indexed), "--count", "3")
    assert again[0]["track_id"] == track
    assert again[0]["similarity"] > 0.99


def test_each_track_is_there_once(indexed: Path) -> None:
    with sqlite3.connect(indexed) as db:
        rows = db.execute(
            "SELECT e.track_id, t.frames, length(e.picture), length(e.vector) FROM embeddings e "
            "JOIN tracks t USING (stream_id, track_id)"
        ).fetchall()
    assert len({row[0] for row in rows}) == len(rows) > 2
    assert all(
        frames > 1 and 500 < picture < 20_000 and vector == 256
        for _, frames, picture, vector in rows
    )


def test_a_sheet_shows_what_was_found(indexed: Path, pictures: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "found.png"
    run("query", str(pictures / "1.png"), "--db", str(indexed), "--sheet", str(sheet), "-k", "7")
    shown = cv2.imread(str(sheet))
    assert shown is not None
    assert shown.shape[1] > 5 * 160
    assert shown.shape[0] > 2 * 160
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 500


def test_people_read_lines(indexed: Path, pictures: Path) -> None:
    lines = run("query", str(pictures / "1.png"), "--db", str(indexed), "-k", "2").splitlines()
    assert len(lines) == 2
    assert lines[0].split()[0] == "1"


def test_only_what_is_new_or_changed_is_indexed(pictures: Path, tmp_path: Path) -> None:
    folder, database = tmp_path / "p", str(tmp_path / "a.db")
    shutil.copytree(pictures, folder)
    (folder / "2.png").unlink()
    words = ("index", str(folder), *MODEL, "--db", database, "--json", "--quiet")

    def told() -> tuple[int, int, int]:
        answer = json.loads(run(*words))
        (source,) = answer["sources"]
        return source["frames"], source["already"], answer["objects"]

    frames, already, two = told()
    assert (frames, already) == (2, 0)
    assert told() == (0, 2, two)
    shutil.copy(pictures / "2.png", folder)
    frames, already, three = told()
    assert (frames, already) == (1, 2)
    assert three > two
    shutil.copy(pictures / "1.png", folder / "0.png")  # another picture by this name
    os.utime(folder / "0.png", (1, 1))
    frames, already, changed = told()
    assert (frames, already) == (1, 2)
    with sqlite3.connect(database) as db:
        pairs = db.execute(
            "SELECT s.name, count(*) FROM embeddings e JOIN streams s ON s.id = e.stream_id GROUP BY 1"
        ).fetchall()
    counts = dict(pairs)
    assert counts["0.png"] == counts["1.png"], "what the file held before is no longer found"
    assert sum(counts.values()) == changed


def test_a_video_that_was_cut_off_is_indexed_again(video: Path, tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    words = ("index", str(video), *MODEL, "--db", str(database), "--json", "--quiet")
    whole = json.loads(run(*words))
    with sqlite3.connect(database) as db:  # as a kill leaves it
        db.execute("UPDATE runs SET state = 'running', ended_at = NULL")
    again = json.loads(run(*words))
    assert again["sources"][0]["frames"] == whole["sources"][0]["frames"] == 20
    assert json.loads(run(*words))["sources"][0] == {
        "name": "gate", "frames": 0, "already": 1, "left_out": {}, "error": None,
    }  # fmt: skip
    assert again["objects"] == whole["objects"], "what the first run left is not found twice"


def test_pictures_that_cannot_be_read_are_counted_and_the_rest_goes_on(
    pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "p"
    shutil.copytree(pictures, folder)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "text.jpg").write_text("no picture")
    result = search("index", str(folder), *MODEL, "--db", str(tmp_path / "a.db"), "--json")
    assert result.exit_code == 1
    (source,) = json.loads(result.stdout)["sources"]
    assert (source["frames"], source["left_out"]) == (3, {"corrupt": 2})
    assert "2 of 5 pictures were left out" in source["error"]
    assert "text.jpg" in result.stderr


def test_nothing_is_found_in_what_is_indexed(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((90, 160, 3), 90, np.uint8))
    database = str(tmp_path / "a.db")
    assert "0 objects can be found" in run(
        "index", str(tmp_path / "grey.png"), *MODEL, "--db", database
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--classes", "caar"), "nothing of the class 'caar' is indexed; did you mean car?"),
        (("--classes", "zebra"), "nothing of the class 'zebra' is indexed; there are "),
        (("--stream", "nowhere", "--classes", "car"), "nothing of the stream 'nowhere' is indexed"),
        (("--before", "1999-01-01T00:00:00Z"), "nothing is indexed that the options let through"),
    ],
)
def test_why_nothing_was_found(
    indexed: Path, pictures: Path, words: tuple[str, ...], said: str
) -> None:
    result = search("query", str(pictures / "0.png"), "--db", str(indexed), *words)
    assert (result.exit_code, result.stdout) == (0, "")
    assert said in result.stderr


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "no area": (("--box", "10,10,10,40"), r"box: .* has no pixels in the picture"),
    "outside": (
        ("--box", "900,10,990,40"),
        r"box: .* has no pixels in the picture, which has 640x360",
    ),
    "no box": (("--box", "10,10,40"), r"--box: it is x1,y1,x2,y2"),
    "words": (("--box", "a,b,c,d"), r"--box: it is x1,y1,x2,y2"),
    "a moment": (("--after", "noon"), r"--after: a moment is written"),
    "an index": (("--index", "faiss"), r"index: it is auto, exact, usearch, not 'faiss'"),
    "a detector": (("--embedder", "street"), r"an embedder is needed"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_asked(indexed: Path, pictures: Path, case: Any) -> None:
    words, said = case
    result = search("query", str(pictures / "0.png"), "--db", str(indexed), *words)
    assert isinstance(result.exception, SightlineError)
    with pytest.raises(type(result.exception), match=said):
        raise result.exception


def test_cars_that_two_cameras_see(tmp_path: Path) -> None:
    """Two views of one street at one time: what is paired is the same car, by the street's own truth."""
    database, views = str(tmp_path / "a.db"), ("mast", "corner")
    truth: dict[str, dict[int, Any]] = {}
    for view in views:
        options = StreetOptions(seed=11_001, width=960, height=576, fps=2, duration=4, camera=view)
        video = cv2.VideoWriter(
            str(tmp_path / f"{view}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 2, (960, 576)
        )
        truth[view] = {}
        for frame in StreetSource(options):
            truth[view][frame.index] = truth_of(frame)
            video.write(frame.image)
        video.release()
        start = ("--start", "2026-11-28T08:00:00Z")
        run("index", str(tmp_path / f"{view}.mp4"), *MODEL, "--db", database, "--quiet", *start)

    def true_id(seen: dict[str, Any]) -> int:
        there = truth[seen["stream"]][seen["frame"]]
        ious = iou_matrix(np.array([seen["box"]], np.float32), there.boxes)[0]
        return int(there.track_ids[int(np.argmax(ious))]) if ious.max() > 0.5 else -1

    sheet = tmp_path / "pairs.png"
    words = ("same", "--db", database, "--mutual", "--classes", "car,bus,truck", "--json")
    found = json.loads(run(*words, "--sheet", str(sheet), "--min-score", "0.8"))["candidates"]
    ids = [[true_id(one) for one in pair["tracks"]] for pair in found]
    assert len(ids) >= 2
    right = sum(first == second >= 0 for first, second in ids)
    assert 2 * right >= len(ids), ids  # processors round differently: some find one wrong pair more
    assert all(pair["gap_s"] < 4 and pair["mutual"] for pair in found)
    assert sheet.stat().st_size > 5_000
    assert run("same", "--db", database, "--min-score", "1") == ""

"""``sightline evaluate``: from files to tables, JSON and exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from sightline.cli.evaluate import app
from sightline.errors import ConfigError

runner = CliRunner()
ROW = "{frame},{id},{x},10,50,50,1"


def run(*args: object) -> Any:
    return runner.invoke(app, [str(arg) for arg in args])


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    """COCO truth of two people in one picture, and results that find one of them."""
    truth, found = tmp_path / "truth.json", tmp_path / "found.json"
    boxes = [[10, 10, 50, 50], [100, 10, 50, 50]]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "bbox": b} for i, b in enumerate(boxes)
        ],
    }
    truth.write_text(json.dumps(content))
    result = {"image_id": 1, "category_id": 1, "bbox": boxes[0], "score": 0.9}
    found.write_text(json.dumps([result]))
    return truth, found


def test_detect(pictures: tuple[Path, Path]) -> None:
    truth, found = pictures
    table = run("detect", truth, "--predictions", found)
    assert table.exit_code == 0
    rows = [line.split() for line in table.stdout.splitlines()]
    assert ["person", "2", "0.505", "0.505", "0.500"] in rows
    assert not any("car" in row for row in rows)
    as_json = json.loads(run("detect", truth, "--predictions", found, "--json").stdout)
    assert as_json["map"] == pytest.approx(51 / 101)
    assert as_json["small"] is None
    assert as_json["per_class"]["car"] == {"ap": None, "ap50": None, "recall": None, "count": 0}


@pytest.mark.parametrize(
    ("needs", "complaints"),
    [
        pytest.param(["map50=0.5", "person.recall=0.5"], [], id="met"),
        pytest.param(
            ["map50=0.9", "map=0.1", "person.recall=0.6"],
            ["map50 is 0.5049505: at least 0.9", "person.recall is 0.5: at least 0.6"],
            id="missed",
        ),
        pytest.param(["small=0.1"], ["small is not known"], id="unknown size"),
    ],
)
def test_requirements(pictures: tuple[Path, Path], needs: list[str], complaints: list[str]) -> None:
    options = [word for need in needs for word in ("--require", need)]
    result = run("detect", pictures[0], "--predictions", pictures[1], "--json", *options)
    assert result.exit_code == (1 if complaints else 0)
    assert len(result.stderr.splitlines()) == len(complaints)
    for complaint in complaints:
        assert complaint in result.stderr
    assert json.loads(result.stdout)["map"]


@pytest.fixture
def tracks(tmp_path: Path) -> tuple[Path, Path]:
    """Two sequences of two frames, and tracks that switch once in the second."""
    for name, ids in (("S1", (1, 1)), ("S2", (1, 9))):
        (tmp_path / "gt" / name / "gt").mkdir(parents=True)
        rows = [ROW.format(frame=n, id=1, x=10 + n) for n in (1, 2)]
        (tmp_path / "gt" / name / "gt" / "gt.txt").write_text("\n".join(rows))
        found = [ROW.format(frame=n, id=i, x=10 + n) for n, i in zip((1, 2), ids, strict=True)]
        (tmp_path / "found").mkdir(exist_ok=True)
        (tmp_path / "found" / f"{name}.txt").write_text("\n".join(found))
    return tmp_path / "gt", tmp_path / "found"


def test_track(tracks: tuple[Path, Path]) -> None:
    truth, found = tracks
    table = run("track", truth, "--predictions", found)
    assert table.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in table.stdout.splitlines() if line.strip()}
    assert rows["score"] == ["S1", "S2", "all"]
    assert rows["mota"] == ["1.000", "0.500", "0.750"]
    assert rows["switches"] == ["0", "1", "1"]
    one = run("track", truth / "S2", "--predictions", found / "S2.txt", "--json")
    as_json = json.loads(one.stdout)
    assert (as_json["switches"], as_json["deta"]) == (1, 1)
    assert list(as_json["sequences"]) == ["S2"]
    missed = run("track", truth, "--predictions", found, "--require", "switches=0")
    assert missed.exit_code == 1
    assert "switches is 1: at most 0" in missed.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(["detect", "T"], "either --model", id="neither"),
        pytest.param(["detect", "T", "--predictions", "F", "-m", "x"], "either --model", id="both"),
        pytest.param(
            ["detect", "T", "--predictions", "F", "--require", "mapp50=1"],
            "did you mean map50",
            id="unknown score",
        ),
        pytest.param(
            ["detect", "T", "--predictions", "F", "--classes", "persons"],
            "did you mean person",
            id="unknown class",
        ),
        pytest.param(
            ["detect", "T", "-m", "people"], "give their folder with --images", id="no pictures"
        ),
        pytest.param(
            ["detect", "T", "--predictions", "F", "--frames", "1"], "--frames says", id="frames"
        ),
        pytest.param(["track", "G", "-m", "people"], "needs --video", id="no video"),
        pytest.param(["detect", "street://", "--predictions", "F"], "give --model", id="street"),
        pytest.param(
            ["track", "street://", "--predictions", "F"], "give --model", id="street tracks"
        ),
        pytest.param(
            ["track", "T", "--predictions", "F", "--require", "hot=1"],
            "did you mean hota",
            id="score",
        ),
        pytest.param(
            ["agree", "rtsp://h/x", "-m", "people", "--reference", "people"], "is live", id="live"
        ),
    ],
)
def test_bad_usage(pictures: tuple[Path, Path], args: list[str], message: str) -> None:
    gt = pictures[0].parent / "gt.txt"
    gt.write_text(ROW.format(frame=1, id=1, x=1))
    words = {"T": str(pictures[0]), "F": str(pictures[1]), "G": str(gt)}
    result = run(*(words.get(arg, arg) for arg in args))
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


@pytest.fixture
def bus(data: Path, tmp_path: Path) -> tuple[Path, list[str]]:
    """A YOLO folder with the bus labelled, and the options of a real model."""
    labels, images = tmp_path / "yolo" / "labels", tmp_path / "yolo" / "images"
    labels.mkdir(parents=True)
    images.mkdir()
    shutil.copy(data / "images" / "bus.jpg", images)
    # By eye: the bus spans 20 … 800 by 230 … 740 of 810 x 1080 pixels.
    (labels / "bus.txt").write_text("1 0.506 0.449 0.963 0.472\n")
    (tmp_path / "yolo" / "data.yaml").write_text("names: [tram, bus]\n")
    model = data / "models" / "yolox_nano.onnx"
    return tmp_path / "yolo", ["--model", str(model), "--backend", "onnxruntime"]


def test_detect_with_a_model(bus: tuple[Path, list[str]]) -> None:
    folder, model = bus
    result = run("detect", folder, *model, "--classes", "bus", "--json", "--require", "map50=0.9")
    assert result.exit_code == 0, result.stderr
    scores = json.loads(result.stdout)
    assert scores["map50"] == pytest.approx(1)
    assert scores["per_class"] == {"bus": scores["per_class"]["bus"]}


def test_agree_with_itself(bus: tuple[Path, list[str]]) -> None:
    folder, model = bus
    same = run("agree", folder / "images", *model, "--reference", model[1], "--json")
    assert same.exit_code == 0, same.exception
    scores = json.loads(same.stdout)
    assert scores["count"] >= 2
    assert (scores["recall"], scores["score_shift"], scores["frames"]) == (1, 0, 1)
    assert scores["map"] == pytest.approx(1)


def test_agree_on_one_class(bus: tuple[Path, list[str]]) -> None:
    folder, model = bus
    only = ("--reference", model[1], "--classes", "bus", "--json")
    scores = json.loads(run("agree", folder / "images", *model, *only).stdout)
    assert list(scores["per_class"]) == ["bus"]
    assert (scores["count"], scores["recall"]) == (1, 1)


def test_agree_names_by_name(bus: tuple[Path, list[str]]) -> None:
    """`people` knows one class; the bus is missed, whatever its number."""
    folder, model = bus
    result = run("agree", folder / "images", "--model", "people", "--reference", model[1], "--json")
    assert result.exit_code == 0, result.exception
    scores: dict[str, Any] = json.loads(result.stdout)
    assert scores["per_class"]["bus"]["recall"] == 0


def test_track_with_a_model(data: Path, tmp_path: Path) -> None:
    """A video of which the truth says that somebody stands in a corner: nobody does."""
    rows = (ROW.format(frame=n, id=1, x=1) for n in range(1, 30))
    (tmp_path / "gt.txt").write_text("\n".join(rows))
    result = run(
        "track", tmp_path / "gt.txt", "--video", data / "videos" / "one-by-one-person-detection.mp4",
        "--model", data / "models" / "yolox_nano.onnx", "--backend", "onnxruntime",
        "--frames", 20, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.exception
    scores = json.loads(result.stdout)
    assert (scores["misses"], scores["hota"]) == (20, 0)  # of the frames that were looked at


@pytest.mark.parametrize("command", ["detect", "track"])
def test_street(command: str) -> None:
    street = "street://?seed=3&duration=0.4&width=320&height=192"
    result = run(command, street, "--model", "people", "--frames", 4, "--json")
    assert result.exit_code == 0, result.exception
    scores = json.loads(result.stdout)
    assert scores["per_class"]
    assert scores.get("misses", 1) > 0


def test_trackers_are_compared_in_one_table() -> None:
    street = "street://?seed=3&duration=0.4&width=320&height=192"
    command = (
        "track",
        street,
        "--model",
        "people",
        "--tracker",
        "bytetrack",
        "--tracker",
        "ocsort",
    )
    compared = json.loads(run(*command, "--json").stdout)["trackers"]
    assert list(compared) == ["bytetrack", "ocsort"]
    assert {"hota", "idf1", "switches"} <= compared["ocsort"].keys()
    assert re.search(r"^score +bytetrack +ocsort$", run(*command).stdout, re.MULTILINE)
    alone = json.loads(run(*command[:-2], "--json").stdout)
    assert alone["idf1"] == compared["bytetrack"]["idf1"]  # one is shown as ever


@pytest.mark.parametrize(
    ("more", "message"),
    [
        pytest.param(["--tracker", "sort"], "'ocsort'", id="no such tracker"),
        pytest.param(["--embedder", "street-embedder"], "none of the trackers", id="no looks"),
        pytest.param(["--camera-motion", "afine"], "'affine'", id="no such motion"),
        pytest.param(
            ["--tracker", "bytetrack", "--tracker", "ocsort", "--require", "idf1=0.1"],
            "give one --tracker", id="a requirement of several",
        ),
    ],
)  # fmt: skip
def test_trackers_that_cannot_be_compared(more: list[str], message: str) -> None:
    result = run("track", "street://?duration=0.1", "--model", "people", *more)
    assert message in str(result.exception)


def test_endless_street() -> None:
    result = run("detect", "street://?duration=0", "--model", "people")
    assert isinstance(result.exception, ConfigError)
    assert "give --frames" in str(result.exception)


def test_module_is_light() -> None:
    code = "import sys, json, sightline.cli.evaluate; print(json.dumps(sorted(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=env)
    loaded = set(json.loads(out.stdout))
    assert not loaded & {"numpy", "scipy", "cv2", "av", "faster_coco_eval", "onnxruntime"}


def test_mot_truth_is_of_people_only(tmp_path: Path) -> None:
    truth = tmp_path / "gt.txt"
    truth.write_text("1,1,10,10,50,50,1,1,1\n")
    result = run(
        "track", truth, "--model", "people", "--video", tmp_path / "a.mp4", "--classes", "car"
    )
    assert isinstance(result.exception, ConfigError)
    assert "people only" in str(result.exception)


@pytest.fixture
def finder(constant_model: Callable[..., Path]) -> list[str]:
    """Options of a model that finds one person at 16 16 48 48 in every picture of 64 x 64."""
    rows = np.zeros((1, 5, 84), np.float32)
    rows[0, :, 0] = (32, 32, 32, 32, 0.9)
    model = constant_model([rows], metadata={"names": "{0: 'person'}", "task": "detect"})
    return ["--model", str(model), "--backend", "onnxruntime"]


def paint(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_pictures_that_cannot_be_read_are_left_out(
    finder: list[str], tmp_path: Path, form: str
) -> None:
    """Of four pictures one is damaged and one is not there: the others are scored."""
    names = ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    for name in names[:3]:
        paint(tmp_path / "images" / name)
    (tmp_path / "images" / "2.jpg").write_bytes(b"\xff\xd8\xff no picture")
    truth = tmp_path
    if form == "yolo":
        (tmp_path / "labels").mkdir()
        for name in names[:3]:
            (tmp_path / "labels" / name).with_suffix(".txt").write_text("0 .5 .5 .5 .5\n")
        (tmp_path / "data.yaml").write_text("names: [Person]\n")
    else:
        truth = tmp_path / "truth.json"
        content = {
            "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
            "categories": [{"id": 1, "name": "Person"}, {"id": 2, "name": "car"}],
            "annotations": [
                {"id": i + 1, "image_id": i, "category_id": 1, "bbox": [16, 16, 32, 32]}
                for i in range(4)
            ],
        }
        truth.write_text(json.dumps(content))
    result = run("detect", truth, *finder, "--json")
    assert result.exit_code == 0, result.exception
    scores = json.loads(result.stdout)
    assert scores["map"] == pytest.approx(1)
    assert scores["per_class"]["Person"]["count"] == 2
    notes = "\n".join(scores["notes"])
    assert "person is taken as Person" in notes
    assert "2.jpg" in notes
    assert ("4.jpg" in notes) == (form == "coco")
    table = run("detect", truth, *finder)
    assert [f"note: {note}" for note in scores["notes"]] == table.stdout.splitlines()[
        -len(scores["notes"]) :
    ]


def test_pictures_of_a_sequence_are_frames_by_their_numbers(
    finder: list[str], tmp_path: Path
) -> None:
    """Frames 301 to 310 as pictures, of which one is damaged, and truth of frames 296 to 310."""
    for number in range(301, 311):
        paint(tmp_path / "img1" / f"{number:06d}.jpg")
    (tmp_path / "img1" / "000305.jpg").write_bytes(b"\xff\xd8\xff no picture")
    rows = (f"{number},1,17,17,32,32,1,1,1\n" for number in range(296, 311))
    (tmp_path / "gt.txt").write_text("".join(rows))
    result = run("track", tmp_path / "gt.txt", "--video", tmp_path / "img1", *finder, "--json")
    assert result.exit_code == 0, result.exception
    scores = json.loads(result.stdout)
    # ByteTrack holds a new track back for a frame, but for the first one.
    assert (scores["misses"], scores["false_positives"], scores["switches"]) == (1, 0, 0)
    assert scores["loca"] > 0.99
    notes = "\n".join(scores["notes"])
    assert "no picture is of the frame: 5 (first: frame 296)" in notes
    assert "000305.jpg" in notes
    assert all("notes" not in of for of in scores["sequences"].values())


def test_damaged_frames_of_a_video_do_not_shift_the_others(
    finder: list[str], tmp_path: Path
) -> None:
    """The truth tells of all frames but the five that are damaged."""
    path = tmp_path / "street.avi"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
        for index in range(40):
            frame = av.VideoFrame.from_ndarray(noise, "rgb24")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as file:
        packets = [(p.pos or 0, p.size) for p in file.demux(video=0) if p.size]
    for pos, size in packets[10:15]:
        content[pos : pos + size] = bytes(size)
    path.write_bytes(content)
    numbers = (number for number in range(1, 41) if not 11 <= number <= 15)
    rows = (f"{number},1,17,17,32,32,1,1,1\n" for number in numbers)
    (tmp_path / "gt.txt").write_text("".join(rows))
    result = run("track", tmp_path / "gt.txt", "--video", path, *finder, "--json")
    assert result.exit_code == 0, result.exception
    scores = json.loads(result.stdout)
    assert (scores["misses"], scores["false_positives"], scores["switches"]) == (0, 0, 0)
    assert scores["notes"] == ["street: frames could not be seen: 5 (first: corrupt)"]

"""The command, as a user runs it: real footage in, files out, exit codes.

Where the process itself is the point, ``start`` runs the installed command; else ``run`` does the same
inside of the test's process.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from tests.command import Run, in_process
from tests.waiting import wait_for

from sightline.cli import demo

COMMAND = Path(sys.executable).with_name("sightline")
Start = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in an empty folder, in this process."""
    return in_process(tmp_path, monkeypatch, capsys)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Run the installed command in an empty folder."""

    def run_(*args: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *map(str, args)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env={**os.environ, **(env or {})},
        )

    return run_


@pytest.fixture(scope="session")
def nano(data: Path) -> Path:
    return data / "models" / "yolox_nano.onnx"


@pytest.fixture(scope="session")
def cars(data: Path) -> Path:
    return data / "videos" / "car-detection.mp4"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twenty plain frames of H.264."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 108, "yuv420p"
        for i in range(20):
            pixels = np.full((108, 192, 3), 10 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode())
    return path


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_main_job(start: Start, cars: Path, nano: Path, tmp_path: Path) -> None:
    done = start(
        "track", cars, "--model", nano, "--output", "out.mp4", "--json", "out.jsonl",
        "--db", "run.db", "--csv", "out.csv", "--mot", "out.txt",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = lines(tmp_path / "out.jsonl")
    assert [f["frame"] for f in found] == list(range(377))
    assert list(found[0]) == ["stream", "frame", "time", "width", "height", "objects"]
    assert frames_of(tmp_path / "out.mp4") == 377
    # Cars drive through one after another: few ids, each for many frames.
    by_id: dict[int, int] = {}
    for frame in found:
        for item in frame["objects"]:
            by_id[item["track_id"]] = by_id.get(item["track_id"], 0) + 1
    assert 3 <= len(by_id) <= 12
    assert max(by_id.values()) >= 20
    with sqlite3.connect(tmp_path / "run.db") as database:
        state, frames, objects, tracks = database.execute(
            "select (select state from runs), (select count(*) from frames),"
            " (select count(*) from objects), (select count(*) from tracks)"
        ).fetchone()
    assert (state, frames) == ("done", 377)
    assert objects == sum(by_id.values())
    assert tracks == len(by_id)
    assert len((tmp_path / "out.txt").read_text().splitlines()) == objects
    assert len((tmp_path / "out.csv").read_text().splitlines()) == objects + 1


def test_picture_to_stdout(start: Start, data: Path, nano: Path) -> None:
    done = start("detect", data / "images" / "bus.jpg", "--model", nano, "--conf", ".3")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    classes = [o["class"] for o in found["objects"]]
    assert classes.count("bus") == 1
    assert classes.count("person") >= 3
    assert next(o for o in found["objects"] if o["class"] == "bus")["score"] >= 0.85
    assert "track_id" not in found["objects"][0]


def test_single_pictures_are_only_detected_in(
    run: Run, data: Path, nano: Path, tmp_path: Path
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        shutil.copy(data / "images" / "bus.jpg", tmp_path / name / "1.jpg")
    done = run(
        "track", "a/1.jpg", "b", "--model", nano, "--conf", "0.5", "--json", "o.jsonl", "--jobs", 1
    )
    assert done.returncode == 0
    assert (
        done.stderr.count("a/1.jpg and 1 more: pictures have nothing to do with one another") == 1
    )
    found = lines(tmp_path / "o.jsonl")
    assert [line["stream"] for line in found] == ["a/1.jpg", "b/1.jpg"]
    for line in found:
        objects: Any = line["objects"]
        assert min(one["score"] for one in objects) >= 0.5  # not the tracker's lower threshold
        assert not any("track_id" in one for one in objects)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted(cars: Path, nano: Path, tmp_path: Path, sent: signal.Signals) -> None:
    """Everything that was written so far is valid."""
    process = subprocess.Popen(
        [COMMAND, "track", cars, "-m", nano, "-o", "out.mp4", "--json", "out.jsonl", "--db", "run.db"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    wait_for(lambda: (tmp_path / "out.jsonl").exists() and len(lines_so_far(tmp_path)) > 20)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    written = len(lines(tmp_path / "out.jsonl"))
    assert 20 < written < 377
    assert abs(frames_of(tmp_path / "out.mp4") - written) <= 1
    with sqlite3.connect(tmp_path / "run.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("select state from runs").fetchone() == ("interrupted",)
        stored = database.execute("select count(*) from frames").fetchone()[0]
    assert abs(stored - written) <= 1


def lines_so_far(folder: Path) -> list[str]:
    return (folder / "out.jsonl").read_text().splitlines()


def test_one_bad_file_does_not_stop_the_rest(
    run: Run, clip: Path, nano: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("this is text")
    done = run("detect", clip, bad, tmp_path / "missing.mp4", "-m", nano, "--json", "out.jsonl")
    assert done.returncode == 1
    assert len(lines(tmp_path / "out.jsonl")) == 20
    assert "bad.mp4" in done.stderr
    assert "missing.mp4" in done.stderr
    assert done.stderr.count("error:") == 2
    assert "clip" in done.stderr  # the summary tells what each stream did


def test_same_name_twice(run: Run, clip: Path, nano: Path, tmp_path: Path) -> None:
    done = run("detect", clip, clip, "-m", nano, "--json", "out.jsonl")
    assert done.returncode == 0, done.stderr
    assert {line["stream"] for line in lines(tmp_path / "out.jsonl")} == {"clip", "clip-2"}


def test_truncated_video_keeps_its_good_frames(
    run: Run, cars: Path, nano: Path, tmp_path: Path
) -> None:
    # The index must come first for a part of a file to be readable at all.
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    with (
        av.open(str(cars)) as source,
        av.open(str(whole), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    done = run("track", cut, "-m", nano, "--json", "out.jsonl", "-o", "out.mp4", "--db", "run.db")
    assert done.returncode == 1
    assert "cut" in done.stderr
    kept = len(lines(tmp_path / "out.jsonl"))
    assert 50 < kept < 377
    assert frames_of(tmp_path / "out.mp4") == kept
    with sqlite3.connect(tmp_path / "run.db") as database:
        assert database.execute("select state from runs").fetchone() == ("failed",)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        pytest.param(["--classes", "pearson"], 2, "did you mean 'person'", id="unknown class"),
        pytest.param(["--size", "wide"], 2, "size: give 640", id="size is no size"),
        pytest.param(["--size", "100"], 2, "multiples of 32", id="size off the stride"),
        pytest.param(["--conf", "7"], 2, "conf", id="threshold above 1"),
        pytest.param(["--backend", "tensorflow"], 2, "backend", id="unknown backend"),
        pytest.param(["--device", "npu"], 1, "NPU", id="device that is not here"),
        pytest.param(["--output", "/proc/no/out.mp4"], 1, "/proc/no", id="unwritable output"),
        pytest.param(["--no-such-option"], 2, "No such option", id="unknown option"),
    ],
)
def test_bad_usage(run: Run, clip: Path, nano: Path, args: list[str], code: int, said: str) -> None:
    done = run("detect", clip, "-m", nano, *args)
    assert (done.returncode, said.lower() in done.stderr.lower()) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "no model file", id="missing"),
        pytest.param(b"", "no model, but empty", id="empty"),
        pytest.param(b"not a model" * 100, "not a whole ONNX model", id="text"),
    ],
)
def test_bad_model(run: Run, clip: Path, tmp_path: Path, content: bytes | None, said: str) -> None:
    model = tmp_path / "model.onnx"
    if content is not None:
        model.write_bytes(content)
    done = run("detect", clip, "-m", model)
    assert done.returncode == 1
    assert said.lower() in done.stderr.lower()
    assert "model.onnx" in done.stderr


def test_truncated_model(run: Run, clip: Path, nano: Path, tmp_path: Path) -> None:
    model = tmp_path / "half.onnx"
    model.write_bytes(nano.read_bytes()[:1_000_000])
    done = run("detect", clip, "-m", model)
    assert done.returncode == 1
    assert "truncated" in done.stderr


def test_reader_that_leaves(cars: Path, nano: Path) -> None:
    done = subprocess.run(
        f"'{COMMAND}' detect '{cars}' -m '{nano}' | head -n 2",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_people_without_a_model(run: Run, data: Path, tmp_path: Path) -> None:
    video = data / "videos" / "one-by-one-person-detection.mp4"
    cut = tmp_path / "people.mp4"
    with av.open(str(video)) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 768, 432, "yuv420p"
        for i, frame in enumerate(source.decode(video=0)):
            if i >= 240:
                break
            if i >= 200:
                frame.pts = None
                target.mux(stream.encode(frame))
        target.mux(stream.encode())
    done = run("track", cut, "-m", "people", "--json", "out.jsonl")
    assert done.returncode == 0, done.stderr
    found = lines(tmp_path / "out.jsonl")
    assert len(found) == 40
    seen = [o for f in found for o in f["objects"]]
    assert seen
    assert {o["class"] for o in seen} == {"person"}


@pytest.mark.parametrize(
    "command", ["detect", "track", "bench", "inspect", "export", "models", "doctor"]
)
def test_help(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_doctor(run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 0
    assert "engine onnxruntime" in done.stdout


def test_inspect_and_export(run: Run, nano: Path, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    facts = json.loads(run("inspect", nano, "--json").stdout)
    assert facts["parameters"] == 904481
    assert facts["card"]["decoder"] == "yolox"
    done = run("export", nano, "nano.xml")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "nano.bin").stat().st_size < nano.stat().st_size * 0.6
    found = json.loads(run("detect", data / "images" / "bus.jpg", "-m", "nano.xml").stdout)
    assert "bus" in [o["class"] for o in found["objects"]]


def test_inspect_shows_work_operators_and_backends(run: Run, nano: Path) -> None:
    facts = json.loads(run("inspect", nano, "--json").stdout)
    assert facts["macs"] == pytest.approx(0.54e9, rel=0.05)
    assert facts["macs_at"] == [416, 416]
    assert facts["size_by_precision"]["fp16"] < 0.52 * facts["size_bytes"]
    assert facts["operators"][0] == {
        "operator": "Conv",
        "count": 113,
        "parameters": 904463,
        "macs": facts["macs"],
    }
    assert len(facts["largest_layers"]) == 10
    runs = {report["backend"]: report["runs"] for report in facts["backends"]}
    assert runs["onnxruntime"] is True
    smaller = json.loads(run("inspect", "street", "--size", "320x192", "--json").stdout)
    assert smaller["macs_at"] == [320, 192]
    shown = run("inspect", nano).stdout
    assert "0.523 G MACs" in shown
    assert "decoder:        yolox" in shown


def test_inspect_shows_a_model_that_is_no_detector(run: Run, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node("Bad", ["x"], ["y"], name="odd\x1b[31mlayer", domain="com.acme")
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 7)) for name in "xy"
    ]
    graph = onnx.helper.make_graph([node], "graph", values[:1], values[1:])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.acme", 1)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets), tmp_path / "odd.onnx")
    facts = json.loads(run("inspect", "odd.onnx", "--json").stdout)
    assert facts["card"] is None
    assert "a picture" in facts["card_missing"]
    assert facts["inputs"] == [{"name": "x", "shape": [1, 7], "dtype": "float32"}]
    assert not any(report["runs"] for report in facts["backends"])
    shown = run("inspect", "odd.onnx")
    assert shown.returncode == 0
    assert "com.acme.Bad × 1: odd [31mlayer" in shown.stdout


def test_bench(run: Run, cars: Path, nano: Path) -> None:
    quick = ("--backend", "onnxruntime", "--frames", "10", "--rounds", "1")
    done = run("bench", cars, "-m", nano, *quick, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert set(facts["stages"]) == {"decode", "preprocess", "infer", "postprocess", "track"}
    assert sum(s["share"] for s in facts["stages"].values()) == pytest.approx(1)
    assert all(s["p50_ms"] > 0 for s in facts["stages"].values())
    assert facts["ratio"] == pytest.approx(facts["end_to_end_fps"] / facts["engine_fps"])


def test_bench_model(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    quick = ("--sizes", "96x64", "--seconds", "0.5", "--backends", "onnxruntime,torch")
    done = run("bench", "model", "street", *quick, "--json", "-o", "report.html")
    assert done.returncode == 0, done.stderr
    assert "1 of 2: onnxruntime auto, 96×64, batch 1: p50" in done.stderr
    facts = json.loads(done.stdout)
    measured, refused = facts["results"]
    assert measured["precision"] == "fp32"
    assert measured["latency"]["p50_ms"] <= measured["latency"]["p99_ms"]
    assert measured["pictures_per_s"] > 0
    assert 50 < measured["peak_memory_mb"] < 1000
    assert 0 <= measured["other_load"] <= 1
    assert "as .torchscript or .pt2" in refused["refused"]
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 2
    (tmp_path / "old.json").write_text(done.stdout)
    done = run("bench", "model", "street", *quick, "--compare", "old.json")
    assert done.returncode == 0, done.stderr
    assert "times the time" in done.stdout
    assert "cannot run: " in done.stdout


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--batches", "0"], "--batches 0: a whole number from 1"),
        (["--backends", "tflite"], "--backends tflite: there are openvino"),
        (["--precisions", "int8"], "--precisions int8: there are auto"),
        (["--sizes", "big"], "size"),
        (["--sizes", "0x64"], "--sizes 0x64: a side has at least one pixel"),
        (["--compare", "none.json"], "bench model --json"),
        (["-o", "m.onnx"], "m.onnx"),
    ],
)
def test_bench_model_says_what_is_wrong(
    run: Run, nano: Path, tmp_path: Path, flags: list[str], said: str
) -> None:
    shutil.copy(nano, tmp_path / "m.onnx")
    done = run("bench", "model", "m.onnx", *flags)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert (tmp_path / "m.onnx").read_bytes() == nano.read_bytes()


TUNED = (
    "tune", "street://?seed=3&width=320&height=192&density=2", "--model", "street", "--backends",
    "onnxruntime", "--precisions", "fp32", "--sizes", "320,256", "--batches", "1", "--requests", "1",
    "--frames", "8", "--seconds", "0.2", "--p99-ms", "5000",
)  # fmt: skip


def test_tune_chooses_and_writes_a_configuration(run: Run, tmp_path: Path) -> None:
    how = ("--min-accuracy", "0.3", "--check", "0")
    done = run(*TUNED, *how, "--json", "-o", "run.yaml")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    chosen = facts["chosen"]
    assert chosen["accuracy"] >= 0.3
    assert chosen["candidate"]["requests"] == 1
    assert chosen in facts["trials"]
    assert {t["candidate"]["size"] for t in facts["trials"]} == {320, 256}
    assert (
        "native configuration: onnxruntime fp32 640, " in done.stderr
    )  # which is not among --sizes
    written = yaml.safe_load((tmp_path / "run.yaml").read_text())
    assert written["models"]["street"]["size"] == chosen["candidate"]["size"]
    assert run("config", "check", "run.yaml").returncode == 0
    done = run(*TUNED, *how, "-o", "run.yaml")
    assert done.returncode == 2
    assert "there is such a file" in done.stderr
    done = run(*TUNED, *how, "--labels", "street://?seed=3&duration=1&width=320&height=192")
    assert done.returncode == 0, done.stderr
    assert "chosen" in done.stdout


def test_tune_says_where_nothing_fits(run: Run) -> None:
    done = run(*TUNED, "--min-accuracy", "1", "--precisions", "bf16", "--check", "0")
    assert done.returncode == 1
    assert "bf16" in done.stderr
    late = [*TUNED[:-1], "1"]
    done = run(*late, "--min-accuracy", "0.3", "--check", "0")
    assert done.returncode == 1
    assert "allow more with --p99-ms" in done.stderr


@pytest.mark.slow
def test_tune_promises_no_camera_that_it_has_not_run(run: Run) -> None:
    how = ("--min-accuracy", "1", "--target-fps", "25", "--check", "1", "--sizes", "1280")
    done = run(*TUNED, *how, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["cameras"], facts["cameras_load"]) == (0, None)
    assert facts["more_load"]["slowest_fps"] < 0.95 * 25
    assert facts["bottleneck"]["part"] == "inference"
    assert "1 cameras for 1 s" in done.stderr


def test_progress_as_plain_lines(run: Run, data: Path, clip: Path) -> None:
    assert run("detect", clip, "-m", "people", "--quiet", "--json", "x.jsonl").stderr == ""


def test_several_videos_need_a_folder(run: Run, clip: Path, nano: Path, tmp_path: Path) -> None:
    done = run("detect", clip, clip, "-m", nano, "-o", "out.mp4")
    assert done.returncode == 2
    assert "2 videos go to a folder" in done.stderr
    done = run("detect", clip, clip, "-m", nano, "-o", "new/")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["clip-2.mp4", "clip.mp4"]


def test_demo_needs_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of its scene: the whole of it is an example of the documentation, which is run too."""
    assert "duration=6" in demo.SCENE
    monkeypatch.setattr(demo, "SCENE", demo.SCENE.replace("duration=6", "duration=2"))
    done = run("demo", "--folder", "out")
    assert done.returncode == 0, done.stderr
    assert frames_of(tmp_path / "out" / "annotated.mp4") == 50
    assert len(lines(tmp_path / "out" / "tracks.jsonl")) == 50
    scores = re.search(r"mAP@50 ([\d.]+), mAP ([\d.]+), HOTA ([\d.]+), IDF1 ([\d.]+)", done.stdout)
    assert scores is not None, done.stdout
    map50, _, hota, _ = map(float, scores.groups())
    assert map50 > 0.7
    assert hota > 0.45


def test_demo_on_own_footage(run: Run, clip: Path, tmp_path: Path) -> None:
    done = run("demo", clip)
    assert done.returncode == 0, done.stderr
    assert frames_of(tmp_path / "demo" / "annotated.mp4") == 20
    assert "mAP" not in done.stdout

"""``sightline run`` and ``sightline serve`` as processes: from a file to answers, and to a clean end."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from tests.ports import free_port, free_ports


class Process(Protocol):
    """A running command, and what it has logged so far."""

    pid: int

    def send_signal(self, number: int) -> None: ...
    def wait(self, timeout: float) -> int: ...
    def log(self) -> str: ...


SIGHTLINE = str(Path(sys.executable).with_name("sightline"))
START_S = 90.0


def eventually(true: Callable[[], bool], within_s: float = START_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[Process]:
    with tempfile.TemporaryFile("w+") as log:
        started = subprocess.Popen(
            [SIGHTLINE, *arguments], stderr=log, text=True, env={**os.environ, **environment}
        )
        started.log = lambda: _text(log)  # type: ignore[attr-defined]
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()
            started.wait()


def _text(log: IO[str]) -> str:
    return os.pread(log.fileno(), 1 << 24, 0).decode()


def message(line: str) -> str:
    return str(json.loads(line)["message"]) if line.startswith("{") else line


def ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/ready").status_code == 200
    except httpx.TransportError:
        return False


def ends(started: Process, with_signal: signal.Signals) -> tuple[int, str]:
    started.send_signal(with_signal)
    return started.wait(timeout=60), started.log()


def test_a_site_runs_answers_and_ends(tmp_path: Path, data: Path) -> None:
    port, grpc_port = free_ports(2)
    site = tmp_path / "site.yaml"
    site.write_text(
        f"""
models:
  street: {{model: street, warm_up: false}}
streams:
  drawn:
    source: street://?seed=3&duration=0&fps=5&width=320&height=192
    realtime: true
    outputs: {{json_lines: seen.jsonl}}
  absent: {{source: gone.mp4}}
serving: {{port: {port}, grpc_port: {grpc_port}, token: "${{TOKEN}}"}}
alerts:
  - {{name: down, metric: stream_down_s, above: 0.5, for_s: 0, stream: absent}}
""",
        encoding="utf-8",
    )
    base, login = f"http://127.0.0.1:{port}", {"Authorization": "Bearer cloak-and-dagger"}
    with process("run", str(site), TOKEN="cloak-and-dagger") as started:
        eventually(lambda: ready(base))

        def streams() -> dict[str, dict[str, object]]:
            found = httpx.get(f"{base}/streams", headers=login).json()["streams"]
            return {one["name"]: one for one in found}

        eventually(lambda: len(streams()) == 2)
        eventually(lambda: int(str(streams()["drawn"]["analyzed"])) >= 3)
        assert streams()["absent"]["state"] == "failed"
        assert "gone.mp4" in str(streams()["absent"]["error"])
        picture = (data / "images" / "bus.jpg").read_bytes()
        answer = httpx.post(
            f"{base}/detect", headers={**login, "Content-Type": "image/jpeg"}, content=picture
        )
        assert answer.status_code == 200
        assert (answer.json()["width"], answer.json()["height"]) == (810, 1080)
        metrics = httpx.get(f"{base}/metrics", headers=login).text
        # As orchestrators and clients of the Open Inference Protocol ask it.
        assert httpx.get(f"{base}/v2/health/ready", headers=login).status_code == 200
        with triton.InferenceServerClient(f"127.0.0.1:{grpc_port}") as client:
            assert client.is_server_ready()
        assert 'sightline_inferences_total{model="street",status="ok"}' in metrics
        assert 'code="200"' in metrics
        eventually(lambda: "alert: down" in started.log())
        code, log = ends(started, signal.SIGTERM)
    assert code == 1, "a stream has failed, and the exit code says so"
    assert "cloak-and-dagger" not in log
    records = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {record.get("stream") for record in records} >= {"absent"}
    lines = (tmp_path / "seen.jsonl").read_text().splitlines()
    assert len(lines) >= 3
    assert json.loads(lines[-1])["stream"] == "drawn"


def test_files_are_run_to_their_end(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        """
models: {street: {model: street}}
streams:
  one:
    source: street://?seed=1&duration=1&fps=8&width=320&height=192
    outputs: {json_lines: one.jsonl, database: seen.db}
  two:
    source: street://?seed=2&duration=1&fps=8&width=320&height=192
    outputs: {json_lines: two.jsonl, database: seen.db}
""",
        encoding="utf-8",
    )
    with process("run", str(site)) as started:
        assert started.wait(timeout=START_S) == 0, started.log()
        log = started.log()
    ends = [m for m in map(message, log.splitlines()) if " read, " in m]
    assert sorted(re.sub(r"in [\d.]+ s", "in T", end) for end in ends) == [
        f"stream {name}: done, 8 read, 8 analysed, none left out in T" for name in ("one", "two")
    ]
    told = [m for m in map(message, log.splitlines()) if m.startswith("written: ")]
    names = [Path(m.rpartition(" (")[0]).name for m in told]
    assert names == ["one.jsonl", "seen.db", "two.jsonl"]
    for name in ("one", "two"):
        frames = [json.loads(line)["frame"] for line in (tmp_path / f"{name}.jsonl").open()]
        assert frames == list(range(8))
    assert (tmp_path / "seen.db").stat().st_size


def test_streams_write_to_one_file_and_to_a_folder(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    source = "street://?seed={}&duration=2&fps=10&width=160&height=96"
    outputs = "{json_lines: all.jsonl, csv: all.csv, coco: each/, database: each/}"
    folder = "{json_lines: each/, csv: each/}"
    site.write_text(
        "models: {street: {model: street}}\nstreams:\n"
        + "".join(
            f"  {name}: {{source: '{source.format(i)}', outputs: {outputs}}}\n"
            for i, name in enumerate(("a", "b", "c"))
        )
        + f"  d: {{source: '{source.format(4)}', outputs: {folder}}}\n",
        encoding="utf-8",
    )
    (tmp_path / "all.jsonl").write_text("of an earlier run\n")
    with process("run", str(site)) as started:
        assert started.wait(timeout=START_S) == 0, started.log()
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").open()]
    found = sorted((line["stream"], line["frame"]) for line in lines)
    assert found == [(name, frame) for name in "abc" for frame in range(20)]
    rows = (tmp_path / "all.csv").read_text().splitlines()
    assert [i for i, row in enumerate(rows) if row.startswith("stream,")] == [0]
    assert len(rows) - 1 == sum(len(line["objects"]) for line in lines)
    written = sorted(file.name for file in (tmp_path / "each").iterdir())
    whole = [f"{name}.{kind}" for name in "abc" for kind in ("db", "json")]
    assert written == sorted([*whole, "d.csv", "d.jsonl"])
    assert len((tmp_path / "each" / "d.jsonl").read_text().splitlines()) == 20


def test_a_terminal_gets_a_summary(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        "models: {street: {model: street}}\nstreams:\n"
        "  short: {source: 'street://?seed=1&duration=1&fps=8&width=320&height=192', "
        "outputs: {csv: out/, annotated: out/}}\n"
        "  gone: {source: gone.mp4, outputs: {annotated: out/}}\n",
        encoding="utf-8",
    )
    ours, theirs = pty.openpty()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "gone.mp4").write_text("of an earlier run")
    started = subprocess.Popen(
        [SIGHTLINE, "run", str(site)], stderr=theirs, env={**os.environ, "COLUMNS": "120"}
    )
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 4096):
            text += piece
    except OSError:
        pass  # the other end is closed
    finally:
        os.close(ours)
        assert started.wait(timeout=START_S) == 1
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text.decode())
    *_, head, first, second, csv, film = plain.splitlines()
    assert head.split() == ["stream", "read", "analysed", "objects", "left", "out", "end"]
    assert (first.split()[:3], first.split()[-1]) == (["short", "8", "8"], "ok")
    assert (second.split()[0], second.split()[-1]) == ("gone", "failed")
    assert re.fullmatch(rf"csv: {tmp_path}/out/short\.csv \([\d.]+ (bytes|kB)\)", csv), plain
    assert re.fullmatch(rf"annotated: {tmp_path}/out/short\.mp4 \([\d.]+ (kB|MB)\)", film), plain


def test_an_interrupted_run_has_valid_outputs(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        """
models: {street: {model: street}}
streams:
  endless:
    source: street://?seed=1&duration=0&fps=10&width=320&height=192
    outputs: {json_lines: seen.jsonl}
""",
        encoding="utf-8",
    )
    seen = tmp_path / "seen.jsonl"
    with process("run", str(site)) as started:
        eventually(lambda: seen.exists() and seen.stat().st_size > 2000)
        code, log = ends(started, signal.SIGINT)
    assert code == 130, log
    assert all(json.loads(line) for line in seen.open())


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the runtime in /proc")
@pytest.mark.parametrize(("served", "workers"), [(True, 0), (False, 0), (True, 2)])
def test_sigterm_while_models_load(tmp_path: Path, served: bool, workers: int) -> None:
    """Nothing waits for them, nothing stays behind, and a supervisor sees no failure."""
    port = free_port()
    models = "".join(f"  m{number}: {{model: street}}\n" for number in range(40))
    service = f"serving: {{port: {port}, grpc_port: null}}" if served else ""
    streams = "streams: {a: {source: 'street://', model: m0, outputs: {json_lines: a.jsonl}}}"
    site = tmp_path / "site.yaml"
    site.write_text(f"models:\n{models}{streams}\nworkers: {workers}\n{service}\n")
    with process("run", str(site)) as started:
        maps = Path(f"/proc/{started.pid}/maps")
        eventually(lambda: any(name in maps.read_text() for name in ("openvino", "onnxruntime")))
        if served:
            eventually(lambda: "serving on" in started.log())
        children = _children(started.pid)
        began = time.monotonic()
        code, log = ends(started, signal.SIGTERM)
        took_s = time.monotonic() - began
    assert code == 0, log
    assert took_s < 6, log  # 1 s on a machine that does nothing else
    assert "terminate called" not in log
    assert "Traceback" not in log
    eventually(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in children))


# What is loaded one after another as the command starts: the command line, its options, the service.
START = ("/_json.cpython", "/_pydantic_core", "/_multiarray_umath", "/cv2.abi3", "/cygrpc")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for what is loaded in /proc")
@pytest.mark.parametrize("loaded", START)
def test_sigterm_in_the_middle_of_the_start_is_no_failure(loaded: str, tmp_path: Path) -> None:
    """systemd calls every exit code but 0 a failure; a death by SIGTERM is none to it."""
    site = tmp_path / "site.yaml"
    site.write_text(
        f"models: {{m: {{model: street}}}}\nserving: {{port: {free_port()}, grpc_port: {free_port()}}}\n"
    )
    with process("serve", str(site)) as started:
        maps = Path(f"/proc/{started.pid}/maps")
        eventually(lambda: loaded in maps.read_text())
        code, log = ends(started, signal.SIGTERM)
    assert code in (0, -signal.SIGTERM), log
    assert "Traceback" not in log


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def test_serve_a_model_and_put_it_under_load(data: Path) -> None:
    port, bus = free_port(), str(data / "images" / "bus.jpg")
    model = str(data / "models" / "yolox_nano.onnx")
    base = f"http://127.0.0.1:{port}"
    with process("serve", "-m", model, "--port", str(port), "--grpc-port", "none") as started:
        eventually(lambda: ready(base))
        load = subprocess.run(
            [SIGHTLINE, "bench", "serve", f"{base}/detect", "--image", bus, "--clients", "2",
             "--seconds", "2", "--json"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        facts = json.loads(load.stdout)
        assert facts["lost"] == 0
        assert set(facts["answers"]) == {"200"}
        assert facts["p99_ms"] >= facts["p50_ms"] > 0
        code, log = ends(started, signal.SIGTERM)
    assert code == 0, log


def test_the_log_says_from_where_it_can_be_reached(constant_model: Callable[..., Path]) -> None:
    port, rows = str(free_port()), np.zeros((1, 5, 6), np.float32)
    model = str(constant_model([rows], metadata={"names": "['person', 'car']"}))
    where = ("--host", "0.0.0.0", "--port", port, "--grpc-port", "none")
    with process("serve", "-m", model, *where, SIGHTLINE_TOKEN="secret") as started:
        eventually(lambda: ready(f"http://127.0.0.1:{port}"))
        code, log = ends(started, signal.SIGTERM)
    assert code == 0, log
    assert f"serving on http://0.0.0.0:{port}" in log


def test_the_command_line_says_where_a_file_is_served(tmp_path: Path) -> None:
    file, other = free_ports(2)
    site = tmp_path / "site.yaml"
    site.write_text(
        f"models: {{default: {{model: street}}}}\nserving: {{port: {file}, grpc_port: none, token: secret}}"
    )
    with process("serve", str(site), "--port", str(other)) as started:
        eventually(lambda: f"serving on http://127.0.0.1:{other}" in started.log())
        denied = httpx.get(f"http://127.0.0.1:{other}/models")
        assert denied.status_code == 401  # what else the file says counts
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{file}/models")
        code, log = ends(started, signal.SIGTERM)
    assert code == 0, log


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["serve"], "either a configuration file or --model", id="nothing"),
        pytest.param(["serve", "-m", "gone.onnx", "--port", "0"], "gone.onnx", id="no model"),
        pytest.param(
            ["serve", "-m", "street", "--host", "0.0.0.0"],
            "error: serving.host: 0.0.0.0 can be",
            id="exposed without a token",
        ),
        pytest.param(["run", "gone.yaml"], "gone.yaml", id="no file"),
        pytest.param(
            ["serve", "site.yaml", "--conf", "0.5"], "--conf is for --model", id="of --model"
        ),
        pytest.param(
            ["serve", "site.yaml", "--host", "0.0.0.0"],
            "error: serving.host: 0.0.0.0 can be",
            id="a file, exposed without a token",
        ),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "site.yaml").write_text("models: {default: {model: street}}")
    done = subprocess.run(
        [SIGHTLINE, *arguments], capture_output=True, text=True, timeout=60, check=False,
        cwd=tmp_path, env={k: v for k, v in os.environ.items() if k != "SIGHTLINE_TOKEN"},
    )  # fmt: skip
    assert done.returncode in {1, 2}
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_how_many_streams(data: Path) -> None:
    video = str(data / "videos" / "car-detection.mp4")
    done = subprocess.run(
        [SIGHTLINE, "bench", "streams", video, "--count", "2", "--fps", "2", "--seconds", "2",
         "--json"],
        capture_output=True, text=True, timeout=110, check=True,
    )  # fmt: skip
    load = json.loads(done.stdout)
    assert load["streams"] == 2
    assert load["failed"] == 0
    # Fewer than 4 where other programs leave little of a core.
    assert 0 < load["analyzed_fps"] <= 4.5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["gone.mp4"], 1, "gone.mp4", id="no file"),
        pytest.param(
            ["street://?fps=3"], 2, "street has 3 FPS: --fps 5 cannot", id="a slow source"
        ),
        pytest.param(["street://", "--count", "5000"], 2, "4096", id="too many"),
    ],
)
def test_why_not_how_many_streams(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    done = subprocess.run(
        [SIGHTLINE, "bench", "streams", *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_hangup_reopens_the_outputs_and_the_run_goes_on(tmp_path: Path) -> None:
    lines, film = tmp_path / "all.jsonl", tmp_path / "cam.mp4"
    site = tmp_path / "site.yaml"
    site.write_text(f"""
models: {{street: {{model: street}}}}
streams:
  cam:
    source: "street://?duration=0&fps=10&width=128&height=96&live=true"
    outputs: {{json_lines: {lines}, annotated: {film}}}
""")
    with process("run", str(site), "--quiet") as running:
        # A film without a picture would be begun again under its name.
        eventually(lambda: film.exists() and film.stat().st_size > 0 and lines.stat().st_size > 0)
        lines.rename(tmp_path / "old.jsonl")
        running.send_signal(signal.SIGHUP)
        # Nobody moved the film: only the signal begins another.
        eventually((tmp_path / "cam-2.mp4").exists)
        eventually(lambda: lines.exists() and lines.read_bytes().count(b"\n") > 5)
        running.send_signal(signal.SIGTERM)
        running.wait(30)
    texts = [(tmp_path / "old.jsonl").read_text(), lines.read_text()]
    frames = [json.loads(line)["frame"] for text in texts for line in text.splitlines()]
    assert len(frames) > 5
    assert sorted(set(frames)) == frames  # nothing twice, and in order

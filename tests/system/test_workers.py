"""Streams in worker processes: real models, real processes, killed for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from tests.ports import free_port
from tests.waiting import wait_for

from sightline.build.application import Application
from sightline.config import Configuration
from sightline.errors import Conflict, ModelError, NotFound
from sightline.monitoring.metrics import PrometheusMeter
from sightline.runtime.processes.workers import ShardedFleet

# Each test starts processes that load and measure models; on a busy computer that takes a minute.
pytestmark = pytest.mark.timeout(400)

# Three processes load a model in turn: a small input, and no larger batches to measure.
STREET_MODEL = {"model": "street", "size": (320, 192), "backend": "onnxruntime"}
SCHEDULER = {"max_batch": 1}
STREET = "street://?seed={}&duration=0&fps=10&width=320&height=192"


# First, since the fleet of the other tests, which lives as long as this module, draws four streets meanwhile.
@contextmanager
def service(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client, Path]]:
    """A service with two workers in a process group of its own: the process, a client, its log."""
    site, log, port = folder / "site.yaml", folder / "log", free_port()
    bad = folder / "bad.mp4"
    bad.write_text("no video")
    (folder / "recordings").mkdir()
    site.write_text(
        f"""
workers: 2
models: {{street: {json.dumps(STREET_MODEL)}}}
scheduler: {json.dumps(SCHEDULER)}
serving: {{port: {port}, grpc_port: null, outputs_under: {folder / "recordings"}}}
streams:
  cam:
    source: "{STREET.format(1)}"
    realtime: true
    outputs: {{annotated: {folder / "cam.mp4"}}}
  away: {{source: "rtsp://joe:hunter2@127.0.0.1:{free_port()}/x"}}
  bad: {{source: "{bad}"}}
"""
    )
    with log.open("wb") as written:
        command = [sys.executable, "-m", "sightline", "run", str(site)]
        process = subprocess.Popen(command, stderr=written, start_new_session=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_for(lambda: analyzed(client) > 3, "the stream does not run", timeout_s=240)
            wait_for(lambda: state(client, "bad") == "failed", "what is no video does not fail")
            yield process, client, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def analyzed(client: httpx.Client, stream: str = "cam") -> int:
    try:
        answer = client.get(f"/streams/{stream}")
    except httpx.TransportError:
        return 0
    return int(answer.json()["analyzed"]) if answer.is_success else 0


def state(client: httpx.Client, stream: str) -> str:
    return str(client.get("/status").json()["streams"].get(stream))


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes that were spawned; another child of the same parent tracks resources."""
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    return [p for p in pids if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def test_a_model_is_loaded_again_and_a_signal_to_the_group_ends_all(tmp_path: Path) -> None:
    with service(tmp_path) as (process, client, log):
        assert log.read_text().count("model street: inferred") == 3
        assert client.post("/models/street/reload").is_success
        assert log.read_text().count("model street: inferred") == 6, "the workers load it too"
        before = analyzed(client)
        wait_for(lambda: analyzed(client) > before + 3)
        outputs = {"json_lines": "added.jsonl"}
        added = {"name": "added", "source": STREET.format(2), "realtime": True, "outputs": outputs}
        assert client.post("/streams", json=added).status_code == 201
        added["outputs"] = {"csv": "added.jsonl"}
        assert client.post("/streams", json={**added, "name": "over"}).status_code == 409
        wait_for(lambda: analyzed(client, "added") > 3)
        wait_for(lambda: b"Connection refused" in log.read_bytes(), "what is away is not told")
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(20) == 1  # a stream has failed
    lines = [json.loads(line) for line in log.read_text().splitlines()]  # workers log JSON, too
    assert "bad" in {line.get("stream") for line in lines}
    assert "hunter2" not in log.read_text()
    assert "has died" not in log.read_text()
    recorded = (tmp_path / "recordings" / "added.jsonl").read_text().splitlines()
    assert {json.loads(line)["stream"] for line in recorded} == {"added"}
    video = cv2.VideoCapture(str(tmp_path / "cam.mp4"))
    assert video.read()[0]
    video.release()


def test_a_worker_that_hangs_does_not_hold_up_the_service(tmp_path: Path) -> None:
    with service(tmp_path) as (process, client, log):
        first, second = workers_of(process)
        os.kill(first, signal.SIGSTOP)
        os.kill(second, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            client.post("/streams/cam/pause", timeout=0.5)
        assert client.get("/health").is_success
        assert "sightline_streams 3.0" in client.get("/metrics").text
        assert client.get("/status").json()["streams"]["cam"] == "running"
        assert time.monotonic() - began < 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
    assert "starts again" not in log.read_text()


@pytest.fixture(scope="module")
def meter() -> PrometheusMeter:
    return PrometheusMeter(hardware=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the outputs of s0 go."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def fleet(meter: PrometheusMeter, folder: Path) -> Iterator[ShardedFleet]:
    outputs = {"json_lines": str(folder / "s0.jsonl"), "annotated": f"{folder}/"}
    shared = {"json_lines": str(folder / "shared.jsonl")}
    configuration = Configuration.model_validate(
        {
            "models": {"street": STREET_MODEL},
            "scheduler": SCHEDULER,
            "workers": 2,
            "streams": {
                f"s{seed}": {
                    "source": STREET.format(seed),
                    "realtime": True,
                    "outputs": shared if seed else outputs,
                }
                for seed in range(4)
            },
        }
    )
    site = Application(configuration, meter)
    site.open()
    assert isinstance(site.fleet, ShardedFleet)
    assert not site.failed
    yield site.fleet
    pids = [pid for pid in site.fleet.pids if pid]
    site.close()
    assert pids
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)  # noqa: PTH110


def running(fleet: ShardedFleet, least: int = 3) -> bool:
    stats = fleet.stats().values()
    return all(one.state == "running" and one.analyzed >= least for one in stats)


def test_streams_are_shared_out_and_run(fleet: ShardedFleet) -> None:
    wait_for(lambda: running(fleet))
    assert sorted(fleet.names()) == ["s0", "s1", "s2", "s3"]
    assert len(set(fleet.pids)) == 2
    for stats in fleet.stats().values():
        assert stats.read == stats.analyzed + sum(stats.dropped.values()) + stats.pending
    picture = cv2.imdecode(np.frombuffer(fleet.snapshot("s1"), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (192, 320, 3)
    with fleet.subscribe() as reader:
        seen = {reader.get(timeout=30).stream for _ in range(40)}
        assert len(seen) >= 2
        assert json.loads(reader.get(timeout=30).line)["width"] == 320


def test_one_meter_hears_of_all_processes(fleet: ShardedFleet, meter: PrometheusMeter) -> None:
    wait_for(lambda: running(fleet), timeout_s=60)
    done = sum(stats.analyzed for stats in fleet.stats().values())

    def heard() -> bool:
        totals = meter.totals().get("street")
        return totals is not None and totals.succeeded >= done and max(totals.queue.values()) > 0

    wait_for(heard, "the meter hears of every picture")
    seen = meter.registry.get_sample_value
    for stream in fleet.names():
        counts = [
            seen("sightline_detections_total", {"stream": stream, "class": name})
            for name in ("car", "person", "truck", "bus", "bicycle", "motorcycle")
        ]
        assert sum(count or 0 for count in counts) > 0, stream


def test_processes_share_a_file_of_lines(fleet: ShardedFleet, folder: Path) -> None:
    wait_for(lambda: running(fleet), timeout_s=60)
    whole = (folder / "shared.jsonl").read_bytes().rpartition(b"\n")[0]
    lines = [json.loads(line) for line in whole.splitlines()]
    for stream in ("s1", "s2", "s3"):
        numbers = [line["frame"] for line in lines if line["stream"] == stream]
        assert numbers
        assert numbers == sorted(set(numbers)), stream  # none is doubled or torn


def test_errors_come_back(fleet: ShardedFleet) -> None:
    options = Configuration.model_validate(
        {"models": {"a": {"model": "street"}}, "streams": {"x": {"source": STREET.format(9)}}}
    ).streams["x"]
    with pytest.raises(Conflict):
        fleet.add("s0", options)
    with pytest.raises(NotFound):
        fleet.remove("nobody")
    with pytest.raises(NotFound, match="no model"):
        fleet.add("x", options.model_copy(update={"model": "other"}))
    assert "x" not in fleet.names()


def test_a_killed_process_comes_back_with_its_streams(fleet: ShardedFleet, folder: Path) -> None:
    wait_for(lambda: running(fleet))
    lines = folder / "s0.jsonl"
    wait_for(lambda: lines.read_bytes().count(b"\n") > 3)
    written = lines.read_bytes()
    fleet.pause("s0")
    before = fleet.restarts
    pid = fleet.pids[0]
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: any(s.state == "restarting" for s in fleet.stats().values()))
    states = {name: stats.state for name, stats in fleet.stats().items()}
    assert sorted(states.values()).count("restarting") == 2  # its own two; the others go on
    wait_for(lambda: fleet.restarts == before + 1)
    # The new process loads and measures its models first, which a busy machine takes its time for.
    wait_for(lambda: fleet.stats()["s0"].state == "paused", timeout_s=120)
    fleet.resume("s0")
    wait_for(lambda: running(fleet))
    assert sorted(fleet.names()) == ["s0", "s1", "s2", "s3"]
    assert lines.read_bytes().startswith(written)
    wait_for(lambda: lines.stat().st_size > len(written))
    assert (folder / "s0.mp4").exists()
    assert (folder / "s0-2.mp4").exists()


def test_a_model_that_cannot_be_used_is_said_at_the_start(tmp_path: object) -> None:
    configuration = Configuration.model_validate(
        {"models": {"gone": {"model": "/nowhere/gone.onnx"}}, "workers": 1}
    )
    with pytest.raises(ModelError, match="gone"):
        Application(configuration).open()

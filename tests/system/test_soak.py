"""Long runs, by name: ``make soak``."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from tests.ports import free_port
from tests.waiting import wait_for

from sightline import build
from sightline.config import ByteTrackOptions, ModelOptions
from sightline.runtime.streams.stream import observe
from sightline.sinks.jsonl import JsonLinesSink
from sightline.sources.file import FileSource
from sightline.types import Frame, SourceStatus, StreamInfo

FRAMES, WARM = 100_000, 5_000
WARM_S, WATCHED_S = 1200, 2400
"""How long a service runs before it is watched, and how long it is."""


def resident_mb() -> float:
    """Memory of this process that is in RAM, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


class Limited:
    """A source that ends after so many frames of another."""

    def __init__(self, source: FileSource, frames: int) -> None:
        self._source, self._frames = source, frames

    def open(self) -> StreamInfo:
        return self._source.open()

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._source:
            if frame.index >= self._frames:
                return
            yield frame

    @property
    def status(self) -> SourceStatus:
        return self._source.status

    def close(self) -> None:
        self._source.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_does_not_grow_with_time(data: Path) -> None:
    """100,000 frames of a looped file through detector, tracker and JSON lines."""
    model = ModelOptions(model=str(data / "models" / "yolox_nano.onnx"), size=128)
    detector = build.detector(model)
    source = Limited(FileSource(data / "videos" / "car-detection.mp4", loop=0), FRAMES)
    sink = JsonLinesSink("/dev/null")
    sink.open(source.open())
    before = 0.0
    for observation in observe(source, build.pipeline(detector, ByteTrackOptions())):
        sink.write(observation)
        if observation.frame.index == WARM:
            before = resident_mb()
    grown = resident_mb() - before
    sink.close()
    detector.close()
    print(f"{grown:.2f} MB more after {FRAMES} frames than after {WARM}")  # noqa: T201 - the figure
    assert observation.frame.index == FRAMES - 1
    assert grown < 5


@contextmanager
def service(folder: Path, data: Path) -> Iterator[tuple[int, str]]:
    """A service with all on that looks at streams: its process and address."""
    port = free_port()
    stages = [
        {"kind": "classify", "model": "attributes", "of": ["car", "truck", "bus"]},
        {"kind": "embed", "model": "looks", "of": ["car", "truck", "bus"]},
    ]
    stream = {
        "source": str(data / "videos" / "car-detection.mp4"),
        "realtime": True,
        "loop": True,
        "model": "street",
        "stages": stages,
        "collect": {"folder": "hard"},
        "outputs": {"database": "results.db", "json_lines": "lines/"},
    }
    site = {
        "models": {
            "street": {"model": "street", "shadow": {"model": "next", "share": 0.2}},
            "next": {"model": "street", "conf": 0.3},
            "attributes": {"model": "street-attributes"},
            "looks": {"model": "street-embedder"},
        },
        "history": {"database": "history.db"},
        "serving": {"port": port, "grpc_port": None},
        "streams": {
            f"cam{n}": {**stream, "drift": {"reference": f"cam{n}.json"}} for n in range(4)
        },
    }
    (folder / "site.yaml").write_text(yaml.safe_dump(site))
    command = [sys.executable, "-m", "sightline", "run", "site.yaml", "--quiet"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stderr=log)
    try:
        yield process.pid, f"http://127.0.0.1:{port}"
        assert process.poll() is None, (folder / "log").read_text()[-2000:]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def own_mb(pid: int) -> float:
    """Memory of a process that is its own: files that are mapped come and go with the system's need."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def ask(address: str, picture: bytes, over: threading.Event) -> None:
    """Send a picture five times a second."""
    head = {"Content-Type": "image/jpeg"}
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        while not over.wait(0.2):
            client.post("/detect", content=picture, headers=head)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.timeout(WARM_S + WATCHED_S + 600)
def test_memory_of_a_service_does_not_grow_with_time(tmp_path: Path, data: Path) -> None:
    """Four streams with two stages, drift, hard frames, history, a shadow, outputs, and clients, for an hour."""
    over = threading.Event()
    picture = (data / "images" / "bus.jpg").read_bytes()
    with service(tmp_path, data) as (pid, address):
        wait_for(lambda: ready(address), timeout_s=120)
        client = threading.Thread(target=ask, args=(address, picture, over), name="client")
        client.start()
        try:
            time.sleep(WARM_S)  # the run itself: nothing is waited for
            before = own_mb(pid)
            time.sleep(WATCHED_S)
            grown = own_mb(pid) - before
        finally:
            over.set()
            client.join()
        analyzed = httpx.get(f"{address}/streams/cam0", trust_env=False).json()["analyzed"]
    print(f"{grown:.0f} MB more than the {before:.0f} MB after {WARM_S} s")  # noqa: T201 - the figure
    assert analyzed > WATCHED_S
    assert grown < 60


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False

"""JPEG pictures over HTTP: the service against LitServe with the same model, in the same run.

Both serve YOLOX-nano with OpenVINO to the same load generator. Measured are requests per second
with 8 clients that keep their connections (rounds alternate), then, of ours, the latency at 80 % of
that (arrivals at a fixed rate, whether earlier ones were answered or not) and four times of it.

    python benchmarks/serve.py --data ../shared
    python benchmarks/serve.py --data ../shared --litserve /path/to/python    # that has litserve

LitServe's Python needs `litserve openvino opencv-python-headless`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

OURS = """
import sys
from sightline import build
from sightline.config import ModelOptions, SchedulerOptions, ServingOptions
from sightline.runtime.scheduler import Scheduler
from sightline.serving.app import create_app
from sightline.serving.models import ModelRepository
from sightline.serving.server import Server

model, port = sys.argv[1:]
scheduler = Scheduler(SchedulerOptions())
repository = ModelRepository(
    scheduler, lambda _: build.detector(ModelOptions(model=model)), ["yolox"]
)
repository.load_all()
options = ServingOptions(port=int(port), grpc_port=None)
Server(create_app(repository, scheduler, None, options), options).run()
repository.close()
scheduler.close()
"""

PEER = """
import base64, sys
import cv2, litserve as ls, numpy as np, openvino as ov

model, port, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

class Api(ls.LitAPI):
    def setup(self, device):
        core = ov.Core()
        graph = core.read_model(model)
        graph.reshape([1, 3, 416, 416])
        prepare = ov.preprocess.PrePostProcessor(graph)
        prepare.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        prepare.input().model().set_layout(ov.Layout("NCHW"))
        prepare.input().preprocess().convert_element_type(ov.Type.f32)
        hints = {"PERFORMANCE_HINT": "LATENCY"}
        if workers > 1:
            hints["INFERENCE_NUM_THREADS"] = 1
        self.compiled = core.compile_model(prepare.build(), "CPU", hints)
        cells = [(x, y, s) for s in (8, 16, 32) for y in range(416 // s) for x in range(416 // s)]
        self.grid = np.array([c[:2] for c in cells], np.float32)
        self.stride = np.array([c[2] for c in cells], np.float32)[:, None]

    def decode_request(self, request):
        data = np.frombuffer(base64.b64decode(request["image"]), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_COLOR)

    def predict(self, image):
        scale = min(416 / image.shape[0], 416 / image.shape[1])
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        canvas = np.full((1, 416, 416, 3), 114, np.uint8)
        canvas[0, : size[1], : size[0]] = cv2.resize(image, size)
        out = self.compiled(canvas)[0][0]
        scores = out[:, 5:] * out[:, 4:5]
        classes = scores.argmax(1)
        best = scores[np.arange(len(scores)), classes]
        keep = best > 0.25
        middle = (out[keep, :2] + self.grid[keep]) * self.stride[keep]
        sides = np.exp(out[keep, 2:4]) * self.stride[keep]
        boxes = np.concatenate([middle - sides / 2, sides], 1) / scale
        chosen = cv2.dnn.NMSBoxesBatched(
            boxes.tolist(), best[keep].tolist(), classes[keep].tolist(), 0.25, 0.45
        )
        return boxes[chosen], best[keep][chosen], classes[keep][chosen]

    def encode_response(self, found):
        boxes, scores, classes = found
        return {"objects": [
            {"box": b, "score": s, "class_id": c}
            for b, s, c in zip(boxes.tolist(), scores.tolist(), classes.tolist())
        ]}

if __name__ == "__main__":
    server = ls.LitServer(Api(), accelerator="cpu", workers_per_device=workers, timeout=60)
    server.run(port=port, host="127.0.0.1", log_level="error", generate_client_file=False)
"""


@dataclass
class Load:
    """What came back: seconds of each answer by status, and those that never came."""

    seconds: float = 0.0
    latencies: dict[int, list[float]] = field(default_factory=dict)
    lost: int = 0

    def add(self, status: int, latency: float) -> None:
        self.latencies.setdefault(status, []).append(latency)

    @property
    def rate(self) -> float:
        return len(self.latencies.get(200, ())) / self.seconds

    @property
    def counts(self) -> Counter[int]:
        return Counter({status: len(found) for status, found in self.latencies.items()})

    def p(self, percent: float, status: int = 200) -> float:
        """Milliseconds."""
        found = self.latencies.get(status)
        return float(np.percentile(found, percent)) * 1e3 if found else float("nan")


class Connection(asyncio.Protocol):
    """One request at a time over a connection that is kept."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[int] | None = None
        self.closed = False
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        self._data.clear()
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(bytes(head).lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) >= length and self.answer is not None and not self.answer.done():
            self.answer.set_result(int(head[9:12]))

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closed = True
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError("the server hung up"))


async def connect(port: int) -> Connection:
    _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return made


async def closed_loop(port: int, request: bytes, clients: int, seconds: float) -> Load:
    """So many clients; each asks again when it has its answer."""
    load, begin = Load(seconds), time.perf_counter()

    async def client() -> None:
        connection = await connect(port)
        while (start := time.perf_counter()) < begin + seconds:
            status = await connection.ask(request)
            load.add(status, time.perf_counter() - start)
        connection.transport.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return load


async def open_loop(port: int, request: bytes, rate: float, seconds: float) -> Load:
    """So many requests a second, whatever becomes of them; latency counts from their time."""
    load, free = Load(seconds), []
    begin = time.perf_counter()

    async def one(due: float) -> None:
        try:
            connection = free.pop() if free else await connect(port)
            status = await connection.ask(request)
        except OSError:
            load.lost += 1
            return
        load.add(status, time.perf_counter() - due)
        if not connection.closed:
            free.append(connection)

    tasks = []
    for number in range(int(rate * seconds)):
        due = begin + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for connection in free:
        connection.transport.close()
    return load


def http_request(path: str, kind: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(python: str, program: str, model: Path, *arguments: str):
    """A server in a process group of its own, once it answers: its port and process."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "server.py"
        script.write_text(program)
        process = subprocess.Popen(
            [python, str(script), str(model), str(port), *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if process.poll() is not None:
                    raise SystemExit(f"the server of {python} ended")
                time.sleep(0.2)
            yield port, process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--litserve", help="a Python that has litserve")
    parser.add_argument("--workers", type=int, default=1, help="of LitServe")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    model = asked.data / "models" / "yolox_nano.onnx"
    jpeg = (asked.data / "images" / "bus.jpg").read_bytes()
    ours = http_request("/detect", "image/jpeg", jpeg)
    text = json.dumps({"image": base64.b64encode(jpeg).decode()}).encode()
    theirs = http_request("/predict", "application/json", text)
    rates: list[float] = []
    peers: list[float] = []
    for number in range(asked.rounds):
        with running(sys.executable, OURS, model) as (port, _):
            asyncio.run(closed_loop(port, ours, 8, 2.0))
            load = asyncio.run(closed_loop(port, ours, 8, asked.seconds))
        rates.append(load.rate)
        told = f"round {number + 1}: {show(load)}"
        if asked.litserve:
            with running(asked.litserve, PEER, model, str(asked.workers)) as (port, _):
                asyncio.run(closed_loop(port, theirs, 8, 2.0))
                load = asyncio.run(closed_loop(port, theirs, 8, asked.seconds))
            peers.append(load.rate)
            told += f"   LitServe {show(load)}   ratio {rates[-1] / peers[-1]:.2f}"
        print(told, flush=True)
    capacity = median(rates)
    result = {"requests_per_s": capacity, **overload(model, ours, capacity, asked.seconds)}
    if peers:
        result["litserve_per_s"] = median(peers)
        result["ratio"] = median(a / b for a, b in zip(rates, peers, strict=True))
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:<28}{value:.2f}" for name, value in result.items()))


def show(load: Load) -> str:
    return f"{load.rate:.1f}/s p50 {load.p(50):.0f} ms p99 {load.p(99):.0f} ms {dict(load.counts)}"


def overload(model: Path, request: bytes, capacity: float, seconds: float) -> dict[str, float]:
    """Latency at 80 % and 100 % of the capacity, and what four times of it do."""
    with running(sys.executable, OURS, model) as (port, process):
        asyncio.run(closed_loop(port, request, 8, 3.0))
        calm = asyncio.run(open_loop(port, request, 0.8 * capacity, seconds))
        full = asyncio.run(closed_loop(port, request, 8, seconds))
        before = memory_mb(process.pid)
        rush = asyncio.run(open_loop(port, request, 4 * capacity, seconds))
        after = memory_mb(process.pid)
        print(f"80 %: {show(calm)}\n100 %: {show(full)}\n400 %: {show(rush)} lost {rush.lost}")
    sent = int(4 * capacity * seconds)
    return {
        "p99_at_80_percent_ms": calm.p(99),
        "p99_at_capacity_ms": full.p(99),
        "p99_accepted_at_400_ms": rush.p(99),
        "accepted_p99_ratio": rush.p(99) / full.p(99),
        "accepted_at_400_per_s": rush.rate,
        "refused_p50_ms": rush.p(50, 503),
        "refused_p99_ms": rush.p(99, 503),
        "memory_growth": after / before - 1,
        "answers_per_request": sum(rush.counts.values()) / sent,
    }


if __name__ == "__main__":
    main()

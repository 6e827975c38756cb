"""JPEG pictures over HTTP: the service against LitServe with the same model, in the same run.

Both serve YOLOX-nano with OpenVINO to the same load generator. Measured are requests per second
with 8 clients that keep their connections (rounds alternate), then, of ours, the latency at 80 % of
that (arrivals at a fixed rate, whether earlier ones were answered or not) and four times of it, and
how many of 64 clients are refused, alone and beside sockets that send headers and no body.

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
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from sightline.runtime.load_generator import LoadResult, LoadTarget, closed_loop, open_loop

STALLED = 100
"""Sockets that send headers and no body."""

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


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, ready: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process group of its own, once it answers ``ready`` with anything but 503."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 120
        while not answers(f"http://127.0.0.1:{port}{ready}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} does not serve")
            time.sleep(0.2)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as exc:
        return exc.code != 503
    except OSError:
        return False


@contextmanager
def ours(model: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The service as users start it."""
    port = free_port()
    sightline = str(Path(sys.executable).with_name("sightline"))
    command = [sightline, "serve", "-m", str(model), "--port", str(port), "--grpc-port", "-1"]
    with running(command, port, "/ready") as process:
        yield port, process


@contextmanager
def peer(python: str, model: Path, workers: int) -> Iterator[int]:
    """LitServe with the same model."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "server.py"
        script.write_text(PEER)
        command = [python, str(script), str(model), str(port), str(workers)]
        with running(command, port, "/health"):
            yield port


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
    text = json.dumps({"image": base64.b64encode(jpeg).decode()}).encode()
    rates: list[float] = []
    peers: list[float] = []
    for number in range(asked.rounds):
        with ours(model) as (port, _):
            load = measure(LoadTarget.of(f"http://127.0.0.1:{port}/detect", jpeg), asked.seconds)
        rates.append(load.rate)
        told = f"round {number + 1}: {show(load)}"
        if asked.litserve:
            with peer(asked.litserve, model, asked.workers) as port:
                url = f"http://127.0.0.1:{port}/predict"
                load = measure(LoadTarget.of(url, text, "application/json"), asked.seconds)
            peers.append(load.rate)
            told += f"   LitServe {show(load)}   ratio {rates[-1] / peers[-1]:.2f}"
        print(told, flush=True)
    capacity = median(rates)
    result = {
        "requests_per_s": capacity,
        **overload(model, jpeg, capacity, asked.seconds),
        **crowd(model, jpeg, asked.seconds),
    }
    if peers:
        result["litserve_per_s"] = median(peers)
        result["ratio"] = median(a / b for a, b in zip(rates, peers, strict=True))
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:<28}{value:.2f}" for name, value in result.items()))


def measure(target: LoadTarget, seconds: float) -> LoadResult:
    """Eight clients, after two seconds of warming up."""
    asyncio.run(closed_loop(target, 8, 2.0))
    return asyncio.run(closed_loop(target, 8, seconds))


def show(load: LoadResult) -> str:
    return f"{load.rate:.1f}/s p50 {load.percentile(50):.0f} ms p99 {load.percentile(99):.0f} ms {dict(load.counts)}"


def overload(model: Path, jpeg: bytes, capacity: float, seconds: float) -> dict[str, float]:
    """Latency at 80 % and 100 % of the capacity, and what four times of it do."""
    with ours(model) as (port, process):
        target = LoadTarget.of(f"http://127.0.0.1:{port}/detect", jpeg)
        asyncio.run(closed_loop(target, 8, 3.0))
        calm = asyncio.run(open_loop(target, 0.8 * capacity, seconds))
        full = asyncio.run(closed_loop(target, 8, seconds))
        before = memory_mb(process.pid)
        rush = asyncio.run(open_loop(target, 4 * capacity, seconds))
        after = memory_mb(process.pid)
        print(f"80 %: {show(calm)}\n100 %: {show(full)}\n400 %: {show(rush)} lost {rush.lost}")
    sent = int(4 * capacity * seconds)
    return {
        "p99_at_80_percent_ms": calm.percentile(99),
        "p99_at_capacity_ms": full.percentile(99),
        "p99_accepted_at_400_ms": rush.percentile(99),
        "accepted_p99_ratio": rush.percentile(99) / full.percentile(99),
        "accepted_at_400_per_s": rush.rate,
        "refused_p50_ms": rush.percentile(50, 503),
        "refused_p99_ms": rush.percentile(99, 503),
        "memory_growth": after / before - 1,
        "answers_per_request": sum(rush.counts.values()) / sent,
    }


def crowd(model: Path, jpeg: bytes, seconds: float) -> dict[str, float]:
    """How many of 64 clients with one picture each are refused, alone and beside sockets that stall."""
    with ours(model) as (port, _), ExitStack() as stack:
        target = LoadTarget.of(f"http://127.0.0.1:{port}/detect", jpeg)
        alone = asyncio.run(closed_loop(target, 64, seconds))
        for _ in range(STALLED):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(b"POST /detect HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        beside = asyncio.run(closed_loop(target, 64, seconds))
        print(f"64 clients: {show(alone)}\nbeside {STALLED} that stall: {show(beside)}")
    return {
        "refused_of_64_clients": alone.counts.total() - alone.counts[200],
        "refused_beside_stalled": beside.counts.total() - beside.counts[200],
    }


if __name__ == "__main__":
    main()

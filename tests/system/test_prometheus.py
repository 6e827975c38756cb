"""A real Prometheus reads the metrics of a real server: what is counted arrives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from tests.ports import free_port

from sightline.monitoring.metrics import CONTENT_TYPE, PrometheusMeter
from sightline.types import Detections

DEADLINE_S = 60.0


@pytest.fixture
def metrics() -> Iterator[tuple[PrometheusMeter, int]]:
    """A meter, and the port at which it can be read."""
    meter = PrometheusMeter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = meter.render()
            self.send_response(200 if self.path == "/metrics" else 404)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield meter, server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def prometheus(metrics: tuple[PrometheusMeter, int], tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that reads the meter every quarter of a second."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\n"
        "scrape_configs:\n  - job_name: sightline\n    static_configs:\n"
        f"      - targets: ['127.0.0.1:{metrics[1]}']\n"
    )
    port = free_port()
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def query(prometheus: str, text: str) -> list[tuple[dict[str, str], float]]:
    """The labels and values that a query finds now; nothing while Prometheus is not up."""
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            url, timeout=5
        ) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return []
    return [(item["metric"], float(item["value"][1])) for item in result]


def wait_for(prometheus: str, text: str, value: float) -> dict[str, str]:
    """The labels of the one series that has this value, as soon as it does."""
    deadline = time.monotonic() + DEADLINE_S
    found: list[tuple[dict[str, str], float]] = []
    while time.monotonic() < deadline:
        found = query(prometheus, text)
        if len(found) == 1 and found[0][1] == pytest.approx(value):
            return found[0][0]
        time.sleep(0.1)
    raise AssertionError(f"{text} is {found}, not {value}")


def test_values_arrive(metrics: tuple[PrometheusMeter, int], prometheus: str) -> None:
    meter, _ = metrics
    meter.inferred("street", 6, 0.015, None)
    meter.inferred("street", 2, 0.015, "InferenceError")
    meter.queued("street", "urgent", 0.004)
    meter.refused("street", "batch", "overloaded")
    boxes = np.zeros((3, 4), np.float32)
    found = Detections(boxes, np.ones(3, np.float32), np.array([0, 0, 1]), class_names=("a", "b c"))
    meter.detected("gate", found)
    wait_for(prometheus, "up", 1)
    wait_for(prometheus, 'sightline_inferences_total{status="ok"}', 6)
    wait_for(prometheus, 'sum(sightline_inferences_total{model="street"})', 8)
    wait_for(prometheus, 'sightline_detections_total{stream="gate",class="a"}', 2)
    wait_for(prometheus, 'sightline_detections_total{class="b c"}', 1)
    wait_for(prometheus, 'sightline_refused_total{reason="overloaded"}', 1)
    labels = wait_for(prometheus, "sightline_queue_seconds_sum", 0.004)
    assert (labels["model"], labels["priority"]) == ("street", "urgent")
    wait_for(
        prometheus,
        'histogram_quantile(0.99, sightline_inference_seconds_bucket{model="street"})',
        0.01 + 0.01 * 0.99,
    )
    meter.inferred("street", 4, 0.015, None)
    wait_for(prometheus, 'sightline_inferences_total{status="ok"}', 10)
    assert query(prometheus, "process_resident_memory_bytes")[0][1] > os.sysconf("SC_PAGE_SIZE")

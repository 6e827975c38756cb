"""The statistics extension, read with tritonclient, held against what was really sent and run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import native_models
from tests.v2_service import Running, running, tensors
from tritonclient.utils import InferenceServerException

STEPS = ("queue", "compute_input", "compute_infer", "compute_output")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("statistics")
    models = {
        "yolox": {"model": str(data / "models" / "yolox_nano.onnx"), "backend": "onnxruntime"},
        "mlp": {"model": str(native_models.perceptron(folder / "mlp.onnx"))},
        "fixed": {"model": str(native_models.perceptron(folder / "fixed.onnx", rows=2))},
        "shared": {"model": str(native_models.perceptron(folder / "shared.onnx"))},
    }
    with running(models) as found:
        yield found


def read(service: Running, transport: str, model: str) -> dict[str, Any]:
    with service.client(transport) as client:
        if transport == "http":
            found = client.get_inference_statistics(model)
        else:
            found = client.get_inference_statistics(model, as_json=True)
    (stats,) = found["model_stats"]
    return dict(stats)


def numbers(value: Any) -> Any:
    """gRPC's JSON has its 64-bit numbers as text and leaves out what is 0."""
    if isinstance(value, dict):
        return {name: numbers(v) for name, v in value.items() if numbers(v) not in (0, {})}
    if isinstance(value, list):
        return [numbers(v) for v in value]
    return int(value) if isinstance(value, str) and value.isdigit() else value


def test_nothing_was_sent_yet_although_models_were_warmed_up(service: Running) -> None:
    for model in ("yolox", "yolox.detect", "yolox.native", "shared"):
        found = read(service, "http", model)
        assert (found["inference_count"], found["execution_count"]) == (0, 0)
        assert (found["last_inference"], found["batch_stats"]) == (0, [])
        assert {d["count"] for d in found["inference_stats"].values()} == {0}


REQUESTS = {
    # model -> input, rows that count, batches that are run, their size
    "mlp": ({"features": np.ones((1, 4), np.float32)}, 1, 1, 1),
    "fixed": (
        {"features": np.ones((2, 4), np.float32)},
        1,
        1,
        1,
    ),  # it has no batch: its 2 is a side
    "yolox": ({"images": np.zeros((1, 416, 416, 3), np.uint8)}, 1, 1, 1),
    "yolox.native": ({"images": np.zeros((1, 3, 416, 416), np.float32)}, 1, 1, 1),
}


@pytest.mark.parametrize("transport", ["http", "grpc"])
@pytest.mark.parametrize("model", REQUESTS)
def test_counts_are_those_of_what_was_sent(service: Running, model: str, transport: str) -> None:
    feed, rows, batches, size = REQUESTS[model]
    before = read(service, "http", model)
    begin, wall = time.time(), time.perf_counter_ns()
    with service.client(transport) as client:
        for _ in range(3):
            client.infer(model, tensors(transport, **feed))
        with pytest.raises(InferenceServerException):
            client.infer(model, tensors(transport, nothing=np.ones(1, np.float32)))
    wall = time.perf_counter_ns() - wall
    found = read(service, "http", model)
    assert found["inference_count"] - before["inference_count"] == 3 * rows
    assert found["execution_count"] - before["execution_count"] == 3 * batches
    stats, old = found["inference_stats"], before["inference_stats"]
    more = {n: {k: stats[n][k] - old[n][k] for k in ("count", "ns")} for n in stats}
    assert {n: more[n]["count"] for n in ("success", "fail", *STEPS)} == {
        "success": 3, "fail": 1, **dict.fromkeys(STEPS, 3),
    }  # fmt: skip
    assert 0 < more["compute_infer"]["ns"] <= sum(more[n]["ns"] for n in STEPS)
    assert sum(more[n]["ns"] for n in STEPS) <= more["success"]["ns"] <= wall
    assert begin * 1e3 - 1 <= found["last_inference"] <= time.time() * 1e3 + 1
    (batch,) = found["batch_stats"]
    assert batch["batch_size"] == size
    assert batch["compute_infer"] == stats["compute_infer"]
    assert numbers(read(service, "grpc", model)) == numbers(found)


def test_rows_of_one_request_are_one_batch(service: Running) -> None:
    with service.client("grpc") as client:
        client.infer("mlp", tensors("grpc", features=np.ones((7, 4), np.float32)))
    found = read(service, "http", "mlp")
    sizes = {b["batch_size"]: b["compute_infer"]["count"] for b in found["batch_stats"]}
    assert sizes[7] == 1
    assert found["execution_count"] == sum(sizes.values())


def test_pictures_count_one_by_one(service: Running, data: Path) -> None:
    picture = min((data / "images").glob("*.jpg")).read_bytes()
    with service.client("http") as client:
        client.infer("yolox.detect", tensors("http", image=np.array([picture] * 3, object)))
    found = read(service, "http", "yolox.detect")
    assert found["inference_count"] == 3
    assert found["inference_stats"]["success"]["count"] == 1
    ran = sum(b["batch_size"] * b["compute_infer"]["count"] for b in found["batch_stats"])
    assert ran == 3


def test_requests_that_share_a_batch_count_it_once(service: Running) -> None:
    """However many clients there are, the batches hold exactly the rows that were sent."""
    sent = 400
    feed = np.ones((1, 4), np.float32)

    def ask(_: int) -> None:
        with service.client("grpc") as client:
            for _ in range(sent // 8):
                client.infer("shared", tensors("grpc", features=feed))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    found = read(service, "http", "shared")
    assert (found["inference_count"], found["inference_stats"]["success"]["count"]) == (sent, sent)
    ran = {b["batch_size"]: b["compute_infer"]["count"] for b in found["batch_stats"]}
    assert sum(size * count for size, count in ran.items()) == sent
    assert found["execution_count"] == sum(ran.values()) <= sent
    assert found["inference_stats"]["queue"]["count"] == sent

"""A running service of the Open Inference Protocol, REST and gRPC, with two real models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sightline.types import Detections, Floats, Frame, Pixels

ADMIN = "the administrator's token"


@dataclass(frozen=True)
class OpenInferenceService:
    """Where it listens, and what its models say when they are asked without it."""

    http: str
    grpc: str
    admin: str
    raw: Callable[[str, Pixels], list[Floats]]
    """The outputs of a model's own engine for (N, H, W, 3) uint8."""
    detect: Callable[[str, Frame], Detections]


@pytest.fixture(scope="session")
def open_inference(data: Path) -> Iterator[OpenInferenceService]:
    """YOLOX-nano as ``yolox`` and the bundled model as ``street``; ``spare`` is loaded by nobody."""
    from sightline import build
    from sightline.config import (
        EngineOptions,
        LimitOptions,
        ModelOptions,
        SchedulerOptions,
        ServingOptions,
    )
    from sightline.models.detector import EngineDetector
    from sightline.runtime.repository.models import ModelRepository
    from sightline.runtime.repository.served_model import ASPECTS
    from sightline.runtime.scheduling.scheduler import Scheduler
    from sightline.serving.http.app import create_app
    from sightline.serving.http.server import Server
    from sightline.serving.kserve.grpc_server import GrpcServer
    from sightline.serving.kserve.open_inference import OpenInference
    from sightline.serving.kserve.rest import router

    files = {
        "yolox": str(data / "models" / "yolox_nano.onnx"),
        "street": "street",
        "spare": "street",
    }

    def make(name: str) -> EngineDetector:
        # Full precision: pictures of several clients share a batch, and come out the same.
        engine = EngineOptions(precision="fp32")
        detector = build.detector(ModelOptions(model=files[name], engine=engine, size=320))
        assert isinstance(detector, EngineDetector)
        return detector

    # On a busy computer nothing is refused: these tests are not about load.
    limits = LimitOptions(queue_ms=1e5)
    options = ServingOptions(port=0, grpc_port=0, admin_token=ADMIN, limits=limits)
    scheduler = Scheduler(SchedulerOptions())
    repository = ModelRepository(scheduler, make, list(files), cold=files)
    repository.load("yolox")
    repository.load("street")
    service = OpenInference(repository, options.limits)
    app = create_app(repository, scheduler, None, options, routers=[router(service)])
    companion = GrpcServer(service, options)
    server = Server(app, options, [companion])
    server.start()

    def raw(name: str, batch: Pixels) -> list[Floats]:
        engine = repository.get(name).detector.engine
        n, height, width, _ = batch.shape
        return engine.submit(
            (n, height, width),
            lambda memory: np.copyto(memory, batch),
            lambda outputs: [output.copy() for output in outputs],
        ).result()

    def detect(name: str, frame: Frame) -> Detections:
        detector = repository.get(name).detector.with_aspects(ASPECTS)
        return detector.submit([frame]).result()[0]

    for name in ("yolox", "street"):
        raw(name, np.zeros((1, 320, 320, 3), np.uint8))  # what is compiled takes no test's time
    yield OpenInferenceService(
        server.url.removeprefix("http://"), f"127.0.0.1:{companion.port}", ADMIN, raw, detect
    )
    server.stop()
    scheduler.close()
    repository.close()

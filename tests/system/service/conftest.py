"""The service on a free port, around a tiny model that a test can hold up, break and exchange."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from sightline import build
from sightline.build.files.conflicts import added_stream_conflict
from sightline.build.streams import StreamMaker
from sightline.config import (
    Configuration,
    EngineOptions,
    LimitOptions,
    ModelOptions,
    SchedulerOptions,
    ServedModelOptions,
    ServingOptions,
)
from sightline.protocols import Engine
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.repository.served_model import ServedModel
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.runtime.streams.fleet import Fleet
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server
from sightline.serving.kserve.grpc_server import GrpcServer
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.rest import router
from sightline.types import EngineInfo, Floats, Pixels

OBJECT = (8.0, 16.0, 32.0, 48.0, 0.9, 1.0)
"""What the tiny model sees in every picture: x1 y1 x2 y2 score class, in 64 x 64 pixels."""


class HeldEngine:
    """An Engine around another, whose jobs wait while ``open`` is not set."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.open = threading.Event()
        self.open.set()
        self.started = 0
        self.fault: Exception | None = None

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], Any],
    ) -> Future[Any]:
        def held(batch: Pixels) -> None:
            self.started += 1
            assert self.open.wait(30)
            if self.fault is not None:
                raise self.fault
            fill(batch)

        return self._engine.submit(shape, held, read)

    def close(self) -> None:
        self._engine.close()


@dataclass
class Service:
    """A running service and its parts; ``grpc``, and the routes of /v2, are there where a
    ``grpc_port`` was asked for."""

    app: FastAPI
    server: Server
    repository: ModelRepository
    scheduler: Scheduler
    fleet: Fleet
    options: ServingOptions
    model: Path
    grpc: GrpcServer
    engines: list[HeldEngine] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def engine(self) -> HeldEngine:
        """Of the model that was loaded last."""
        return self.engines[-1]

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(
            base_url=self.url, headers=headers, trust_env=False, timeout=30, **options
        )

    def outcomes(self, outcome: str) -> int:
        return self.scheduler.stats().outcomes[outcome]


@pytest.fixture
def tiny_model(constant_model: Callable[..., Path]) -> Path:
    """Sees one object in every picture; takes batches."""
    rows = np.zeros((1, 25, 6), np.float32)
    rows[0, 0] = OBJECT
    return constant_model([rows], batch="batch", metadata={"names": "['person', 'car']"})


def named(served: ServedModel) -> Any:
    return served.name, served.detector


@pytest.fixture
def serve(tiny_model: Path) -> Iterator[Callable[..., Service]]:
    """A factory of services; arguments are those of ServingOptions, ``limits`` a dict."""
    running: list[Service] = []

    def start(
        limits: dict[str, Any] | None = None,
        scheduler: SchedulerOptions | None = None,
        token: str | None = None,
        admin_token: str | None = None,
        files: dict[str, Path] | None = None,
        **options: Any,
    ) -> Service:
        engines: list[HeldEngine] = []

        def make(name: str) -> Any:
            # One picture at a time: what is held holds all the others up.
            engine = EngineOptions(requests=1, threads=1, hint="latency")
            wanted = ModelOptions(model=str(tiny_model), backend="onnxruntime", engine=engine)
            detector = build.detector(wanted)
            engines.append(HeldEngine(detector.engine))
            return detector.with_engines(lambda _: engines[-1])

        patient = SchedulerOptions(urgent_ms=1e4, normal_ms=1e4, batch_ms=1e4)
        sharing = Scheduler(scheduler or patient)
        repository = ModelRepository(sharing, make, ["tiny"])
        repository.load_all()
        fleet = Fleet(StreamMaker(sharing, lambda name: named(repository.get(name))))
        serving = ServingOptions(
            port=0,
            limits=LimitOptions(**({"queue_ms": 1e4} | (limits or {}))),
            token=None if token is None else SecretStr(token),
            admin_token=None if admin_token is None else SecretStr(admin_token),
            **{"drain_s": 5.0, "grpc_port": None, **options},
        )
        configuration = Configuration(
            models={"tiny": ServedModelOptions(model=str(tiny_model))}, serving=serving
        )
        clash = partial(added_stream_conflict, configuration, files or {})
        protocol = OpenInference(repository, serving.limits)
        grpc = GrpcServer(protocol, serving)
        both = serving.grpc_port is not None
        app = create_app(
            repository, sharing, fleet, serving, clash=clash,
            routers=[router(protocol)] if both else [],
        )  # fmt: skip
        server = Server(app, serving, [grpc] if both else [])
        server.start()
        service = Service(
            app, server, repository, sharing, fleet, serving, tiny_model, grpc, engines
        )
        running.append(service)
        return service

    yield start
    for service in running:
        for engine in service.engines:
            engine.open.set()
        service.fleet.close()
        service.server.stop()
        service.repository.close()
        service.scheduler.close()


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A picture of 128 x 96 pixels: noise, so that it is no tiny file."""
    noise = np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", noise)[1])

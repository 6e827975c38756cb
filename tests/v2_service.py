"""A real service of the Open Inference Protocol, over HTTP and gRPC, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import np_to_triton_dtype

from sightline.build.application import Application
from sightline.config import Configuration
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server
from sightline.serving.kserve.grpc_server import GrpcServer
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.rest import router
from sightline.serving.kserve.shared_memory import Regions

LIBRARIES = {"http": triton_http, "grpc": triton_grpc}


@dataclass(frozen=True)
class Running:
    """A service that runs; ``addresses`` by transport."""

    application: Application
    addresses: dict[str, str]

    def client(self, transport: str, **more: Any) -> Any:
        return LIBRARIES[transport].InferenceServerClient(self.addresses[transport], **more)


@contextmanager
def running(models: dict[str, Any], **serving: Any) -> Iterator[Running]:
    configuration = Configuration.model_validate(
        {
            "models": models,
            "scheduler": {"refuse_after": 1000},
            "serving": {"port": 0, "grpc_port": 0, **serving},
        }
    )
    options = configuration.serving
    assert options is not None
    application = Application(configuration)
    application.open()
    service = OpenInference(
        application.repository, options.limits, regions=Regions() if options.shared_memory else None
    )
    app = create_app(
        application.repository, application.scheduler, None, options, routers=[router(service)]
    )
    grpc = GrpcServer(service, options)
    server = Server(app, options, [grpc])
    server.start()
    try:
        http = server.url.removeprefix("http://")
        yield Running(application, {"http": http, "grpc": f"127.0.0.1:{grpc.port}"})
    finally:
        server.stop()
        application.close()


def tensors(transport: str, **feed: np.ndarray[Any, Any]) -> list[Any]:
    """Inputs of a request, in the words of a transport's client."""
    found = []
    for name, array in feed.items():
        given = LIBRARIES[transport].InferInput(
            name, list(array.shape), np_to_triton_dtype(array.dtype)
        )
        given.set_data_from_numpy(array)
        found.append(given)
    return found

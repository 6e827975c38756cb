"""Run as a program: a service around the model file that it is given. Prints its address.

python service_process.py MODEL OPTIONS     OPTIONS: ServingOptions as JSON
"""

from __future__ import annotations

import sys

from sightline import build
from sightline.config import EngineOptions, ModelOptions, SchedulerOptions, ServingOptions
from sightline.models.detector import EngineDetector
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server


def make(name: str) -> EngineDetector:
    engine = EngineOptions(requests=1, threads=1)
    detector = build.detector(ModelOptions(model=sys.argv[1], backend="onnxruntime", engine=engine))
    assert isinstance(detector, EngineDetector)
    return detector


scheduler = Scheduler(SchedulerOptions(normal_ms=10_000))
repository = ModelRepository(scheduler, make, ["model"])
repository.load_all()
options = ServingOptions.model_validate_json(sys.argv[2])
server = Server(create_app(repository, scheduler, None, options), options)
print(server.url, flush=True)  # noqa: T201 - for who started it
server.run()
repository.close()
scheduler.close()
print("stopped", flush=True)  # noqa: T201

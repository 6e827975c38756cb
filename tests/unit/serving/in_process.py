"""The service as an ASGI app around stand-ins, called without a server: no ports, no threads of its own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI
from PIL import Image

from sightline.config import LimitOptions, ServingOptions
from sightline.errors import ConfigError, Conflict, NotFound
from sightline.models.model_card import ModelCard
from sightline.runtime.repository.models import ModelState
from sightline.runtime.scheduling.items import Terms
from sightline.serving.http.app import create_app
from sightline.types import Detections, Frame, Label, StreamStats

BOX = (1.0, 2.0, 30.0, 40.0)


def jpeg(width: int = 64, height: int = 48) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (30, 60, 90)).save(file, "JPEG")
    return file.getvalue()


class Model:
    """Finds one car in each picture, at once or with an error."""

    def __init__(self, name: str = "tiny") -> None:
        self.name = name
        self.rollout: Any = None
        self.fallback: Any = None
        self.asked: list[tuple[Terms, dict[str, Any]]] = []
        self.error: Exception | None = None
        self.card = ModelCard(
            name=name, size=(64, 64), fixed_size=True, class_names=("person", "bicycle", "car")
        )

    def submit(
        self, frame: Frame, terms: Terms, *, started: Callable[[], None], **wanted: Any
    ) -> Future[Detections]:
        if wanted["classes"] == ["dragon"]:
            raise ConfigError("classes: this model has no class 'dragon'")
        self.asked.append((terms, wanted))
        started()
        future: Future[Detections] = Future()
        if self.error is not None:
            future.set_exception(self.error)
        else:
            found = Detections(
                np.array([BOX], np.float32), np.array([0.5], np.float32), np.array([2]),
                class_names=self.card.class_names,
            )  # fmt: skip
            future.set_result(found)
        del frame
        return future


class Repository:
    """The models of a service; the first is the default."""

    def __init__(self, *models: Model) -> None:
        self.models = {model.name: model for model in models}
        self.names = tuple(self.models)
        self.ready = True
        self.users: Any = None
        self.states_of: dict[str, ModelState] = {}
        self.done: list[tuple[str, str]] = []

    def get(self, name: str = "default") -> Model:
        name = self.names[0] if name == "default" else name
        if name not in self.models:
            raise NotFound(f"there is no model {name!r}; there are {', '.join(self.names)}")
        return self.models[name]

    find = get

    def state(self, name: str) -> ModelState:
        name = self.get(name).name
        return self.states_of.get(name, ModelState(name, "ready"))

    def states(self) -> list[ModelState]:
        return [self.state(name) for name in self.names]

    def load_for_client(self, name: str) -> None:
        self.done.append(("load", self.get(name).name))

    def unload(self, name: str) -> None:
        self.done.append(("unload", self.get(name).name))


class Classifiers:
    """One classifier, that names everything a red car."""

    names = ("colours",)

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def full_name(self, name: str) -> str:
        if name not in ("default", "colours"):
            raise NotFound(f"there is no classifier {name!r}")
        return "colours"

    def loaded(self, name: str) -> str | None:
        return self.full_name(name)

    def submit(
        self, name: str, frame: Frame, terms: Terms, *, started: Callable[[], None], **wanted: Any
    ) -> Future[tuple[Label, ...]]:
        self.asked.append({"name": name, "terms": terms, "frame": frame, **wanted})
        started()
        future: Future[tuple[Label, ...]] = Future()
        future.set_result((Label("colour", "red", 0.75), Label("kind", "car", 0.5)))
        return future


class Scheduler:
    """Refuses with ``full`` where a test sets it."""

    full: Exception | None = None

    def __init__(self) -> None:
        self.checked: list[tuple[str, Terms, float]] = []

    def check(self, name: str, terms: Terms, coming: float = 0.0) -> None:
        self.checked.append((name, terms, coming))
        if self.full is not None:
            raise self.full


class Fleet:
    """Streams that exist by name only."""

    def __init__(self, *names: str) -> None:
        self.running: dict[str, Any] = dict.fromkeys(names)
        self.done: list[tuple[str, str]] = []
        self.ends = True

    def _known(self, name: str) -> None:
        if name not in self.running:
            raise NotFound(f"there is no stream {name!r}")

    def add(self, name: str, options: Any) -> None:
        if name in self.running:
            raise Conflict(f"there is a stream {name!r} already")
        self.running[name] = options

    def remove(self, name: str) -> bool:
        self._known(name)
        del self.running[name]
        return self.ends

    def pause(self, name: str) -> None:
        self._known(name)
        self.done.append(("pause", name))

    def resume(self, name: str) -> None:
        self._known(name)
        self.done.append(("resume", name))

    def options(self) -> dict[str, Any]:
        return self.running

    def stats(self) -> dict[str, StreamStats]:
        return {}

    def version(self, name: str) -> int:
        self._known(name)
        return 1

    def snapshot(self, name: str, *, annotated: bool = True, quality: int = 80) -> bytes:
        self._known(name)
        return f"{name} {annotated} {quality}".encode()


class InProcess:
    """A service, and a client of it."""

    def __init__(self, *models: Model, **more: Any) -> None:
        self.models = models or (Model(),)
        self.repository = Repository(*self.models)
        self.classifiers = Classifiers()
        self.scheduler = Scheduler()
        self.fleet: Fleet | None = more.pop("fleet", None)
        options = ServingOptions(
            limits=LimitOptions(**more.pop("limits", {})), **more.pop("options", {})
        )
        self.app: FastAPI = create_app(
            self.repository, self.scheduler, self.fleet, options,  # type: ignore[arg-type]
            classifiers=self.classifiers, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        self.state = self.app.state.service

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request over a transport in memory."""

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=("127.0.0.1", 5000))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost:8000"
            ) as client:
                return await client.request(method, path, **more)

        return asyncio.run(run())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("POST", path, **more)


def failure(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of an error."""
    error = answer.json()["error"]
    assert error["id"] == answer.headers["x-request-id"]
    return answer.status_code, error["code"], error["message"]

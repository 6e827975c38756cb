"""The models: which there are, and loading them again."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from sightline.config import Name
from sightline.errors import ConfigError, Conflict, EngineError, InvalidRequest
from sightline.runtime.repository.served_model import ServedModel, ServedTensors
from sightline.serving.http.state import ServiceState, state_of
from sightline.serving.http.validation import exact_body, exact_query
from sightline.serving.routes.openapi import FAILURES
from sightline.types import JsonObject

router = APIRouter(tags=["models"], dependencies=[Depends(exact_query)])
_RESPONSES: dict[int | str, JsonObject] = {
    status: FAILURES[status] for status in (401, 403, 404, 422)
}
_CHANGES: dict[int | str, JsonObject] = {
    **_RESPONSES,
    409: {"description": "it cannot be used; what answered before goes on"},
}


@router.get("/models")
async def models(request: Request) -> JsonObject:
    """All models that detect or take tensors; the first is the default. ``classifiers`` are those of
    ``POST /classify``."""
    service = state_of(request)
    names = service.repository.names
    return {
        "default": names[0],
        "models": [describe(service, name) for name in names],
        "classifiers": list(service.classifiers.names),
    }


@router.get("/models/{name}", responses=_RESPONSES)
async def model(request: Request, name: Name) -> JsonObject:
    """One model."""
    return describe(state_of(request), name)


@router.post("/models/{name}/reload", responses=_CHANGES)
@router.post("/models/{name}/load", responses=_CHANGES)
async def load(request: Request, name: Name) -> JsonObject:
    """Load a model (again) from its file. No request fails meanwhile; a bad file changes nothing."""
    service = state_of(request)
    await asyncio.to_thread(service.repository.load_for_client, name)
    return describe(service, name)


@router.post("/models/{name}/unload", responses=_CHANGES)
async def unload(request: Request, name: Name) -> JsonObject:
    """Free a model. Refused while a stream uses it."""
    service = state_of(request)
    await asyncio.to_thread(service.repository.unload, name)
    return describe(service, name)


class Choice(BaseModel):
    """Which engine is to work; null: the best that works."""

    model_config = ConfigDict(extra="forbid")

    use: str | None = None


@router.post(
    "/models/{name}/engine", responses=_CHANGES, dependencies=[Depends(exact_body(Choice))]
)
async def choose_engine(request: Request, name: Name, choice: Choice) -> JsonObject:
    """Choose one of a model's engines by hand, by its label, or let the service choose again."""
    service = state_of(request)
    fallback = service.repository.get(name).fallback
    if fallback is None:
        raise Conflict(f"model {name} has one engine only: `fallback` gives it others")
    labels = [engine.label for engine in fallback.status().engines]
    if choice.use is not None and choice.use not in labels:
        raise InvalidRequest(f"model {name} has no engine {choice.use!r}; it has {labels}")
    try:
        await asyncio.to_thread(fallback.use, choice.use)
    except (ConfigError, EngineError) as exc:
        raise Conflict(f"engine {choice.use} of model {name} cannot be used now") from exc
    return describe(service, name)


def describe(service: ServiceState, name: str) -> JsonObject:
    """What a client should know of a model. Raises NotFound."""
    state = service.repository.state(name)
    told: JsonObject = {"name": state.name, "state": state.state}
    if state.error is not None:
        told["error"] = state.error
    if state.state != "ready":
        return told
    served = service.repository.find(state.name)
    if isinstance(served, ServedTensors):
        info = served.native.engine.info
        return told | {
            "task": "tensors",
            "backend": info.backend,
            "device": info.device,
            "loaded_at": served.native.loaded_at,
        }
    fallback = served.fallback
    if fallback is not None:
        told["engines"] = asdict(fallback.status())
    if not isinstance(served, ServedModel):
        return told | {
            "task": "detect",
            "classes": list(served.class_names),
            "parts": [
                {"backend": e.info.backend, "device": e.info.device, "precision": e.info.precision}
                for e in served.detector.engines
            ],
            "loaded_at": served.loaded_at,
        }
    card, info = served.detector.card, served.info
    return told | {
        "task": card.task,
        "classes": list(card.class_names),
        "size": list(card.size),
        "conf": served.detector.conf,
        "licence": card.licence,
        "backend": info.backend,
        "device": info.device,
        "precision": info.precision,
        "loaded_at": served.loaded_at,
    }

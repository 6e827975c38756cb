"""Is it alive, is it able, what is it doing."""

from __future__ import annotations

import dataclasses
import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sightline._version import __version__
from sightline.errors import NotFound
from sightline.serving.http.state import state_of
from sightline.serving.routes.openapi import FAILURES
from sightline.types import JsonObject

router = APIRouter(tags=["health"])


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def health() -> dict[str, str]:
    """Alive: 200 as long as requests are answered at all."""
    return {"status": "alive"}


@router.head("/ready", include_in_schema=False)
@router.get("/ready", responses={503: {"description": "loading, draining, or a model has failed"}})
async def ready(request: Request) -> Response:
    """Able: 200 when all models answer but those that were unloaded on purpose, of which there is one
    at least that was not, and nothing is being shut down."""
    able = state_of(request).ready
    return JSONResponse({"status": "ready" if able else "not ready"}, 200 if able else 503)


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", responses={404: FAILURES[404]})
async def metrics(request: Request) -> Response:
    """For Prometheus, as text."""
    shown = state_of(request).metrics
    if shown is None:
        raise NotFound("this service keeps no metrics")
    return Response(shown.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/status")
async def status(request: Request) -> JsonObject:
    """Everything at a glance: version, models, scheduler, streams, and the history where one is kept."""
    service = state_of(request)
    streams = service.fleet.stats() if service.fleet is not None else {}
    reports = service.reports
    return {
        "version": __version__,
        "ready": service.ready,
        "draining": service.draining,
        "uptime_s": round(time.time() - service.started_at, 1),
        "models": {state.name: state.state for state in service.repository.states()},
        "scheduler": dataclasses.asdict(service.scheduler.stats()),
        "streams": {name: stats.state for name, stats in streams.items()},
        "history": None if reports is None else dataclasses.asdict(reports.status()),
    }

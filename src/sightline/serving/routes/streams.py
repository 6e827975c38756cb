"""The streams of the fleet: added and removed while it runs, watched live."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import queue
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sightline.config import Name
from sightline.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    ModelError,
    NotFound,
    Overloaded,
    SourceError,
)
from sightline.redaction import redact
from sightline.runtime.streams.feed import FeedItem
from sightline.runtime.streams.fleet import no_stream
from sightline.serving.http.protocol import WATCH
from sightline.serving.http.schemas import StreamRequest
from sightline.serving.http.security import check_stream_source, may_embed
from sightline.serving.http.signatures import LONGEST_S
from sightline.serving.http.state import ServiceState, state_of
from sightline.serving.http.validation import exact_body, exact_query
from sightline.serving.routes.openapi import FAILURES
from sightline.serving.stream_outputs import placed_outputs
from sightline.types import JsonObject, StreamStats

log = logging.getLogger(__name__)

_OF_FILES = {
    "drift": "its reference is a file",
    "collect": "it writes to a folder",
    "estimate": "it names files",
}
"""Options of streams that clients may not give, and why not."""

router = APIRouter(tags=["streams"], dependencies=[Depends(exact_query)])
_RESPONSES: dict[int | str, JsonObject] = {
    status: FAILURES[status] for status in (401, 403, 404, 422)
}
_ADDING: dict[int | str, JsonObject] = {
    **_RESPONSES,
    409: {"description": "there is a stream of this name, or a file is in use"},
    503: FAILURES[503],
}
_REMOVING: dict[int | str, JsonObject] = {
    **_RESPONSES,
    202: {"description": "it ends, but its outputs are not closed yet"},
}

WATCHERS = 64
"""Live pictures and event readers at a time."""
_LONGEST_INPUT = 4096
"""Pixels of the longer side of an input that clients may ask for: four times as many take gigabytes."""
_TICK_S = 0.04
_PING_S = 10.0
_BOUNDARY = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


@router.get("/streams", responses=_RESPONSES)
async def streams(request: Request) -> JsonObject:
    """All streams with their statistics."""
    stats = await asyncio.to_thread(state_of(request).streams.stats)
    return {"streams": [dataclasses.asdict(one) for one in stats.values()]}


@router.post(
    "/streams",
    status_code=201,
    responses=_ADDING,
    dependencies=[Depends(exact_body(StreamRequest))],
)
async def add(request: Request, body: StreamRequest) -> JsonObject:
    """Add a stream; it connects by itself, so a camera that is away is no error."""
    service = state_of(request)
    fleet = service.streams
    service.repository.state(body.model)  # NotFound

    _refuse_files(body)
    for at, model in body.options().further_models:
        if model not in service.stage_models:  # clients name no files
            known = ", ".join(sorted(service.stage_models))
            raise NotFound(f"{at[0]}: there is no model {model!r} for it; there are {known}")
    _check_inputs(body)

    def start() -> None:
        placed = {
            "outputs": placed_outputs(body.outputs, service.options),
            "source": check_stream_source(body.source, service.options),
            "live": body.live.model_copy(update={"hosts": service.options.stream_hosts}),
        }
        options = body.options().model_copy(update=placed)
        with service.adding:
            running = fleet.options()
            if body.name not in running and (why := service.clash(running, body.name, options)):
                raise Conflict(why)
            fleet.add(body.name, options)

    try:
        await asyncio.to_thread(start)
    except SourceError as exc:
        raise InvalidRequest(f"source: {redact(str(exc))}") from exc
    except ModelError as exc:  # it names files of this computer
        log.error("stream %s: a model of it cannot be used: %s", body.name, exc)
        raise InvalidRequest(
            "stages: a model cannot be used for what it is named for: see the log"
        ) from exc
    return {"name": body.name}


def _refuse_files(body: StreamRequest) -> None:
    """Raise Forbidden where a stream names files or hosts that only the configuration may name."""
    if body.live.hosts is not None:
        raise Forbidden("live.hosts: which hosts clients may open says serving.stream_hosts")
    for option, why in _OF_FILES.items():
        if getattr(body, option) is not None:
            raise Forbidden(f"{option}: {why} of this computer: name it in the configuration")


def _check_inputs(body: StreamRequest) -> None:
    """Raises InvalidRequest: a model would be shown inputs that take all memory of the service."""
    asked: dict[str, Any] = {
        f"stages.{number}.size": stage.size
        for number, stage in enumerate(body.stages)
        if stage.kind in ("segment", "detect") and stage.size is not None
    }
    asked["adaptive.sizes"] = max(body.adaptive.sizes, default=0)
    for at, size in asked.items():
        longer = size if isinstance(size, int) else max(size)
        if longer > _LONGEST_INPUT:
            raise InvalidRequest(f"{at}: it must be {_LONGEST_INPUT} or less, not {longer}")


@router.delete("/streams/{name}", status_code=204, responses=_REMOVING)
async def remove(request: Request, name: Name) -> Response:
    """End a stream. With 204 its outputs are closed; with 202 they are not, and its name is not free."""
    if await asyncio.to_thread(state_of(request).streams.remove, name):
        return Response(status_code=204)
    why = "the stream ends, but its outputs are not closed yet: the log says what they wait for"
    return JSONResponse({"name": name, "state": "ending", "message": why}, 202)


@router.post("/streams/{name}/pause", responses=_RESPONSES)
async def pause(request: Request, name: Name) -> JsonObject:
    """Analyse nothing until it is resumed; the camera stays connected."""
    await asyncio.to_thread(state_of(request).streams.pause, name)
    return {"name": name, "paused": True}


@router.post("/streams/{name}/resume", responses=_RESPONSES)
async def resume(request: Request, name: Name) -> JsonObject:
    """Go on after a pause."""
    await asyncio.to_thread(state_of(request).streams.resume, name)
    return {"name": name, "paused": False}


@router.get("/streams/{name}", responses=_RESPONSES)
@router.get("/streams/{name}/stats", responses=_RESPONSES)
async def stats(request: Request, name: Name) -> JsonObject:
    """The statistics of one stream."""
    return dataclasses.asdict(await asyncio.to_thread(_stats, state_of(request), name))


def _stats(service: ServiceState, name: str) -> StreamStats:
    found = service.streams.stats().get(name)
    if found is None:
        raise no_stream(name, service.streams.options())
    return found


@router.get(
    "/streams/{name}/snapshot", responses={**_RESPONSES, 409: {"description": "no picture"}}
)
async def snapshot(
    request: Request,
    name: Name,
    annotated: bool = True,
    quality: Annotated[int, Query(ge=1, le=100)] = 80,
) -> Response:
    """The newest picture as JPEG, with what was found drawn on it."""
    take = state_of(request).streams.snapshot
    data = await asyncio.to_thread(take, name, annotated=annotated, quality=quality)
    return Response(data, media_type="image/jpeg", headers=_embedding(request))


@router.get("/streams/{name}/link", responses=_RESPONSES)
async def link(
    request: Request,
    name: Name,
    of: Literal["mjpeg", "snapshot"] = "mjpeg",
    seconds: Annotated[int, Query(ge=1, le=LONGEST_S)] = 300,
    annotated: bool = True,
    quality: Annotated[int, Query(ge=1, le=100)] = 80,
) -> JsonObject:
    """A signed address of live pictures, for an ``<img>`` element: it needs no token, and expires."""
    service = state_of(request)
    service.streams.version(name)  # NotFound
    parameters = [("annotated", str(annotated).lower()), ("quality", str(quality))]
    url, expires = service.signer.sign(f"/streams/{name}/{of}", seconds, parameters)
    return {"url": url, "expires": expires}


@router.get("/streams/{name}/mjpeg", responses=_RESPONSES, response_class=Response)
async def mjpeg(
    request: Request,
    name: Name,
    annotated: bool = True,
    quality: Annotated[int, Query(ge=1, le=100)] = 80,
) -> Response:
    """Live pictures for an ``<img>`` element (multipart/x-mixed-replace)."""
    service = state_of(request)
    service.streams.version(name)  # NotFound, while there can still be an answer
    return _watched(
        request,
        _pictures(service, name, annotated, quality),
        "multipart/x-mixed-replace; boundary=frame",
        _embedding(request),
    )


@router.get("/events", responses=_RESPONSES, response_class=Response)
async def events(
    request: Request, stream: Annotated[list[Name] | None, Query(max_length=256)] = None
) -> Response:
    """What all streams, or those that are named, see from now on: server-sent events in JSON."""
    service = state_of(request)
    wanted = set(stream or ())
    await asyncio.to_thread(_check_streams, service, wanted)
    content = _events(service, wanted)
    return _watched(request, content, "text/event-stream", _embedding(request))


@router.get("/events/link", responses=_RESPONSES)
async def events_link(
    request: Request,
    stream: Annotated[list[Name] | None, Query(max_length=256)] = None,
    seconds: Annotated[int, Query(ge=1, le=LONGEST_S)] = 300,
) -> JsonObject:
    """A signed address of events, for an ``EventSource``: it needs no token, and expires."""
    service = state_of(request)
    await asyncio.to_thread(_check_streams, service, set(stream or ()))
    named = [("stream", name) for name in stream or ()]
    url, expires = service.signer.sign("/events", seconds, named)
    return {"url": url, "expires": expires}


def _check_streams(service: ServiceState, wanted: set[str]) -> None:
    """Raises NotFound: nothing would ever be seen of a stream that is not there."""
    there = service.streams.options().keys()
    for name in sorted(wanted - there):
        raise no_stream(name, there)


def _embedding(request: Request) -> dict[str, str]:
    """Browsers show pictures in a page of another origin only where this says so."""
    origins = state_of(request).options.origins
    if may_embed(request.headers, request.scope["query_string"], origins):
        return {"Cross-Origin-Resource-Policy": "cross-origin"}
    return {}


def _watched(
    request: Request, content: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str]
) -> Response:
    """An answer that goes on until the client leaves, lags, or the service stops."""
    service = state_of(request)
    if service.watchers >= WATCHERS:
        raise Overloaded(f"{WATCHERS} clients are watching already")
    if watch := request.scope.get(WATCH):  # absent where no connection is behind it
        watch()

    async def counted() -> AsyncIterator[bytes]:
        service.watchers += 1
        try:
            async for piece in content:
                yield piece
        finally:
            service.watchers -= 1

    return StreamingResponse(counted(), media_type=media_type, headers=dict(headers))


async def _pictures(
    service: ServiceState, name: str, annotated: bool, quality: int
) -> AsyncIterator[bytes]:
    shown = 0
    fleet = service.streams
    while not service.draining:
        try:
            version = fleet.version(name)
            if version == shown:
                await asyncio.sleep(_TICK_S)
                continue
            data = await asyncio.to_thread(
                fleet.snapshot, name, annotated=annotated, quality=quality
            )
        except (NotFound, Conflict, Overloaded):
            return  # the stream was removed, or has ended
        shown = version
        yield _BOUNDARY % len(data) + data + b"\r\n"


async def _events(service: ServiceState, wanted: set[str]) -> AsyncIterator[bytes]:
    quiet = 0.0
    with service.streams.subscribe() as reader:
        yield b": listening\n\n"
        while not service.draining:
            lines = [item.line for item in _waiting(reader) if not wanted or item.stream in wanted]
            if lines:
                quiet = 0.0
                yield "".join(f"data: {line.rstrip()}\n\n" for line in lines).encode()
                continue
            await asyncio.sleep(_TICK_S)
            quiet += _TICK_S
            if quiet >= _PING_S:  # so that a connection that is dead is noticed
                quiet = 0.0
                yield b": still here\n\n"


def _waiting(reader: queue.Queue[FeedItem]) -> list[FeedItem]:
    items = []
    while not reader.empty():
        items.append(reader.get_nowait())
    return items

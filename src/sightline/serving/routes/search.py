"""``POST /search``: a picture in, the objects that look most like what is in it out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from sightline.runtime.search.served import ServedSearch
from sightline.runtime.search.stored import Narrowing
from sightline.serving.http.schemas import OneToSearch, SearchAnswer, SearchRequest, TrackRequest
from sightline.serving.http.state import state_of
from sightline.serving.http.uploads import frame_of, read_one
from sightline.serving.http.validation import check_query
from sightline.serving.http.waiting import answered, unless_gone, until
from sightline.serving.routes.openapi import FAILURES, SEARCH_BODY
from sightline.serving.routes.queue_time import QueueTime, request_terms
from sightline.types import Match

router = APIRouter(tags=["search"])

_LISTS = ("classes", "streams")


@router.post(
    "/search", responses={200: {"model": SearchAnswer}, **FAILURES}, openapi_extra=SEARCH_BODY
)
async def search(request: Request, parameters: Annotated[SearchRequest, Query()]) -> Response:
    """Find what looks like an object in a picture: the raw file, a form with a file, or JSON with base64."""
    service = state_of(request)
    begin = time.monotonic()
    if request.scope["query_string"]:
        check_query(request, SearchRequest.model_fields, _LISTS)
    searched = service.searched
    with service.tracing.request("POST /search", request.headers) as trace:
        upload = await read_one(request, service, parameters, OneToSearch)
        asked, limits = upload.parameters, service.options.limits
        frame = frame_of(upload.pictures[0], limits)
        terms = request_terms(request, limits, begin, asked.timeout_ms, asked.priority or "normal")

        async def answer() -> list[Match]:
            async with until(terms.deadline):
                vector = await answered(
                    await asyncio.to_thread(searched.embed, frame, asked.box, terms, queued.started)
                )
                return await asyncio.to_thread(
                    searched.search, vector, asked.count, _narrowing(asked)
                )

        queued = QueueTime()
        found = await unless_gone(request, answer())
        queue_ms = queued.answered(trace, "search", searched.loaded or "")
        return _answer(found, {"queue_ms": round(queue_ms, 2)}, begin)


@router.get("/search", responses={200: {"model": SearchAnswer}, **FAILURES})
async def search_track(request: Request, asked: Annotated[TrackRequest, Query()]) -> Response:
    """Find what looks like an object of a stream: where else it was."""
    begin = time.monotonic()
    check_query(request, TrackRequest.model_fields, _LISTS)
    searched = state_of(request).searched
    found = await asyncio.to_thread(_like_track, searched, asked)
    return _answer(found, {}, begin)


@router.get(
    "/search/pictures/{number}", responses={200: {"content": {"image/jpeg": {}}}, **FAILURES}
)
async def picture(request: Request, number: int) -> Response:
    """The picture of an object that was found, by its ``id``."""
    data = await asyncio.to_thread(state_of(request).searched.picture, number)
    return Response(data, media_type="image/jpeg")


def _like_track(searched: ServedSearch, asked: TrackRequest) -> list[Match]:
    vector = searched.vector_of_track(asked.stream, asked.track_id)
    return searched.search(vector, asked.count, _narrowing(asked))


def _narrowing(asked: SearchRequest | TrackRequest) -> Narrowing:
    return Narrowing(
        tuple(asked.classes or ()),
        tuple(asked.streams or ()),
        after=asked.after,
        before=asked.before,
    )


def _answer(found: Sequence[Match], timing: dict[str, float], begin: float) -> Response:
    timing = {**timing, "total_ms": round((time.monotonic() - begin) * 1e3, 2)}
    # Where the files of this computer lie is not for clients.
    matches = [{k: v for k, v in match.to_dict().items() if k != "path"} for match in found]
    content = {"matches": matches, "timing": timing}
    return Response(json.dumps(content, separators=(",", ":")), media_type="application/json")

"""``POST /classify``: a whole picture in, its names out."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from sightline.serving.http.schemas import Classified, ClassifyRequest, OneToClassify
from sightline.serving.http.state import state_of
from sightline.serving.http.uploads import frame_of, read_one
from sightline.serving.http.validation import check_query
from sightline.serving.http.waiting import answered, unless_gone, until
from sightline.serving.routes.openapi import CLASSIFY_BODY, FAILURES
from sightline.serving.routes.queue_time import QueueTime, request_terms
from sightline.sinks.jsonl import label_fields
from sightline.types import Frame, Label

router = APIRouter(tags=["classification"])

Asked = Annotated[ClassifyRequest, Query()]


@router.post(
    "/classify", responses={200: {"model": Classified}, **FAILURES}, openapi_extra=CLASSIFY_BODY
)
async def classify(request: Request, parameters: Asked) -> Response:
    """Name what one picture shows: the raw file, a form with a file, or JSON with base64."""
    service = state_of(request)
    begin = time.monotonic()
    if request.scope["query_string"]:
        check_query(request, ClassifyRequest.model_fields, ())
    with service.tracing.request("POST /classify", request.headers) as trace:
        upload = await read_one(request, service, parameters, OneToClassify)
        asked, limits = upload.parameters, service.options.limits
        name = service.classifiers.full_name(asked.model)
        frame = frame_of(upload.pictures[0], limits)
        terms = request_terms(request, limits, begin, asked.timeout_ms, asked.priority or "normal")

        async def answer() -> tuple[Label, ...]:
            async with until(terms.deadline):
                return await answered(await asyncio.to_thread(
                    service.classifiers.submit, name, frame, terms, conf=asked.conf, top=asked.top,
                    started=queued.started,
                ))  # fmt: skip

        queued = QueueTime()
        labels = await unless_gone(request, answer())
        queue_ms = queued.answered(trace, "classify", name)
        return _answer(name, frame, labels, queue_ms, begin)


def _answer(
    name: str, frame: Frame, labels: tuple[Label, ...], queue_ms: float, begin: float
) -> Response:
    total_ms = (time.monotonic() - begin) * 1e3
    content = {
        "model": name,
        "width": frame.width,
        "height": frame.height,
        "labels": label_fields(labels),
        "timing": {"queue_ms": round(queue_ms, 2), "total_ms": round(total_ms, 2)},
    }
    return Response(json.dumps(content, separators=(",", ":")), media_type="application/json")

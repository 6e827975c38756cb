"""``POST /detect``, ``/predict`` and ``/predict/batch``: pictures in, objects out."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from sightline.config import LimitOptions, Priority
from sightline.errors import InvalidRequest, Overloaded, SightlineError
from sightline.monitoring.tracing import NOTHING, Trace
from sightline.runtime.repository.served_model import SharedModel
from sightline.serving.answering import AnsweringModel
from sightline.serving.http.failures import failure
from sightline.serving.http.schemas import FoundInMany, PictureAnswer, PredictParameters
from sightline.serving.http.state import ServiceState, state_of
from sightline.serving.http.uploads import frame_of, read_many, read_one
from sightline.serving.http.validation import check_query
from sightline.serving.http.waiting import answered, unless_gone, until
from sightline.serving.routes.openapi import FAILURES, MANY_BODY, ONE_BODY
from sightline.serving.routes.queue_time import QueueTime, request_terms
from sightline.types import Detections, Frame, JsonObject

router = APIRouter(tags=["detection"])

Asked = Annotated[PredictParameters, Query()]

_LONGEST = {"jpeg": (65_500, "png"), "png": (1_000_000, "json")}
"""Pixels of a side that a format can have at most, and what to ask for instead."""

_WORKERS = 16
"""Pictures of one batch that wait in the queue at a time, at most."""


def _check_query(request: Request) -> None:
    """Raises InvalidRequest: which of two parameters is meant, nobody knows."""
    if request.scope["query_string"]:
        check_query(request, PredictParameters.model_fields, ("classes",))


@router.post(
    "/detect",
    responses={200: {"model": PictureAnswer}, **FAILURES},
    openapi_extra=ONE_BODY,
)
@router.post(
    "/predict",
    responses={200: {"model": PictureAnswer}, **FAILURES},
    openapi_extra=ONE_BODY,
)
async def detect(request: Request, parameters: Asked) -> Response:
    """Find the objects in one picture: the raw file, a form with a file, or JSON with base64."""
    service = state_of(request)
    _check_query(request)
    begin = time.monotonic()
    with service.tracing.request(f"POST {request.scope['path']}", request.headers) as trace:
        upload = await read_one(request, service, parameters)
        served = service.repository.get(upload.parameters.model)
        frame = frame_of(upload.pictures[0], service.options.limits)
        _check_format(upload.parameters.format, frame)
        job = Job(request, service, served, upload.parameters, "normal", begin)
        answer = await unless_gone(request, job.run(frame, trace))
        if upload.parameters.format != "json":
            return await asyncio.to_thread(_drawn, frame, answer, upload.parameters.format)
        return _json(job.found(frame, answer))


@router.post(
    "/predict/batch",
    responses={200: {"model": FoundInMany}, **FAILURES},
    openapi_extra=MANY_BODY,
)
async def detect_batch(request: Request, parameters: Asked) -> Response:
    """Find the objects in several pictures. Each has its own answer: one that is damaged leaves
    the others whole."""
    service = state_of(request)
    _check_query(request)
    begin = time.monotonic()
    upload = await read_many(request, service, parameters)
    if upload.parameters.format != "json":
        raise InvalidRequest("format: a batch is answered as JSON only")
    served = service.repository.get(upload.parameters.model)
    job = Job(request, service, served, upload.parameters, "batch", begin)

    frames = [
        _frame_or_error(data, service.options.limits, f"picture {i}")
        for i, data in enumerate(upload.pictures)
    ]
    results = await unless_gone(request, job.run_all(frames))
    number = request.scope["request_id"]
    return _json({"results": [_result(result, number) for result in results]})


class DetectionAnswer(NamedTuple):
    """What was found in a picture, by which model, and the milliseconds until its turn came."""

    detections: Detections
    model: str
    queue_ms: float


class Job:
    """A request's pictures on their way through the scheduler."""

    def __init__(
        self,
        request: Request,
        service: ServiceState,
        served: SharedModel,
        parameters: PredictParameters,
        priority: Priority,
        begin: float,
    ) -> None:
        self._served = served
        self._parameters = parameters
        self._begin = begin
        self._terms = request_terms(
            request,
            service.options.limits,
            begin,
            parameters.timeout_ms,
            parameters.priority or priority,
        )
        if served.rollout is not None and served.rollout.header is not None:
            key = request.headers.get(served.rollout.header)
            self._terms = dataclasses.replace(self._terms, key=key)

    async def run(self, frame: Frame, trace: Trace = NOTHING) -> DetectionAnswer:
        """What is in a frame.

        Raises:
            Overloaded, DeadlineExceeded, DecodeError, InferenceError: why there is no answer.
        """
        parameters, queued = self._parameters, QueueTime()
        answering = AnsweringModel(self._served.name)
        terms = self._terms
        if self._served.rollout is not None:
            terms = dataclasses.replace(terms, answered_by=answering.note)
        async with until(self._terms.deadline):
            found = await answered(self._served.submit(
                frame, terms, conf=parameters.conf, iou=parameters.iou, classes=parameters.classes,
                started=queued.started,
            ))  # fmt: skip
        return DetectionAnswer(
            found, answering.model, queued.answered(trace, "detect", answering.model)
        )

    async def run_all(self, frames: Sequence[Frame | Exception]) -> list[JsonObject | Exception]:
        """The answer for each frame, or why there is none.

        So many wait in the queue at a time as it takes: a worker that is refused leaves its frame
        to those that are still there.
        """
        results: list[JsonObject | Exception] = [Overloaded("there was no turn")] * len(frames)
        left = deque(enumerate(frames))
        workers = min(_WORKERS, len(frames))

        async def work() -> None:
            nonlocal workers
            while left:
                place, frame = left.popleft()
                try:
                    if isinstance(frame, Exception):
                        raise frame
                    results[place] = self.found(frame, await self.run(frame))
                except SightlineError as exc:
                    if isinstance(exc, Overloaded) and workers > 1:
                        workers -= 1
                        left.appendleft((place, frame))
                        return
                    results[place] = exc

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
        return results

    def found(self, frame: Frame, answer: DetectionAnswer) -> JsonObject:
        """The answer for one picture."""
        total_ms = (time.monotonic() - self._begin) * 1e3
        return {
            "model": answer.model,
            "width": frame.width,
            "height": frame.height,
            "objects": answer.detections.to_dict(),
            "timing": {"queue_ms": round(answer.queue_ms, 2), "total_ms": round(total_ms, 2)},
        }


def _frame_or_error(data: bytes, limits: LimitOptions, name: str) -> Frame | SightlineError:
    try:
        return frame_of(data, limits, name)
    except SightlineError as exc:
        return exc


def _result(result: Mapping[str, object] | Exception, number: str) -> Mapping[str, object]:
    if isinstance(result, Exception):
        return failure(result, number)[1]
    return result


def _json(content: Mapping[str, object]) -> Response:
    return Response(json.dumps(content, separators=(",", ":")), media_type="application/json")


def _check_format(form: str, frame: Frame) -> None:
    """Raises InvalidRequest: the picture cannot be drawn in this format."""
    if form == "json":
        return
    longest, instead = _LONGEST[form]
    if max(frame.width, frame.height) > longest:
        raise InvalidRequest(
            f"format: a {form} has {longest} pixels a side at most, this picture is "
            f"{frame.width} x {frame.height}: ask for {instead}"
        )


def _drawn(frame: Frame, answer: DetectionAnswer, form: str) -> Response:
    import cv2

    from sightline.imaging.drawing import annotate

    suffix = {"jpeg": ".jpg", "png": ".png"}[form]
    data = cv2.imencode(suffix, annotate(frame.image, answer.detections))[1]
    return Response(data.tobytes(), media_type=f"image/{form}", headers={"X-Model": answer.model})

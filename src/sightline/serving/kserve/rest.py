"""The Open Inference Protocol (KServe v2) over REST, with Triton's binary tensor extension.

Knows HTTP and JSON; what the calls do is in ``open_inference``. Errors have the protocol's own form,
``{"error": "text"}``, and a request that cannot be understood is 400 as it says there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, FailFast, Field, StrictBool, StrictInt, ValidationError
from starlette.requests import ClientDisconnect

from sightline.errors import InvalidRequest, TooLarge
from sightline.serving.http.failures import answer as answer_failure
from sightline.serving.http.limits import MEGABYTE
from sightline.serving.http.validation import validation_message
from sightline.serving.http.waiting import unless_gone
from sightline.serving.kserve.endpoint_names import VERSION
from sightline.serving.kserve.open_inference import OpenInference, kept
from sightline.serving.kserve.shared_memory import NO_CUDA, NotSupported
from sightline.serving.kserve.tensors import (
    MISSING,
    TWICE,
    InferRequest,
    InputTensor,
    Output,
    Parameter,
    check_parameters,
    check_sides,
    place_of,
    wrong,
)
from sightline.types import JsonObject

HEADER_LENGTH = "Inference-Header-Content-Length"
"""So many bytes of a body are JSON; the tensors follow as bytes."""

MOST_TENSORS = 64
"""In or out, and parameters of each: real models have a few."""

JSON_MB = 8
MOST_LISTS = 500_000
MOST_OBJECTS = 4096
"""What reading JSON takes grows with these, and other clients wait meanwhile: more has to come as bytes."""

Parameters = Annotated[dict[str, Parameter], Field(max_length=MOST_TENSORS)]
Side = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Tensor(_Message):
    name: str
    datatype: str
    shape: list[Side]
    parameters: Parameters = {}
    data: list[Any] | None = None


class _RequestedOutput(_Message):
    name: str
    parameters: Parameters = {}


class _Infer(_Message):
    id: str = ""
    inputs: Annotated[list[_Tensor], Field(max_length=MOST_TENSORS), FailFast()]
    outputs: Annotated[list[_RequestedOutput], Field(max_length=MOST_TENSORS), FailFast()] = []
    parameters: Parameters = {}


class _Index(_Message):
    ready: StrictBool = False


class _Region(_Message):
    key: str
    offset: StrictInt = 0
    byte_size: StrictInt


class _Change(_Message):
    parameters: JsonObject = {}


def router(service: OpenInference) -> APIRouter:
    """The routes under ``/v2``, for ``create_app``; who may call which, ``security`` says."""
    routes = APIRouter(prefix="/v2", route_class=_Route, tags=["Open Inference Protocol"])
    _about_server(routes, service)
    _about_models(routes, service)
    _repository(routes, service)
    _shared_memory(routes, service)

    @routes.post("/models/{model}/infer")
    @routes.post("/models/{model}/versions/{version}/infer")
    async def infer(request: Request, model: str, version: str = "") -> Response:
        body = await request.body()
        asked, binary = parse(model, version, body, request.headers.get(HEADER_LENGTH))
        client = request.client.host if request.client else "local"
        name, outputs = await unless_gone(request, service.infer(asked, f"http:{client}", kept))
        return await answer(name, asked.id, outputs, binary)

    return routes


def _about_server(routes: APIRouter, service: OpenInference) -> None:
    @routes.get("")
    async def metadata() -> JsonObject:
        return service.server()

    @routes.head("/health/live", include_in_schema=False)
    @routes.get("/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @routes.head("/health/ready", include_in_schema=False)
    @routes.get("/health/ready")
    async def ready() -> Response:
        return _readiness(service.ready())


def _about_models(routes: APIRouter, service: OpenInference) -> None:
    @routes.get("/models/stats")
    async def all_statistics() -> JsonObject:
        return service.statistics()

    @routes.get("/models/{model}")
    @routes.get("/models/{model}/versions/{version}")
    async def model_metadata(model: str, version: str = "") -> JsonObject:
        return await asyncio.to_thread(service.metadata, model, version)  # may load it

    @routes.head("/models/{model}/ready", include_in_schema=False)
    @routes.get("/models/{model}/ready")
    @routes.head("/models/{model}/versions/{version}/ready", include_in_schema=False)
    @routes.get("/models/{model}/versions/{version}/ready")
    async def model_ready(model: str, version: str = "") -> Response:
        return _readiness(service.model_ready(model, version))

    @routes.get("/models/{model}/config")
    @routes.get("/models/{model}/versions/{version}/config")
    async def model_config(model: str, version: str = "") -> JsonObject:
        return await asyncio.to_thread(service.config, model, version)

    @routes.get("/models/{model}/stats")
    @routes.get("/models/{model}/versions/{version}/stats")
    async def model_statistics(model: str, version: str = "") -> JsonObject:
        return service.statistics(model, version)


def _repository(routes: APIRouter, service: OpenInference) -> None:
    @routes.post("/repository/index")
    async def index(request: Request) -> list[dict[str, str]]:
        body = await request.body()
        asked = _read(_Index, body) if body else _Index()
        return service.index(ready=asked.ready)

    @routes.post("/repository/models/{model}/load")
    async def load(request: Request, model: str) -> Response:
        await _no_overrides(request)
        await asyncio.to_thread(service.load, model)
        return Response()

    @routes.post("/repository/models/{model}/unload")
    async def unload(request: Request, model: str) -> Response:
        await request.body()  # whether models that depend on it go too: none do
        await asyncio.to_thread(service.unload, model)
        return Response()


def _shared_memory(routes: APIRouter, service: OpenInference) -> None:
    @routes.get("/systemsharedmemory/status")
    @routes.get("/systemsharedmemory/region/{region}/status")
    async def status(region: str = "") -> list[JsonObject]:
        return service.regions.status(region)

    @routes.post("/systemsharedmemory/region/{region}/register")
    async def register(request: Request, region: str) -> Response:
        body = await request.body()
        regions = service.regions
        asked = _read(_Region, body)
        regions.register(region, asked.key, asked.offset, asked.byte_size)
        return Response()

    @routes.post("/systemsharedmemory/unregister")
    @routes.post("/systemsharedmemory/region/{region}/unregister")
    async def unregister(request: Request, region: str = "") -> Response:
        await request.body()
        service.regions.unregister(region)
        return Response()

    @routes.get("/cudasharedmemory/{_:path}")
    @routes.post("/cudasharedmemory/{_:path}")
    async def cuda(request: Request, _: str) -> Response:
        await request.body()
        raise NotSupported(NO_CUDA)


def parse(
    model: str, version: str, body: bytes, header_length: str | None
) -> tuple[InferRequest, Callable[[str], bool]]:
    """A request from its body, and which outputs are to be answered as bytes.

    Tensors that came as bytes are views of the body. Raises InvalidRequest; TooLarge.
    """
    cut = len(body)
    if header_length is not None:
        if not (header_length.isascii() and header_length.isdigit()):
            raise InvalidRequest(f"{HEADER_LENGTH} must be a number, not {header_length!r:.40}")
        cut = int(header_length[:20])
        if cut > len(body):
            raise InvalidRequest(f"{HEADER_LENGTH} is {cut}, but the body has {len(body)} bytes")
    head = body[:cut]
    if cut > JSON_MB * MEGABYTE or head.count(b"[") > MOST_LISTS or head.count(b"{") > MOST_OBJECTS:
        raise TooLarge(
            f"the JSON of a request has {JSON_MB} MB, {MOST_LISTS} lists and {MOST_OBJECTS} objects "
            "at most: send tensors as binary data (binary_data_size)"
        )
    asked = _read(_Infer, head)
    inputs, at = [], cut
    view = memoryview(body)
    for tensor in asked.inputs:
        found, at = _input(tensor, view, at)
        inputs.append(found)
    if at != len(body):
        raise InvalidRequest(f"{len(body) - at} bytes follow the last tensor")
    request = InferRequest(
        model, inputs, version, asked.id, [wish.name for wish in asked.outputs], asked.parameters,
        {w.name: p for w in asked.outputs if (p := place_of(f"output {w.name!r:.80}", w.parameters))},
    )  # fmt: skip
    return request, _binary(asked)


def _input(tensor: _Tensor, body: memoryview, at: int) -> tuple[InputTensor, int]:
    """A tensor, and where the bytes of the next one begin."""
    check_sides(tensor.name, tensor.shape)
    found = InputTensor(tensor.name, tensor.datatype, tuple(tensor.shape), values=tensor.data)
    check_parameters(f"input {tensor.name!r:.80}", tensor.parameters)
    size = tensor.parameters.get("binary_data_size")
    if place := place_of(f"input {tensor.name!r:.80}", tensor.parameters):
        if size is not None or tensor.data is not None:
            raise wrong(found, f"{TWICE}: in shared memory and in the request")
        return InputTensor(found.name, found.datatype, found.shape, place=place), at
    if size is None:
        if tensor.data is None:
            raise wrong(found, f"{MISSING}: give `data`, or bytes and binary_data_size")
        return found, at
    if tensor.data is not None:
        raise wrong(found, f"{TWICE}: leave out `data` or binary_data_size")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(body) - at:
        raise wrong(found, f"binary_data_size is {size!r:.40}, but {len(body) - at} bytes follow")
    return InputTensor(found.name, found.datatype, found.shape, body[at : at + size]), at + size


def _binary(asked: _Infer) -> Callable[[str], bool]:
    """Whether an output of this name is to be answered as bytes."""
    default = _flag(asked.parameters, "binary_data_output", default=False)
    single = {}
    for wish in asked.outputs:
        check_parameters(f"output {wish.name!r:.80}", wish.parameters)
        single[wish.name] = _flag(wish.parameters, "binary_data", default=default)
    return lambda name: single.get(name, default)


def _flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidRequest(f"parameter {name!r} must be true or false, not {value!r:.40}")
    return value


async def answer(
    model: str, number: str, outputs: Sequence[Output], binary: Callable[[str], bool]
) -> Response:
    """The answer to an inference: JSON, and after it the outputs that go as bytes."""
    described, tail = [], []
    for output in outputs:
        head: JsonObject = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(output.array.shape),
        }
        if output.place:
            head["parameters"] = output.place.parameters
            described.append(json.dumps(head))
        elif binary(output.name):
            raw = output.raw
            head["parameters"] = {"binary_data_size": len(raw)}
            tail.append(raw)
            described.append(json.dumps(head))
        else:
            # In a thread: a hundred thousand numbers take long, and others want to be heard.
            data = await asyncio.to_thread("".join, output.json())
            described.append(f'{json.dumps(head)[:-1]}, "data": {data}}}')
    common: JsonObject = {"model_name": model, "model_version": VERSION}
    if number:
        common["id"] = number
    text = f'{json.dumps(common)[:-1]}, "outputs": [{", ".join(described)}]}}'.encode()
    if not tail:
        return Response(text, media_type="application/json")
    headers = {HEADER_LENGTH: str(len(text))}
    return Response(b"".join([text, *tail]), headers=headers, media_type="application/octet-stream")


class _Route(APIRoute):
    """A route whose errors have the protocol's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of a route, whose errors have the protocol's form."""
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except ClientDisconnect:
                raise
            except Exception as exc:  # noqa: BLE001 - the seam: nothing else may reach a client
                return answer_failure(exc, request.scope.get("request_id", "-"), request.url.path)

        return handle_or_explain


def _readiness(ready: bool) -> Response:
    return JSONResponse({"ready": ready}, 200 if ready else 503)


async def _no_overrides(request: Request) -> None:
    """Clients may not bring a configuration or files of their own."""
    body = await request.body()
    asked = _read(_Change, body) if body else _Change()
    if asked.parameters:
        raise InvalidRequest(f"parameter {next(iter(asked.parameters))!r:.80} is not supported")


def _read(kind: type[Any], body: bytes) -> Any:
    try:
        return kind.model_validate_json(body)
    except ValidationError as exc:
        raise InvalidRequest(validation_message(exc, kind)) from exc

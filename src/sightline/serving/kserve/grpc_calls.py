"""The Open Inference Protocol's gRPC calls: who may call, how much at a time, and what they hear.

Every call is taken as a stream of requests, also those that have one: on the wire they are the
same. So a call is refused before its tensors are received, a client that does not send has a
deadline, and what is no message is the client's fault. What the calls do is in ``open_inference``.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.json_format import ParseDict
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from tritonclient.grpc import service_pb2 as pb

from sightline.config import ServingOptions
from sightline.errors import InvalidRequest, Overloaded
from sightline.monitoring.context import bound
from sightline.serving.http.forwarded import TrustedProxies
from sightline.serving.http.limits import LARGE_BODIES, MEGABYTE, all_at_work, arrivals
from sightline.serving.http.security import Guard
from sightline.serving.kserve.grpc_errors import Ending, explained
from sightline.serving.kserve.grpc_messages import (
    parse,
    parse_request,
    read_request,
    write_response,
    write_stream_response,
)
from sightline.serving.kserve.grpc_shared_memory import shared_memory_calls
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.memory import Held, Memory

SERVICE = "inference.GRPCInferenceService"
HEALTH = "grpc.health.v1.Health"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
"""HealthCheckResponse of grpc.health.v1: field 1, status."""

AHEAD = 8
"""Requests of one stream that are worked on at a time."""
SILENT_STREAM_S = 10.0
"""A stream that has brought no request for so long gives its place to a new one, where all are taken."""
FINAL = "triton_enable_empty_final_response"

LIKE = {
    "ServerLive": ("GET", "/health"),
    "ServerReady": ("GET", "/ready"),
    "Check": ("GET", "/ready"),
    "ModelInfer": ("POST", "/v2/models/any/infer"),
    "ModelStreamInfer": ("POST", "/v2/models/any/infer"),
    "RepositoryModelLoad": ("POST", "/v2/repository/models/any/load"),
    "RepositoryModelUnload": ("POST", "/v2/repository/models/any/unload"),
    "SystemSharedMemoryRegister": ("POST", "/v2/systemsharedmemory/region/any/register"),
    "SystemSharedMemoryUnregister": ("POST", "/v2/systemsharedmemory/region/any/unregister"),
}
"""The REST call that a caller must be allowed to make; for all others it is reading."""

Context = Any  # grpc.aio.ServicerContext; grpcio has no types
Method = Callable[[Any, Context], Awaitable[Any]]
Tensors = Sequence[bytes | memoryview]
CallObserver = Callable[[str, str, float], None]
Fail = Callable[[grpc.StatusCode, str, float | None], Awaitable[None]]
Answers = asyncio.Queue[asyncio.Task[bytes] | None]


class Calls:
    """What the server's methods do. Belongs to one event loop.

    Args:
        service: answers.
        options: tokens and limits.
        told: called with the method, the status' name and the seconds after each call, and as
            ``ModelStreamInfer/request`` after each request of a stream.
    """

    def __init__(
        self, service: OpenInference, options: ServingOptions, told: CallObserver | None = None
    ) -> None:
        self._service = service
        self._limits = options.limits
        self._guard = Guard(_nowhere, options)
        self._proxies = TrustedProxies(options.trusted_proxies)
        self._told = told
        self._in_flight = 0
        self._memory = Memory(int(LARGE_BODIES * options.limits.body_mb * MEGABYTE))
        self._arrivals = arrivals(options.limits)
        self._ending = False
        self._readers: dict[asyncio.Task[None], float] = {}
        """What reads each stream, and when it heard something last."""

    def handlers(self) -> list[Any]:
        """All methods, for ``grpc.aio.Server.add_generic_rpc_handlers``."""
        methods: dict[str, tuple[Any, Method]] = {
            "ServerLive": (pb.ServerLiveRequest, self._server_live),
            "ServerReady": (pb.ServerReadyRequest, self._server_ready),
            "ServerMetadata": (pb.ServerMetadataRequest, self._server_metadata),
            "ModelReady": (pb.ModelReadyRequest, self._model_ready),
            "ModelMetadata": (pb.ModelMetadataRequest, self._model_metadata),
            "ModelConfig": (pb.ModelConfigRequest, self._model_config),
            "ModelStatistics": (pb.ModelStatisticsRequest, self._statistics),
            "RepositoryIndex": (pb.RepositoryIndexRequest, self._index),
            "RepositoryModelLoad": (pb.RepositoryModelLoadRequest, self._load),
            "RepositoryModelUnload": (pb.RepositoryModelUnloadRequest, self._unload),
            **shared_memory_calls(self._service),
        }
        served = {name: self._unary(name, *method) for name, method in methods.items()}
        served["ModelInfer"] = grpc.stream_unary_rpc_method_handler(self._infer)
        served["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(self._stream)
        health: dict[str, Any] = {"Check": grpc.stream_unary_rpc_method_handler(self._health)}
        return [
            grpc.method_handlers_generic_handler(SERVICE, served),
            grpc.method_handlers_generic_handler(HEALTH, health),
        ]

    def end(self) -> None:
        """Be no longer ready, and refuse what is new; what was accepted goes on."""
        self._ending = True
        for reader in self._readers:
            reader.cancel()

    def end_arrivals(self) -> None:
        """Answer those that have not sent their message yet: it would come too late."""
        self._arrivals.end(0.0, lambda: Ending("the service is going down"))

    # Calls with one message each way

    def _unary(self, name: str, kind: object, method: Method) -> Any:
        async def call(_: object, context: Context) -> bytes:
            async with self._seam(name, context):
                request = parse(kind, await self._receive(context))
                response = await method(request, context)
                return bytes(response.SerializeToString())

        return grpc.stream_unary_rpc_method_handler(call)

    async def _server_live(self, _: object, __: Context) -> Any:
        return pb.ServerLiveResponse(live=True)

    async def _server_ready(self, _: object, __: Context) -> Any:
        return pb.ServerReadyResponse(ready=self._is_ready())

    async def _health(self, _: object, context: Context) -> bytes:
        """grpc.health.v1, as orchestrators ask it: for every service, whether we are ready."""
        async with self._seam("Check", context):
            return SERVING if self._is_ready() else NOT_SERVING

    async def _server_metadata(self, _: object, __: Context) -> Any:
        return ParseDict(self._service.server(), pb.ServerMetadataResponse())

    async def _model_ready(self, request: Any, _: Context) -> Any:
        ready = self._service.model_ready(request.name, request.version)
        return pb.ModelReadyResponse(ready=ready)

    async def _model_metadata(self, request: Any, _: Context) -> Any:
        found = await asyncio.to_thread(self._service.metadata, request.name, request.version)
        return ParseDict(found, pb.ModelMetadataResponse())

    async def _model_config(self, request: Any, _: Context) -> Any:
        found = await asyncio.to_thread(self._service.config, request.name, request.version)
        return ParseDict({"config": found}, pb.ModelConfigResponse())

    async def _statistics(self, request: Any, _: Context) -> Any:
        found = self._service.statistics(request.name, request.version)
        return ParseDict(found, pb.ModelStatisticsResponse())

    async def _index(self, request: Any, _: Context) -> Any:
        found = self._service.index(ready=request.ready)
        return ParseDict({"models": found}, pb.RepositoryIndexResponse())

    async def _load(self, request: Any, _: Context) -> Any:
        """Clients may not bring a configuration or files of their own."""
        for name in request.parameters:
            raise InvalidRequest(f"parameter {name!r:.80} is not supported")
        await asyncio.to_thread(self._service.load, request.model_name)
        return pb.RepositoryModelLoadResponse()

    async def _unload(self, request: Any, _: Context) -> Any:
        await asyncio.to_thread(self._service.unload, request.model_name)
        return pb.RepositoryModelUnloadResponse()

    # Inference

    async def _infer(self, _: object, context: Context) -> bytes:
        async with self._seam("ModelInfer", context):
            if self._ending:
                raise Ending("the service is going down")
            # A call that sends nothing takes nobody's place.
            data = await self._receive(context)
            with self._working():
                held = Held(self._memory)
                # Not before: gRPC keeps an answer until its client has read it.
                context.add_done_callback(lambda _: held.drop_all())
                held.add(data)
                message, raw = parse_request(data)
                answer = await self._answer(message, raw, context, write_response)
                held.drop_all()
                held.add(answer)
                return answer

    async def _stream(self, _: object, context: Context) -> None:
        """Answers come in the order of the requests, as Triton's do for models that are not
        decoupled; a request that fails has its error as its answer, and the stream goes on."""
        async with self._seam("ModelStreamInfer", context):
            if len(self._readers) >= self._limits.in_flight:
                self._end_silent()
            answers: Answers = asyncio.Queue()
            room = asyncio.Semaphore(AHEAD)
            with Held(self._memory) as held:
                async with asyncio.TaskGroup() as group:
                    reader = group.create_task(
                        self._read_stream(context, group, answers, room, held)
                    )
                    self._readers[reader] = time.monotonic()
                    reader.add_done_callback(lambda done: self._readers.pop(done, None))
                    while (answer := await answers.get()) is not None:
                        written = await answer
                        await _write(written, context)
                        held.drop(written)
                        room.release()
            if self._ending:
                raise Ending("the service is going down")
            if reader.cancelled():
                raise Overloaded("the stream was silent, and others needed its place")

    def _end_silent(self) -> None:
        """End the stream that has been silent for longest. Raises Overloaded: none is."""
        reader, heard = min(self._readers.items(), key=lambda entry: entry[1])
        if time.monotonic() - heard < SILENT_STREAM_S:
            raise Overloaded(f"{len(self._readers)} streams are open already")
        del self._readers[reader]
        reader.cancel()

    async def _read_stream(
        self,
        context: Context,
        group: asyncio.TaskGroup,
        answers: Answers,
        room: asyncio.Semaphore,
        held: Held,
    ) -> None:
        """Start a task for every request of a stream, and put it where the answers are sent."""
        try:
            while await room.acquire():
                data = await context.read()
                if data is grpc.aio.EOF:
                    break
                reading = asyncio.current_task()
                if reading in self._readers:
                    self._readers[reading] = time.monotonic()
                answers.put_nowait(group.create_task(self._answer_in_stream(data, context, held)))
        finally:
            answers.put_nowait(None)

    async def _answer_in_stream(self, data: bytes, context: Context, held: Held) -> bytes:
        """The answer to one request, counted until it is sent."""
        message = pb.ModelInferRequest()
        failed = pb.ModelStreamInferResponse()

        async def fail(_: grpc.StatusCode, text: str, __: float | None) -> None:
            failed.error_message = text
            failed.infer_response.id = message.id

        response = b""
        async with self._explaining("ModelStreamInfer/request", fail):
            with self._working(), Held(self._memory) as received:
                received.add(data)
                message, raw = parse_request(data)
                answer = await self._answer(message, raw, context, write_stream_response)
                held.add(answer)
                response = answer
        return response or bytes(failed.SerializeToString())

    async def _answer(
        self, message: object, raw: Tensors, context: Context, write: Callable[..., bytes]
    ) -> bytes:
        request = read_request(message, raw)
        left = context.time_remaining()
        deadline = None if left is None else time.monotonic() + left
        final = {"triton_final_response": True} if request.parameters.get(FINAL) else {}
        to_wire = partial(write, request_id=request.id, parameters=final)
        return await self._service.infer(request, self._client(context), to_wire, deadline)

    # What all of them need

    @asynccontextmanager
    async def _seam(self, name: str, context: Context) -> AsyncIterator[None]:
        """EngineWrapper a call: nobody comes in who may not, and no exception goes out unexplained."""

        async def abort(code: grpc.StatusCode, text: str, wait_s: float | None) -> None:
            trailer: tuple[tuple[str, str], ...] = ()
            if wait_s is not None:
                trailer = (
                    ("retry-after", str(max(1, math.ceil(wait_s)))),
                    ("grpc-retry-pushback-ms", str(round(wait_s * 1e3))),
                )
            await context.abort(code, text, trailer)

        async with self._explaining(name, abort):
            self._admit(name, context)
            yield

    @asynccontextmanager
    async def _explaining(self, name: str, fail: Fail) -> AsyncIterator[None]:
        """Tell the client of a failure, and the meter of every outcome."""
        status, begin = grpc.StatusCode.OK, time.perf_counter()
        with bound(request=secrets.token_hex(8)):
            try:
                yield
            except asyncio.CancelledError:
                status = grpc.StatusCode.CANCELLED
                raise
            except Exception as exc:  # noqa: BLE001 - the seam: nothing else may reach a client
                status, text, wait_s = explained(exc)
                await fail(status, text, wait_s)
            finally:
                if self._told is not None:
                    self._told(name, status.name, time.perf_counter() - begin)

    def _is_ready(self) -> bool:
        return not self._ending and self._service.ready()

    def _admit(self, name: str, context: Context) -> None:
        """Raises Unauthorized or Forbidden where the caller may not."""
        given = [
            (name.encode(), str(value).encode("latin-1", "replace"))
            for name, value in context.invocation_metadata() or ()
            if name == "authorization"
        ]
        headers = Headers(raw=[(b"host", b"localhost"), *given])
        self._guard.check(*LIKE.get(name, ("GET", "/v2")), headers)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Count a request that is worked on. Raises Ending, or Overloaded: there are too many."""
        if self._ending:
            raise Ending("the service is going down")
        if self._in_flight >= self._limits.in_flight:
            raise all_at_work(self._in_flight)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def _client(self, context: Context) -> str:
        """The computer that calls, without its port: ``grpc:ipv4:10.0.0.7``."""
        named = context.peer().rpartition(":")[0]
        peer = unquote(named.partition(":")[2]).strip("[]")
        if self._proxies.trusts(peer):
            metadata = context.invocation_metadata() or ()
            forwarded = ",".join(str(v) for name, v in metadata if name == "x-forwarded-for")
            return f"grpc:{self._proxies.client(peer, forwarded)}"
        return f"grpc:{named or 'local'}"[:64]

    async def _receive(self, context: Context) -> bytes:
        within_s = self._limits.body_timeout_s
        async with self._arrivals.arriving(self._client(context), within_s, "the request"):
            data = await context.read()
        if data is grpc.aio.EOF:
            raise InvalidRequest("the call has no message")
        return bytes(data)


async def _write(answer: bytes, context: Context) -> None:
    """Send an answer of a stream. Raises CancelledError: its client has left."""
    try:
        await context.write(answer)
    except grpc.aio.InternalError as exc:
        raise asyncio.CancelledError from exc


async def _nowhere(_: Scope, __: Receive, ___: Send) -> None:
    """The app behind the guard, which is only asked here."""

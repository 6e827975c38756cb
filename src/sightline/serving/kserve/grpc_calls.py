"""The Open Inference Protocol's gRPC calls, as a server takes them: inference, and the tables of the others.

Every call is taken as a stream of requests, also those that have one: on the wire they are the
same. So a call is refused before its tensors are received, a client that does not send has a
deadline, and what is no message is the client's fault. What the calls do is in ``open_inference``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as pb

from sightline.config import ServingOptions
from sightline.errors import Overloaded
from sightline.serving.http.limits import LARGE_BODIES, MEGABYTE
from sightline.serving.kserve.grpc_errors import Ending
from sightline.serving.kserve.grpc_messages import (
    parse,
    parse_request,
    read_request,
    write_response,
    write_stream_response,
)
from sightline.serving.kserve.grpc_model_calls import model_calls, repository_calls
from sightline.serving.kserve.grpc_seam import CallObserver, CallSeam, Context
from sightline.serving.kserve.grpc_shared_memory import shared_memory_calls
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.memory import Memory, MemoryReservation

SERVICE = "inference.GRPCInferenceService"
HEALTH = "grpc.health.v1.Health"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
"""HealthCheckResponse of grpc.health.v1: field 1, status."""

AHEAD = 8
"""Requests of one stream that are worked on at a time."""
SILENT_STREAM_S = 10.0
"""A stream that has brought no request for so long gives its place to a new one, where all are taken."""
FINAL = "triton_enable_empty_final_response"

Method = Callable[[Any, Context], Awaitable[Any]]
Tensors = Sequence[bytes | memoryview]
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
        self._seam = CallSeam(options, told)
        self._memory = Memory(int(LARGE_BODIES * options.limits.body_mb * MEGABYTE))
        self._readers: dict[asyncio.Task[None], float] = {}
        """What reads each stream, and when it heard something last."""

    def handlers(self) -> list[Any]:
        """All methods, for ``grpc.aio.Server.add_generic_rpc_handlers``."""
        methods: dict[str, tuple[Any, Method]] = {
            **model_calls(self._service, self._is_ready),
            **repository_calls(self._service),
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
        self._seam.ending = True
        for reader in self._readers:
            reader.cancel()

    def end_arrivals(self) -> None:
        """Answer those that have not sent their message yet: it would come too late."""
        self._seam.end_arrivals()

    # Calls with one message each way

    def _unary(self, name: str, kind: object, method: Method) -> Any:
        async def call(_: object, context: Context) -> bytes:
            async with self._seam.call(name, context):
                request = parse(kind, await self._seam.receive(context))
                response = await method(request, context)
                return bytes(response.SerializeToString())

        return grpc.stream_unary_rpc_method_handler(call)

    async def _health(self, _: object, context: Context) -> bytes:
        """grpc.health.v1, as orchestrators ask it: for every service, whether we are ready."""
        async with self._seam.call("Check", context):
            return SERVING if self._is_ready() else NOT_SERVING

    # Inference

    async def _infer(self, _: object, context: Context) -> bytes:
        async with self._seam.call("ModelInfer", context):
            if self._seam.ending:
                raise Ending("the service is going down")
            # A call that sends nothing takes nobody's place.
            data = await self._seam.receive(context)
            with self._seam.working():
                held = MemoryReservation(self._memory)
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
        async with self._seam.call("ModelStreamInfer", context):
            if len(self._readers) >= self._limits.in_flight:
                self._end_silent()
            answers: Answers = asyncio.Queue()
            room = asyncio.Semaphore(AHEAD)
            with MemoryReservation(self._memory) as held:
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
            if self._seam.ending:
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
        held: MemoryReservation,
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

    async def _answer_in_stream(
        self, data: bytes, context: Context, held: MemoryReservation
    ) -> bytes:
        """The answer to one request, counted until it is sent."""
        message = pb.ModelInferRequest()
        failed = pb.ModelStreamInferResponse()

        async def fail(_: grpc.StatusCode, text: str, __: float | None) -> None:
            failed.error_message = text
            failed.infer_response.id = message.id

        response = b""
        async with self._seam.explaining("ModelStreamInfer/request", fail):
            with self._seam.working(), MemoryReservation(self._memory) as received:
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
        return await self._service.infer(request, self._seam.client(context), to_wire, deadline)

    def _is_ready(self) -> bool:
        return not self._seam.ending and self._service.ready()


async def _write(answer: bytes, context: Context) -> None:
    """Send an answer of a stream. Raises CancelledError: its client has left."""
    try:
        await context.write(answer)
    except grpc.aio.InternalError as exc:
        raise asyncio.CancelledError from exc

"""Around every gRPC call: who may call, how much at a time, and what a failure says."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import unquote

import grpc
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from sightline.config import ServingOptions
from sightline.errors import InvalidRequest
from sightline.monitoring.context import bound
from sightline.serving.http.forwarded import TrustedProxies
from sightline.serving.http.limits import all_at_work, arrivals
from sightline.serving.http.security import Guard
from sightline.serving.kserve.grpc_errors import Ending, explained

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
CallObserver = Callable[[str, str, float], None]
Fail = Callable[[grpc.StatusCode, str, float | None], Awaitable[None]]


class CallSeam:
    """What comes in and goes out of all calls of a server. Belongs to one event loop.

    Args:
        options: tokens and limits.
        observer: called with the method, the status' name and the seconds after each call.

    While it is ``ending``, requests are refused.
    """

    def __init__(self, options: ServingOptions, observer: CallObserver | None) -> None:
        self.ending = False
        self._limits = options.limits
        self._guard = Guard(_nowhere, options)
        self._proxies = TrustedProxies(options.trusted_proxies)
        self._observer = observer
        self._in_flight = 0
        self._arrivals = arrivals(options.limits)

    def end_arrivals(self) -> None:
        """Answer those that have not sent their message yet: it would come too late."""
        self._arrivals.end(0.0, lambda: Ending("the service is going down"))

    @asynccontextmanager
    async def call(self, name: str, context: Context) -> AsyncIterator[None]:
        """Around a call: nobody comes in who may not, and no exception goes out unexplained."""

        async def abort(code: grpc.StatusCode, text: str, wait_s: float | None) -> None:
            trailer: tuple[tuple[str, str], ...] = ()
            if wait_s is not None:
                trailer = (
                    ("retry-after", str(max(1, math.ceil(wait_s)))),
                    ("grpc-retry-pushback-ms", str(round(wait_s * 1e3))),
                )
            await context.abort(code, text, trailer)

        async with self.explaining(name, abort):
            self._admit(name, context)
            yield

    @asynccontextmanager
    async def explaining(self, name: str, fail: Fail) -> AsyncIterator[None]:
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
                if self._observer is not None:
                    self._observer(name, status.name, time.perf_counter() - begin)

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
    def working(self) -> Iterator[None]:
        """Count a request that is worked on. Raises Ending, or Overloaded: there are too many."""
        if self.ending:
            raise Ending("the service is going down")
        if self._in_flight >= self._limits.in_flight:
            raise all_at_work(self._in_flight)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def client(self, context: Context) -> str:
        """The computer that calls, without its port: ``grpc:ipv4:10.0.0.7``."""
        named = context.peer().rpartition(":")[0]
        peer = unquote(named.partition(":")[2]).strip("[]")
        if self._proxies.trusts(peer):
            metadata = context.invocation_metadata() or ()
            forwarded = ",".join(str(v) for name, v in metadata if name == "x-forwarded-for")
            return f"grpc:{self._proxies.client(peer, forwarded)}"
        return f"grpc:{named or 'local'}"[:64]

    async def receive(self, context: Context) -> bytes:
        """The message of a call with one. Raises TooSlow, InvalidRequest: it does not come."""
        within_s = self._limits.body_timeout_s
        async with self._arrivals.arriving(self.client(context), within_s, "the request"):
            data = await context.read()
        if data is grpc.aio.EOF:
            raise InvalidRequest("the call has no message")
        return bytes(data)


async def _nowhere(_: Scope, __: Receive, ___: Send) -> None:
    """The app behind the guard, which is only asked here."""

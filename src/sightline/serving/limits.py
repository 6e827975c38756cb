"""How much a client may ask for at a time. ASGI apps around an ASGI app.

Deadlines for headers and limits of connections lie below HTTP: see ``protocol``.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline.config import LimitOptions
from sightline.errors import Malformed, Overloaded, TooLarge, TooSlow
from sightline.serving.security import is_work

MEGABYTE = 1_000_000

LARGE_BODIES = 16
"""Bodies that are being worked on may take so many times the largest one's memory in all."""

SOON_S = 0.05
"""Work of so many seconds is let in, the queue budget of normal requests: what is accepted takes at
most twice as long as at capacity."""

_LEAST_ROOM = 8
_MEASURE_S = 0.25
_NO_ADMISSION = {"/health", "/ready", "/metrics"}
_URGENT_DOOR = {"/detect", "/predict"}


class Admission:
    """Lets so many requests in at a time; the others are refused at once, before their body.

    Of those that bring pictures or tensors no more are let in than could be answered soon: reading
    bodies that the scheduler would refuse anyway takes the time of those that it would not.

    Args:
        app: everything else.
        limits: at most so many requests.
        capacity: pictures per second of all models, 0 where it is not known.
    """

    def __init__(self, app: ASGIApp, limits: LimitOptions, capacity: Callable[[], float]) -> None:
        self.app = app
        self.in_flight = 0
        self.working = 0
        self._limit = limits.in_flight
        self._capacity = capacity
        self._room = limits.in_flight
        self._measured_at = -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _NO_ADMISSION:
            await self.app(scope, receive, send)
            return
        work = is_work(scope["method"], scope["path"])
        urgent = _is_urgent(scope)
        if self.in_flight >= self._limit or (work and not urgent and self.working >= self.room()):
            raise Overloaded("as many requests are being worked on as can be answered in time")
        self.in_flight += 1
        self.working += work
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1
            self.working -= work

    def room(self) -> int:
        """Requests with pictures that can be answered soon."""
        now = time.monotonic()
        if now > self._measured_at + _MEASURE_S:
            self._measured_at = now
            capacity = self._capacity()
            room = max(_LEAST_ROOM, round(capacity * SOON_S)) if capacity else self._limit
            self._room = min(room, self._limit)
        return self._room


def _is_urgent(scope: Scope) -> bool:
    """Whether its address says so: what a body says comes too late for this."""
    if scope["path"] not in _URGENT_DOOR:
        return False
    return parse_qs(scope["query_string"].decode("latin-1")).get("priority") == ["urgent"]


class WholeBody:
    """Reads the body before the app is called, and counts its bytes as they come.

    Raises:
        TooLarge: there are more than allowed, whatever the request's length says.
        TooSlow: it did not come within its time.
        Overloaded: other requests' bodies take all the memory that there is for bodies.
        ClientDisconnect: nobody is left to answer to.
    """

    def __init__(self, app: ASGIApp, limits: LimitOptions) -> None:
        self.app = app
        self._limit = int(limits.body_mb * MEGABYTE)
        self._timeout_s = limits.body_timeout_s
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope, self._limit):
            await self.app(scope, receive, send)
            return
        held: list[int] = []
        try:
            body = await self._read(receive, held)
            await self.app(scope, _replay(body, receive), send)
        finally:
            self._held -= sum(held)

    async def _read(self, receive: Receive, held: list[int]) -> bytes:
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(self._timeout_s):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    piece = message.get("body", b"")
                    more = message.get("more_body", False)
                    self._hold(len(piece), held)
                    pieces.append(piece)
        except TimeoutError as exc:
            raise TooSlow(f"the body did not come within {self._timeout_s:g} s") from exc
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _hold(self, size: int, held: list[int]) -> None:
        held.append(size)
        self._held += size
        if sum(held) > self._limit:
            raise TooLarge(_too_large(self._limit))
        if self._held > LARGE_BODIES * self._limit:
            raise Overloaded("the bodies of other requests take all memory that is set apart")


def _has_body(scope: Scope, limit: int) -> bool:
    """Whether a body will come. Raises TooLarge, Malformed: from what its headers say."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return True
        if name == b"content-length":
            if not value.isdigit():
                raise Malformed("Content-Length is no number")
            if int(value) > limit:
                raise TooLarge(_too_large(limit))
            return int(value) > 0
    return False


def _too_large(limit: int) -> str:
    return f"the body has more than {limit} bytes, which is the limit here"


def _replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the whole body at once, then whatever comes after it."""
    waiting: list[bytes] = [body]

    async def replayed() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replayed

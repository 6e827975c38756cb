"""How much a client may ask for at a time. ASGI apps around an ASGI app.

Deadlines for headers and limits of connections lie below HTTP: see ``protocol``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline.config import LimitOptions
from sightline.errors import Malformed, Overloaded, TooLarge
from sightline.serving.http.arrivals import Arrivals

MEGABYTE = 1_000_000

LARGE_BODIES = 16
"""Bodies that are being worked on may take so many times the largest one's memory in all."""

ARRIVING_BODIES = 8
"""Bodies that are on their way, likewise."""

FETCHES = 64
"""Pictures that are fetched by URL at a time, for one client."""

_PICTURES = {"/detect", "/predict", "/classify", "/search"}
_NO_ADMISSION = {"/health", "/ready", "/metrics"}


def all_at_work(count: int) -> Overloaded:
    """The refusal of a request where as many as may be are worked on."""
    return Overloaded(
        f"{count} requests are worked on already (serving.limits.in_flight): send less, or later"
    )


def fetches(limits: LimitOptions) -> Arrivals:
    """Counts pictures that are being fetched, within these limits."""
    return Arrivals(int(ARRIVING_BODIES * limits.body_mb * MEGABYTE), FETCHES)


def arrivals(limits: LimitOptions) -> Arrivals:
    """Counts bodies that are on their way, within these limits."""
    return Arrivals(
        int(ARRIVING_BODIES * limits.body_mb * MEGABYTE),
        limits.arriving_per_address,
        limits.least_kb_s * 1e3,
    )


class Admission:
    """Lets so many requests be worked on at a time; the others are refused at once.

    It stands behind ``WholeBody``: a request counts once its body is there, so that slow senders take
    nobody's place. How long a picture may wait for its model, the scheduler decides: it knows
    how fast each one is.

    Args:
        app: everything else.
        limits: at most so many requests.
    """

    def __init__(self, app: ASGIApp, limits: LimitOptions) -> None:
        self.app = app
        self.in_flight = 0
        self._limit = limits.in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _NO_ADMISSION:
            await self.app(scope, receive, send)
            return
        if self.in_flight >= self._limit:
            raise all_at_work(self.in_flight)
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1


class EarlyRefusal:
    """Refuses a picture before its body is read where the scheduler would refuse it anyway.

    Reading such a body takes the time of those that are not refused. It stands before ``WholeBody``,
    and is only about requests whose parameters all stand in the address and whose body is the picture: of
    others nobody knows yet what they ask for.

    Args:
        app: everything else.
        check: called with the client's address, the path and the parameters of the query; raises
            Overloaded.

    Raises:
        Overloaded: what ``check`` says.
    """

    def __init__(self, app: ASGIApp, check: Callable[[str, str, Mapping[str, str]], None]) -> None:
        self.app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in _PICTURES and _is_raw(scope):
            query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            self._check(_address(scope), scope["path"], query)
        await self.app(scope, receive, send)


def _is_raw(scope: Scope) -> bool:
    """Whether the body is a picture as it is, not a form or JSON that has one in it."""
    return any(
        name == b"content-type" and value.startswith((b"image/", b"application/octet-stream"))
        for name, value in scope["headers"]
    )


class WholeBody:
    """Reads the body before the app is called, and counts its bytes as they come.

    Raises:
        TooLarge: there are more than allowed, whatever the request's length says.
        TooSlow: it did not come within its time.
        Overloaded: other requests' bodies take all the memory that there is for bodies.
        ClientDisconnect: nobody is left to answer to.

    Args:
        app: everything else.
        limits: of bytes and times.
        arrivals: where bodies are counted that are on their way.
    """

    def __init__(self, app: ASGIApp, limits: LimitOptions, arrivals: Arrivals) -> None:
        self.app = app
        self._limit = int(limits.body_mb * MEGABYTE)
        self._timeout_s = limits.body_timeout_s
        self._arrivals = arrivals
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        expected = _body_length(scope, self._limit) if scope["type"] == "http" else 0
        if expected == 0:
            await self.app(scope, receive, send)
            return
        body = await self._read(receive, _address(scope), expected or 0)
        if self._held + len(body) > LARGE_BODIES * self._limit:
            raise Overloaded("the bodies of other requests take all memory that is set apart")
        self._held += len(body)
        try:
            await self.app(scope, replay(body, receive), send)
        finally:
            self._held -= len(body)

    async def _read(self, receive: Receive, address: str, expected: int) -> bytes:
        pieces: list[bytes] = []
        arriving = self._arrivals.arriving(address, self._timeout_s, "the body", expected)
        async with arriving as arrival:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                piece = message.get("body", b"")
                more = message.get("more_body", False)
                self._arrivals.grew(arrival, len(piece))
                if arrival.size > self._limit:
                    raise TooLarge(_too_large(self._limit))
                pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "local"


def _body_length(scope: Scope, limit: int) -> int | None:
    """Bytes of the body that will come; None: it does not say. Raises TooLarge, Malformed."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            if not value.isdigit():
                raise Malformed("Content-Length is no number")
            if int(value) > limit:
                raise TooLarge(_too_large(limit))
            return int(value)
    return 0


def _too_large(limit: int) -> str:
    return f"the body has more than {limit} bytes, which is the limit here"


def replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the whole body at once, then whatever comes after it."""
    waiting: list[bytes] = [body]

    async def replayed() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replayed

"""What every answer has in common: an id, safe headers, a line in the log, and errors that are told."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline.errors import Overloaded, TooLarge, TooSlow
from sightline.monitoring.context import bound
from sightline.serving.http.failures import answer
from sightline.serving.http.protocol import REFUSED

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Headers of every answer that does not set them itself."""

LINGER_S = 1.0
"""A client that sends on is listened to for so long, so that it can read why it was refused."""

AGAIN_S = 0.1
SLOW_DOWN_S = 0.02
"""A connection's request within ``AGAIN_S`` of its last refusal is refused so much later."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CLIENT_LEFT = 499

CallObserver = Callable[[str, int, float], None]

log = logging.getLogger(__name__)

_PROBES = {"/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"}


class Envelope:
    """The outermost ASGI app: nothing inside it fails without an answer.

    Args:
        app: everything else.
        closing: whether connections are to be closed after their answers.
        pattern: the route's pattern of a path, where a request was refused before the routes.
        observer: called with the route ("POST /detect"), status and seconds after each request.
        origins: whose pages may read errors too: CORS is inside, and sees no exception.
    """

    def __init__(
        self,
        app: ASGIApp,
        closing: Callable[[], bool],
        pattern: Callable[[str], str],
        observer: CallObserver | None = None,
        origins: Collection[str] = (),
    ) -> None:
        self.app = app
        self._closing = closing
        self._observer = observer
        self._pattern = pattern
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        reply = _Reply(_id_of(scope), send, self._closing)
        scope["request_id"] = reply.id
        begin = time.perf_counter()
        with bound(request=reply.id):
            try:
                await self.app(scope, receive, reply.send)
            except ClientDisconnect:
                reply.status = _CLIENT_LEFT
            except Exception as exc:  # noqa: BLE001 - a failure ends here: the client is told
                await _refuse(exc, scope, receive, reply, self._origins)
            finally:
                self._note(scope, reply.status, time.perf_counter() - begin)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        if self._observer is not None:
            # The route's pattern, not the path: clients must not make up names of metrics.
            route = getattr(scope.get("route"), "path", None)
            pattern = self._pattern(scope["path"]) if route is None else route
            self._observer(f"{scope['method']} {pattern}", status, seconds)
        # Probes come every few seconds for years: metrics count them, the log leaves them out.
        level = logging.DEBUG if scope["path"] in _PROBES else logging.INFO
        text = "%s %s %d in %.1f ms"
        log.log(level, text, scope["method"], scope["path"], status, seconds * 1e3)


class _Reply:
    """One answer on its way out."""

    def __init__(self, number: str, send: Send, closing: Callable[[], bool]) -> None:
        self.id = number
        self.status = 0
        self._send = send
        self._closing = closing

    async def send(self, message: Message) -> None:
        """Send an ASGI message; answers get the headers of every answer and the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            own = {name for name, _ in headers}
            headers += [pair for pair in HEADERS if pair[0] not in own]
            headers.append((b"x-request-id", self.id.encode()))
            if self._closing() and b"connection" not in own:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)


async def _refuse(
    error: Exception, scope: Scope, receive: Receive, reply: _Reply, origins: Collection[str]
) -> None:
    response = answer(error, reply.id, scope["path"])
    origin = Headers(scope=scope).get("origin")
    if origin is not None and origin in origins:
        response.headers.update({"Access-Control-Allow-Origin": origin, "Vary": "Origin"})
    if reply.status:
        # Too late for an answer. Raising lets the server cut the connection: a client must not
        # take what it has for the whole.
        raise error
    if isinstance(error, Overloaded):
        await _slow_down(scope.get(REFUSED))
    if not isinstance(error, (TooLarge, TooSlow)):
        await response(scope, receive, reply.send)
        return
    # The rest of such a body is not wanted. Closing at once would reset the connection under a
    # client that still sends, and the answer would be lost with it.
    response.headers["connection"] = "close"
    headers = response.raw_headers
    status, body = response.status_code, bytes(response.body)
    await reply.send({"type": "http.response.start", "status": status, "headers": headers})
    await reply.send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            message = await receive()
            while message["type"] == "http.request" and message.get("more_body", False):
                message = await receive()
    await reply.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _slow_down(refused: list[float] | None) -> None:
    """Who was refused and asks again at once, without a word of ``Retry-After``, waits a little.

    To refuse such clients as fast as they can ask takes the processor from those that were accepted, so that
    more are refused: sixty-four clients could take a fifth of what the model can do.
    """
    if refused is None:
        return
    clock = asyncio.get_running_loop().time
    if refused and clock() - refused[0] < AGAIN_S:
        await asyncio.sleep(SLOW_DOWN_S)
    refused[:] = [clock()]


def _id_of(scope: Scope) -> str:
    """The client's own id where it sends a proper one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text: str = value.decode("latin-1")
            if _ID.fullmatch(text):
                return text
    return secrets.token_hex(8)

"""HTTP/1.1 below the requests: connections that are too many, too slow or too talkative.

uvicorn waits for ever for a request's headers and takes any number of them. This is its own
protocol with deadlines and limits around the parser.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import secrets
import socket
import struct
from collections.abc import Sequence
from contextvars import Context
from functools import partial
from pathlib import Path

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sightline.config import LimitOptions
from sightline.serving.http.limits import MEGABYTE

WATCH = "sightline.watch"
"""In the scope: what is called where the answer goes on for as long as the client reads."""

_WATCHED_BYTES = 64 * 1024
"""The system keeps no more than this for who watches; left alone it takes megabytes, which are minutes
of events, before anybody learns that they are not read."""

REFUSED = "sightline.refused"
"""In the scope: when the last request of this connection was refused, by the loop's clock; else empty."""

MAX_HEADERS = 100
MAX_HEAD_BYTES = 64 * 1024
"""Most bytes of the request line and all headers."""
_TOO_MANY_HEADERS = f"it has more than {MAX_HEADERS} headers or {MAX_HEAD_BYTES} bytes of them"
_TLS = b"\x16\x03"  # how a client begins that takes the port for one of https

_SPARE_DESCRIPTORS = 48
"""Left for models, cameras and files that are opened later."""
_DISCARDED_BYTES = 16 * MEGABYTE
"""So many bytes of a body that was refused are read, so that its client comes to read the answer."""
_SILENT_S = 5.0
"""Where there are too many connections, one that owes us a request and has been silent for so long is
closed for a new one."""
LAG_S = 5.0
"""Clients that watch something live and take nothing for so long are let go."""
_GRACE_S = 1.5
"""The app says 408 first, where it reads the body; this ends what nobody reads."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection. ``_timer`` runs while the client owes us something, ``_unread`` while it takes
    nothing of what we owe it."""

    limits: LimitOptions
    most_connections: int
    most_bytes: int

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _in_headers = True
    watching = False
    _received = 0
    _head_bytes = 0
    _plain_head: bytes | None = None
    heard = 0.0  # when data came last, by the loop's clock
    _refused: list[float]  # see REFUSED

    # uvicorn narrows what asyncio declares here, and so must we.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected; beyond the most connections it is refused with 503."""
        super().connection_made(transport)
        self.heard = self.loop.time()
        self._refused = []
        if len(self.connections) > self.most_connections and not self._make_room():
            self._refuse(503, "Overloaded", "too many connections", "retry-after: 1\r\n")
        else:
            self._owe(self.limits.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: its timers end."""
        self._settle()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads too slowly: give it up after a while."""
        super().pause_writing()
        patience_s = self.limits.body_timeout_s
        if self.watching:
            patience_s = min(LAG_S, patience_s)
        self._unread = self.loop.call_later(patience_s, self._give_up, context=Context())

    def resume_writing(self) -> None:
        """The client reads again."""
        self._is_read()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes have come; the time for a whole head runs from the first."""
        if self.transport.is_closing():
            return
        self._received += len(data)
        self.heard = self.loop.time()
        if self._timer is None:  # also where only empty lines come, which begin no request
            self._owe(self.limits.header_timeout_s)
        self._unset_keepalive_if_required()
        try:
            self._parse(memoryview(data))
        except httptools.HttpParserError as exc:
            self.send_400_response(f"this is no HTTP request: {_why(exc, data)}")
        if self.transport.is_closing():
            return
        if self._in_headers and self._received > MAX_HEAD_BYTES:
            self.send_400_response("the headers are too long")
        elif self._received > self.most_bytes:
            self.transport.close()  # the app has refused it already, and it goes on

    def _parse(self, data: memoryview) -> None:
        """Feed the parser, and ignore parameters for another protocol (RFC 9110, 7.8).

        At such a wish it stops, and takes the body for the other protocol's. So it gets the same
        head again, without the wish.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as exc:
                if self._plain_head is None:
                    return  # CONNECT: there is nothing behind it for us
                data, head = data[exc.args[0] :], self._plain_head
                self._plain_head = None
                self.parser.feed_data(head)
            else:
                return

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_headers = True
        self._head_bytes = 0
        self._owe(self.limits.header_timeout_s, again=False)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. Raises ValueError: there are too many, or two hosts (RFC 9112, 3.2)."""
        self._head_bytes += len(name) + len(value)
        if len(self.headers) >= MAX_HEADERS or self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError(_TOO_MANY_HEADERS)  # the parser makes its own error of it: 400
        if name.lower() == b"host" and any(known == b"host" for known, _ in self.headers):
            raise ValueError("it has two headers Host")  # RFC 9112, 3.2
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: the time for the body begins. Raises ValueError: HTTP/1.1 without a host."""
        if self.parser.get_http_version() == "1.1" and not any(
            name == b"host" for name, _ in self.headers
        ):
            raise ValueError("it has no header Host")  # RFC 9112, 3.2: 400
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            version = self.parser.get_http_version()
            self._plain_head = _head_without_upgrade(
                self.parser.get_method(), self.url, version, self.headers
            )
            return
        self._in_headers = False
        self._owe(self.limits.body_timeout_s + _GRACE_S)
        super().on_headers_complete()
        self.scope[REFUSED] = self._refused  # type: ignore[literal-required]  # our own key
        self.scope[WATCH] = partial(_watch, self)  # type: ignore[literal-required]

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._plain_head is not None:
            return  # it begins again
        self._settle()
        self._received = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        """The service ends: what has been asked is answered, and half a request too."""
        if self._in_headers and self._received and not self.transport.is_closing():
            self._refuse(503, "Overloaded", "the service is going down", "retry-after: 1\r\n")
        else:
            super().shutdown()

    def _make_room(self) -> bool:
        """Close the connection that has been silent for longest, where one waits for its client."""
        idle = [c for c in self.connections if isinstance(c, GuardedProtocol) and c.is_idle]
        silent = min(idle, key=lambda c: c.heard, default=self)
        if self.loop.time() - silent.heard < _SILENT_S:
            return False
        silent.give_way()
        return True

    @property
    def is_idle(self) -> bool:
        """No request is being worked on or received."""
        cycle = self._cycle()
        asked = cycle is not None and not cycle.response_complete
        return not asked and not self.transport.is_closing()

    def _cycle(self) -> RequestResponseCycle | None:
        """The last request; None where there was none yet, which uvicorn's annotation leaves out."""
        return self.cycle

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with 400 and a JSON error."""
        self._refuse(400, "Malformed", msg)

    def _refuse(self, status: int, code: str, message: str, header: str = "") -> None:
        self.transport.write(_refusal(status, code, message, header))
        self.transport.close()

    def _owe(self, seconds: float, *, again: bool = True) -> None:
        """The client has so long from now; with ``again`` False a running deadline stays."""
        if self._timer is not None:
            if not again:
                return
            self._timer.cancel()
        # Not in the context of the request that has just been answered: its id is not the next one's.
        self._timer = self.loop.call_later(seconds, self.give_way, context=Context())

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Cut the connection; what was not sent yet must not stay with the kernel either."""
        self._unread = None
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.transport.abort()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def give_way(self) -> None:
        """Close the connection: its client is too slow, or another one needs the place."""
        self._timer = None
        if self.transport.is_closing():
            return
        if self._in_headers and self._received:
            self._refuse(408, "TooSlow", "the headers did not come in time")
        else:  # a connection that never spoke, or a body that goes on after its answer
            self.transport.close()


def _why(error: httptools.HttpParserError, data: bytes) -> str:
    """Why the parser has stopped, in our own words where they are known."""
    ours = error.__context__
    if isinstance(ours, ValueError):
        return str(ours)
    if isinstance(ours, httptools.HttpParserInvalidURLError):
        return "its address cannot be read, or is longer than 65535 bytes"
    if data.startswith(_TLS):
        return "it speaks TLS, and this port does not: write http://"
    return str(error)


def _head_without_upgrade(
    method: bytes, url: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]
) -> bytes:
    """The head of a request, without the wish for another protocol."""
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            kept = [one for one in value.split(b",") if one.strip().lower() != b"upgrade"]
            lines.append(b"connection: " + b",".join(kept))
        elif name != b"upgrade":
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])


def _refusal(status: int, code: str, message: str, header: str) -> bytes:
    """A whole answer that ends the connection."""
    words = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}
    error = {"code": code, "message": message, "id": secrets.token_hex(8)}
    body = json.dumps({"error": error})
    head = (
        f"HTTP/1.1 {status} {words[status]}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nx-request-id: {error['id']}\r\n{header}"
        "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return (head + body).encode()


def _watch(connection: GuardedProtocol) -> None:
    """Its answer goes on until the client leaves, which soon shows where the client reads nothing."""
    connection.watching = True
    connection.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_SNDBUF, _WATCHED_BYTES
    )


def protocol_class(limits: LimitOptions) -> type[GuardedProtocol]:
    """The protocol with these limits; uvicorn makes one for each connection."""
    values = {
        "limits": limits,
        "most_connections": connection_limit(limits.connections),
        "most_bytes": 2 * int(limits.body_mb * MEGABYTE) + _DISCARDED_BYTES,
    }
    return type("LimitedProtocol", (GuardedProtocol,), values)


def connection_limit(wanted: int) -> int:
    """As many connections as are wanted, or as the descriptors of this process allow.

    Beyond that a connection is answered 503 and closed, which needs one descriptor for a moment.
    """
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, allowed - _open_descriptors() - _SPARE_DESCRIPTORS))


def _open_descriptors() -> int:
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    return 64

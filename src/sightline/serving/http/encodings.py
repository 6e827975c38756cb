"""Compressed request bodies: gzip and deflate, with the limit counted on what comes out."""

from __future__ import annotations

import asyncio
import zlib

from starlette.types import ASGIApp, Receive, Scope, Send

from sightline.config import LimitOptions
from sightline.errors import Malformed, Overloaded, TooLarge, UnsupportedMedia
from sightline.serving.http.limits import LARGE_BODIES, MEGABYTE, replay

_SMALL = 64 * 1024
"""Bodies of fewer bytes are unpacked at once: a thread would cost more."""
_MEMBERS = 100
"""Most members of one gzip body: what is left is copied for each."""
_GZIP = {"gzip", "x-gzip"}


class UnpackedBody:
    """An ASGI app around another that never sees a ``Content-Encoding``. ``WholeBody`` is outside.

    Raises:
        UnsupportedMedia: the body is packed in another way.
        Malformed: it cannot be unpacked.
        TooLarge: more comes out than a body may have.
        Overloaded: other requests' bodies take all the memory that there is for them.
    """

    def __init__(self, app: ASGIApp, limits: LimitOptions) -> None:
        self.app = app
        self._limit = int(limits.body_mb * MEGABYTE)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        encoding = _encoding(scope) if scope["type"] == "http" else ""
        if not encoding:
            await self.app(scope, receive, send)
            return
        if self._held + self._limit > LARGE_BODIES * self._limit:
            raise Overloaded("the bodies of other requests take all memory that is set apart")
        held = self._limit  # until it is known how much comes out
        self._held += held
        try:
            body = await self._unpack(await _whole(receive), encoding)
            self._held += len(body) - held
            held = len(body)
            _say_plain(scope, held)
            await self.app(scope, replay(body, receive), send)
        finally:
            self._held -= held

    async def _unpack(self, body: bytes, encoding: str) -> bytes:
        if len(body) <= _SMALL:
            return unpacked(body, encoding, self._limit)
        return await asyncio.to_thread(unpacked, body, encoding, self._limit)


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """What was packed with ``gzip`` (one member or several) or ``deflate`` (zlib's format, or raw).

    Never makes more than ``limit`` bytes. Raises Malformed, TooLarge.
    """
    if not body:
        return body
    pieces: list[bytes] = []
    size = 0
    while body:
        unpacker = zlib.decompressobj(_windows(body, encoding))
        try:
            piece = unpacker.decompress(body, limit + 1 - size)
        except zlib.error as exc:
            raise Malformed(f"the body cannot be unpacked as {encoding}") from exc
        size += len(piece)
        pieces.append(piece)
        if size > limit:
            raise TooLarge(f"the body has more than {limit} bytes when it is unpacked")
        if not unpacker.eof:
            raise Malformed(f"the body, packed with {encoding}, breaks off")
        body = unpacker.unused_data
        if body and (encoding not in _GZIP or len(pieces) >= _MEMBERS):
            raise Malformed(f"something follows the body that was packed with {encoding}")
    return b"".join(pieces)


def _windows(body: bytes, encoding: str) -> int:
    """What zlib is told of the format."""
    if encoding in _GZIP:
        return zlib.MAX_WBITS | 16
    # Some clients send raw deflate (RFC 1951) for "deflate", which is zlib's format (RFC 1950).
    is_zlib = body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _say_plain(scope: Scope, size: int) -> None:
    own = {b"content-encoding", b"content-length", b"transfer-encoding"}
    headers = [(name, value) for name, value in scope["headers"] if name not in own]
    scope["headers"] = [*headers, (b"content-length", str(size).encode())]


def _encoding(scope: Scope) -> str:
    """How a body is packed; empty where it is not. Raises UnsupportedMedia."""
    found = ""
    for name, value in scope["headers"]:
        if name == b"content-encoding":
            for word in map(str.strip, value.decode("latin-1").lower().split(",")):
                if word in ("", "identity"):
                    continue
                if found or word not in {*_GZIP, "deflate"}:
                    raise UnsupportedMedia(
                        f"Content-Encoding {value.decode('latin-1'):.60} is not accepted: pack the "
                        "body once, with gzip or deflate, or not at all"
                    )
                found = word
    return found


async def _whole(receive: Receive) -> bytes:
    pieces = []
    more = True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)

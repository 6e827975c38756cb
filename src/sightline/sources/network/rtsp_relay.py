"""Between FFmpeg and an RTSP server: what the server may not make FFmpeg do.

FFmpeg follows RTSP redirects by itself, to wherever they lead, and keeps answers of any length. So
where hosts are restricted it is given a port of this computer, behind which the server's answers
are looked at until it plays. After that the bytes are only handed on.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
from collections.abc import Iterator
from threading import Thread
from typing import NoReturn
from urllib.parse import urljoin

from sightline.addresses import Address, read_address
from sightline.errors import SourceError
from sightline.sources.network import redirects
from sightline.sources.network.read_allowance import ReadAllowance

_LONGEST_HEAD = 1 << 16
_LONGEST_BODY = 1 << 20
_PIECE = 1 << 16
_CONNECT_S = 5.0
_HERE = "127.0.0.1"


_STATUS = re.compile(r"RTSP/1\.[01] +([0-9]{3})(?: .*)?")
_REQUEST = re.compile(r"[A-Z_]+ \S+ RTSP/1\.[01]")


class _RefusedError(Exception):
    """An answer is not handed on."""


class RtspRelay:
    """Relays one connection in a thread of its own, until either side ends it.

    Args:
        server: the connection, which the relay closes.
        address: what was asked for; for rtsps the relay speaks TLS, as FFmpeg does: cameras sign
            their certificates themselves.
        allowance: of what comes while it plays. FFmpeg collects a picture until it ends, and some do not.

    Raises OSError: the server does not speak TLS.
    """

    def __init__(self, server: socket.socket, address: Address, allowance: ReadAllowance) -> None:
        self.redirect: str | None = None
        """Where the server redirected to, in its own words."""
        self.refusal: str | None = None
        """Why the connection was ended."""
        self._address = address
        self._allowance = allowance
        self._peer = server.getpeername()[0]
        if address.scheme == "rtsps":
            context = ssl._create_unverified_context()  # noqa: S323, SLF001
            server = context.wrap_socket(server, server_hostname=address.host)
        self._server = server
        self._listening = socket.create_server((_HERE, 0), backlog=1)
        self._listening.settimeout(_CONNECT_S)
        self._kept = bytearray()
        self._body = 0
        self._plays = False
        port = self._listening.getsockname()[1]
        self.url = Address("rtsp", address.login, _HERE, port, address.target).url
        """What FFmpeg opens."""
        Thread(target=self._run, name="rtsp relay", daemon=True).start()

    def redirected(self) -> Address:
        """Where the server redirected to. Raises ValueError: it is no address."""
        bare = f"{self._address.scheme}://{self._address.authority}{self._address.target}"
        location = (self.redirect or "").partition("#")[0]
        return read_address(urljoin(bare, location), redirects.PORTS)

    def _run(self) -> None:
        with contextlib.suppress(OSError, SourceError, _RefusedError), self._server:
            with self._listening:
                client = self._listening.accept()[0]
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._server.settimeout(None)
                client.settimeout(None)
                while self._pass_on(client):
                    pass

    def _pass_on(self, client: socket.socket) -> bool:
        """Wait for bytes of either side and hand them on; False where one has ended."""
        ready = [client, self._server]
        if not (isinstance(self._server, ssl.SSLSocket) and self._server.pending()):
            ready = select.select(ready, [], [])[0]
        else:
            ready = [self._server]
        if client in ready:
            asked = client.recv(_PIECE)
            self._plays = self._plays or b"PLAY " in asked
            self._server.sendall(asked)
            if not asked:
                return False
        if self._server in ready:
            answer = self._server.recv(_PIECE)
            if self._plays:
                self._allowance.take(len(answer))
            client.sendall(answer if self._plays and not self._kept else self._checked(answer))
            return bool(answer)
        return True

    def _checked(self, answer: bytes) -> bytes:
        """What may be handed on of what came: whole heads, bodies, and packets."""
        self._kept += answer
        if self._plays:
            size = len(self._kept)
        else:
            size = 0
            while (step := self._unit(size)) > 0:
                size += step
        whole = bytes(self._kept[:size])
        del self._kept[:size]
        return whole

    def _unit(self, at: int) -> int:
        """The length of what stands there; 0 where it is not whole yet."""
        have = len(self._kept) - at
        if self._body:
            taken = min(self._body, have)
            self._body -= taken
            return taken
        if have and self._kept[at] == ord("$"):  # a packet of RTP, RFC 2326, 10.12
            length = 4 + int.from_bytes(self._kept[at + 2 : at + 4], "big")
            return length if have >= length >= 4 and have >= 4 else 0
        lines = []
        for line in _lines(self._kept, at):
            lines.append(line)
            if not line.rstrip(b"\r\n"):
                self._look_at([one.decode("latin-1").rstrip("\r\n") for one in lines[:-1]])
                return sum(map(len, lines))
        if have > _LONGEST_HEAD:
            self._refuse("the server sends an answer whose head does not end")
        return 0

    def _look_at(self, lines: list[str]) -> None:
        """Raises _RefusedError: the answer redirects, is too long, or names another sender.

        What two readers could read in two ways is refused too: FFmpeg is the second one.
        """
        if not lines:
            return  # a blank line before an answer
        status = _STATUS.fullmatch(lines[0])
        if status is None and not _REQUEST.fullmatch(lines[0]):
            self._refuse("the server's answer is no RTSP")
        if any(not line or line[0] in "$\0" or "\0" in line or "\r" in line for line in lines):
            self._refuse("the server's answer has a head that is no text")
        fields = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        if status is not None and status[1].startswith("3"):
            self.redirect = fields.get("location")
            raise _RefusedError
        length = fields.get("content-length", "0")
        if not length.isascii() or not length.isdecimal():
            self._refuse("the server's answer has a length that is no number")
        self._body = int(length)
        if self._body > _LONGEST_BODY:
            self._refuse(f"the server sends an answer of {self._body} bytes")
        for part in fields.get("transport", "").split(";"):
            name, _, value = part.partition("=")
            if name.strip().lower() == "source" and value.strip() not in ("", self._peer):
                self._refuse("the server sends pictures from another host than its own")

    def _refuse(self, why: str) -> NoReturn:
        self.refusal = f"{why}: check the camera"
        raise _RefusedError


def _lines(data: bytearray, at: int) -> Iterator[bytes]:
    """Whole lines from a place on, with their ends. FFmpeg takes a bare line feed for one too."""
    while (end := data.find(b"\n", at)) >= 0:
        yield bytes(data[at : end + 1])
        at = end + 1

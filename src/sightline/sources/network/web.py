"""HTTP for sources: which servers are asked, for how long, and how much of an answer is read.

FFmpeg allocates whatever a server sends, and fetches whatever a playlist or a redirect names. So
sources speak HTTP here: each connection is judged before it is made, and an answer that does not
become a picture ends at a limit.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urljoin

from sightline.addresses import Address, decoded, read_address
from sightline.errors import SourceError
from sightline.hosts import AllowedHosts
from sightline.sources.network import redirects
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.restricted import check_redirect, connected

_AGENT = "Lavf/62.12.102"
"""As FFmpeg calls itself: cameras and servers were tried with it, and some refuse other names."""


class WebFile:
    """What FFmpeg needs of a file behind HTTP: ``read``, ``seek``, ``tell``. Used by one thread.

    Args:
        client: asks again where FFmpeg goes to another place of the file.
        address: of the file, where redirects have led.
        response: from ``start`` on.
        start: bytes before it.
        end: where the part ends that was asked for; None: it is the rest of the file.
        in_parts: whether the server sends parts of the file; None: as its answer tells.
    """

    def __init__(
        self, client: WebClient, address: Address, response: http.client.HTTPResponse,
        start: int = 0, end: int | None = None, *, in_parts: bool | None = None,
    ) -> None:  # fmt: skip
        self.name = f"{address.scheme}://{address.authority}{address.target}"  # without its login
        self.content_type = response.headers.get_content_type()
        self.length = _whole_length(response)
        self._client = client
        self._address = address
        self._response: http.client.HTTPResponse | None = response
        told = response.status == http.client.PARTIAL_CONTENT or "bytes" in (
            response.getheader("Accept-Ranges") or ""
        )
        self._in_parts = self.length is not None and (told if in_parts is None else in_parts)
        self._at = start
        self._end = min(self.length or 0, self.length or 0 if end is None else end)
        self._head = b""

    @property
    def response(self) -> http.client.HTTPResponse:
        """The answer, of which nothing was read but what ``peek`` returned. Raises OSError: closed."""
        if self._response is None:
            raise OSError(errno.EBADF, "closed")
        return self._response

    def peek(self, size: int) -> bytes:
        """The next bytes, which ``read`` returns once more; fewer at the end. Raises as ``read``."""
        while len(self._head) < size:
            piece = self._piece(size - len(self._head))
            if not piece:
                break
            self._head += piece
        return self._head[:size]

    def read(self, size: int) -> bytes:
        """Some bytes, ``size`` at most; none at the end.

        Raises:
            SourceError: too much came without a packet, or a host is not allowed.
            OSError: the connection failed, or broke off; TimeoutError.
        """
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
        else:
            data = self._piece(size)
            if not data and self._at < self._end:
                raise OSError(errno.EIO, "the download broke off")
        self._at += len(data)
        return data

    def skip(self, count: int) -> None:
        """Read and forget bytes that were not asked for. Raises as ``read``."""
        self._at -= count
        while count > 0 and (piece := self.read(min(count, 1 << 16))):
            count -= len(piece)

    def seekable(self) -> bool:
        """The server sends parts of the file."""
        return self._in_parts

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of a file; nothing is asked for before it is read."""
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            offset += self.length or 0
        if offset != self._at:
            self.close()
            self._head = b""
            self._at = max(0, offset)
        return self._at

    def tell(self) -> int:
        """The place in the file, bytes."""
        return self._at

    def close(self) -> None:
        """Idempotent."""
        if self._response is not None:
            self._response.close()
            self._response = None

    def _piece(self, size: int) -> bytes:
        if self._response is None:
            if self._at >= (self.length or 0):
                return b""
            _, self._response = self._client.get(self._address, start=self._at)
        try:
            data = self._response.read1(size)
        except http.client.HTTPException as exc:  # FFmpeg's callers know no others than OSError
            raise OSError(errno.EIO, f"the download broke off ({type(exc).__name__})") from exc
        self._client.allowance.take(len(data))
        return data


class WebClient:
    """Asks HTTP servers for one source.

    Args:
        address: of the source. Its login is for its own server only.
        allowed: the hosts that may be connected to, by redirects too; None: any.
        allowance: deadline and limit of all that is read.
    """

    def __init__(
        self, address: Address, allowed: AllowedHosts | None, allowance: ReadAllowance
    ) -> None:
        self.allowance = allowance
        self.allowed = allowed
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if address.login:
            user, _, password = address.login.partition(":")
            server = f"{address.scheme}://{address.authority}/"
            passwords.add_password(None, server, decoded(user), decoded(password))
        self._opener = urllib.request.OpenerDirector()
        self._opener.addheaders = [("User-Agent", _AGENT), ("Accept", "*/*")]
        for handler in (
            # Where hosts are restricted, a proxy would connect to them unseen.
            urllib.request.ProxyHandler(None if allowed is None else {}),
            _Handler(self),
            urllib.request.HTTPCookieProcessor(),
            urllib.request.HTTPDigestAuthHandler(passwords),
            urllib.request.HTTPBasicAuthHandler(passwords),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
        ):
            self._opener.add_handler(handler)

    def get(
        self, address: Address, *, start: int = 0, end: int | None = None, whole: bool = False
    ) -> tuple[Address, http.client.HTTPResponse]:
        """Ask for an address, or from ``start`` on and before ``end``; redirects are followed.

        Asked for ``whole``, a server is not told that it may send parts.

        Returns:
            The address that answered, and its answer, of which the body is still to be read.

        Raises:
            SourceError: a host is not allowed, or it redirects to where is not followed;
                RedirectError: more than ``redirects.MOST`` times.
            urllib.error.HTTPError: the server refuses.
            OSError, http.client.HTTPException, ValueError: it cannot be reached, is silent, or does
                not speak HTTP.
        """
        label = self.allowance.label
        last = "" if end is None else str(end - 1)
        headers = {} if whole else {"Range": f"bytes={start}-{last}"}
        for _ in range(redirects.MOST + 1):
            bare = f"{address.scheme}://{address.authority}{address.target or '/'}"
            request = urllib.request.Request(bare, headers=headers)  # noqa: S310 - http or https
            try:
                return address, self._ask(request)
            except urllib.error.HTTPError as exc:
                location = exc.headers.get("Location")
                if not 300 <= exc.code < 400 or location is None:
                    raise
                exc.close()
            try:
                onward = read_address(
                    urljoin(bare, location.partition("#")[0]), (*redirects.PORTS, "file")
                )
            except ValueError as exc:
                raise SourceError(
                    f"{label}: the server redirects to what is no address: {exc}"
                ) from None
            address = check_redirect(address, onward, label)
        raise redirects.in_a_circle(label)

    def _ask(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        try:
            response: http.client.HTTPResponse = self._opener.open(
                request, timeout=self.allowance.left_s()
            )
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError as exc:
            if isinstance(exc.reason, OSError | SourceError):
                raise exc.reason from None
            raise OSError(errno.EIO, str(exc.reason)) from None
        return response


class _Handler(urllib.request.HTTPSHandler):
    """Makes the connections of http and https, each of them judged."""

    def __init__(self, client: WebClient) -> None:
        super().__init__()
        self._client = client

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """See urllib.request."""
        return self.do_open(self._connection, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """See urllib.request."""
        return self.do_open(self._tls_connection, req)

    http_request = urllib.request.AbstractHTTPHandler.do_request_

    def _connection(self, host: str, **more: Any) -> _Connection:
        connection = _Connection(host, **more)
        connection.client = self._client
        return connection

    def _tls_connection(self, host: str, **more: Any) -> _TlsConnection:
        # As FFmpeg does: cameras sign their certificates themselves.
        context = ssl._create_unverified_context()  # noqa: S323, SLF001
        context.sslsocket_class = _TlsSocket
        connection = _TlsConnection(host, context=context, **more)
        connection.client = self._client
        return connection


class _Socket(socket.socket):
    """Each read keeps the one deadline, so that a server that drips does not hold it for ever."""

    allowance: ReadAllowance

    def recv_into(self, *args: Any, **more: Any) -> int:
        self.settimeout(self.allowance.left_s())
        return super().recv_into(*args, **more)


class _TlsSocket(ssl.SSLSocket):
    """See ``_Socket``."""

    allowance: ReadAllowance

    def recv_into(self, *args: Any, **more: Any) -> int:
        self.settimeout(self.allowance.left_s())
        return super().recv_into(*args, **more)


class _Connection(http.client.HTTPConnection):
    client: WebClient

    def connect(self) -> None:
        allowance = self.client.allowance
        plain = connected(
            self.client.allowed, unquote(self.host), self.port, allowance.label, allowance.left_s()
        )
        self.sock = _Socket(fileno=plain.detach())
        self.sock.allowance = allowance
        self.sock.settimeout(allowance.left_s())
        if self._tunnel_host:  # type: ignore[attr-defined] # a proxy's
            self._tunnel()  # type: ignore[attr-defined]


class _TlsConnection(http.client.HTTPSConnection, _Connection):
    def connect(self) -> None:
        super().connect()
        assert isinstance(self.sock, _TlsSocket)
        self.sock.allowance = self.client.allowance


def _whole_length(response: http.client.HTTPResponse) -> int | None:
    """The length of the file that this is of, or a part of; None where the server does not tell."""
    if response.status == http.client.PARTIAL_CONTENT:
        whole = (response.getheader("Content-Range") or "").rpartition("/")[2]
        return int(whole) if whole.isdecimal() else None
    return response.length

"""A file behind HTTP that is kept in a temporary file while it is read, so that one can go back in it.

An MP4 may have its index (``moov``) at its end. A server that sends parts of a file (ranges) is asked
for the index first; of one that does not, everything before it has to be kept.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import http.client
import io
import ssl
import tempfile
from collections.abc import Callable, Mapping
from urllib.parse import urljoin

from sightline.addresses import Address, decoded, read_address
from sightline.errors import SourceError
from sightline.sources.network.redirects import MOST, PORTS

_PIECE = 1 << 18
_ANSWER_S = 0.3
"""A server that has not answered FFmpeg either is not waited for longer."""


class SpooledDownload:
    """What FFmpeg needs of a file: ``read``, ``seek``, ``tell``. Used by one thread.

    Args:
        response: whose body is the file.
        limit_bytes: of the file; longer ones are refused.
        label: names the source in errors.
        alive: called whenever something has come.
    """

    def __init__(
        self,
        response: http.client.HTTPResponse,
        limit_bytes: int,
        label: str,
        alive: Callable[[], None],
    ) -> None:
        self._response = response
        self._limit = limit_bytes
        self._label = label
        self._alive = alive
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - close() does
        self._have = self._at = 0
        self._ended = False
        self._length = response.length
        self._check(self._length or 0)

    def read(self, size: int = -1) -> bytes:
        """Raises SourceError where the file is too long, OSError where the connection fails."""
        self._load(None if size < 0 else self._at + size)
        self._spool.seek(self._at)
        data = self._spool.read(size)
        if not data and size and self._at < (self._length or 0):
            raise OSError(errno.EIO, "the download broke off")
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of a file; from the end, all of it is loaded where its length is not known. Raises OSError."""
        if whence == io.SEEK_CUR:
            offset += self._at
        elif whence == io.SEEK_END:
            if self._length is None:
                self._load(None)
            offset += self._have if self._length is None else self._length
        self._at = max(0, offset)
        return self._at

    def tell(self) -> int:
        """The place in the file, bytes."""
        return self._at

    def close(self) -> None:
        """Idempotent."""
        self._response.close()
        self._spool.close()

    def _load(self, end: int | None) -> None:
        """Load the file up to a place, or all of it."""
        while not self._ended and (end is None or self._have < end):
            try:
                piece = self._response.read1(_PIECE)
            except http.client.HTTPException as exc:  # FFmpeg's callers know no others than OSError
                raise OSError(errno.EIO, f"the download broke off ({type(exc).__name__})") from exc
            if not piece:
                self._ended = True
                break
            self._spool.seek(self._have)
            self._spool.write(piece)
            self._have += len(piece)
            self._check(self._have)
            self._alive()

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise SourceError(
                f"{self._label}: its index is at its end, the server sends no parts of files, and it "
                f"has more than {self._limit // 1_000_000} MB: write it with its index first "
                "(ffmpeg -movflags +faststart), take another server, or raise live.download_mb"
            )


def spooled(
    url: str,
    headers: Mapping[str, str],
    make: Callable[[http.client.HTTPResponse], SpooledDownload],
    *,
    follow: bool,
    timeout_s: float,
) -> SpooledDownload | None:
    """Begin to download an MP4 from a server that sends no parts of files; None for anything else.

    Args:
        url: http or https.
        headers: further ones.
        make: what the answer is read by.
        follow: redirects are followed.
        timeout_s: of silence.

    Raises:
        OSError, http.client.HTTPException: the server cannot be reached, or does not speak HTTP.
        SourceError: from ``make``.
    """
    address = read_address(url, ("http", "https"))
    for _ in range(MOST + 1):
        response = _answer(address, headers, timeout_s)
        location = response.getheader("Location")
        if 300 <= response.status < 400 and location and follow:
            response.close()
            bare = f"{address.scheme}://{address.authority}{address.target}"
            address = read_address(urljoin(bare, location), PORTS)
            if address.scheme not in ("http", "https"):
                return None
            continue
        if response.status != 200 or "bytes" in (response.getheader("Accept-Ranges") or ""):
            response.close()
            return None
        return _if_mp4(response, make)
    return None


def _if_mp4(
    response: http.client.HTTPResponse,
    make: Callable[[http.client.HTTPResponse], SpooledDownload],
) -> SpooledDownload | None:
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(response.close)
        download = make(response)
        on_failure.callback(download.close)
        if download.read(12)[4:8] == b"ftyp":
            download.seek(0)
            on_failure.pop_all()
            return download
    return None


def _answer(
    address: Address, headers: Mapping[str, str], timeout_s: float
) -> http.client.HTTPResponse:
    first_s = min(timeout_s, _ANSWER_S)
    host, port = address.host, address.port or PORTS[address.scheme]
    if address.scheme == "https":
        # As FFmpeg does: cameras sign their certificates themselves.
        context = ssl._create_unverified_context()  # noqa: S323, SLF001
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=first_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=first_s)
    sent = {"Host": address.authority, "Accept-Encoding": "identity", **headers}
    if address.login:
        login = base64.b64encode(decoded(address.login).encode()).decode()
        sent["Authorization"] = f"Basic {login}"
    connection.connect()
    socket = connection.sock
    connection.request("GET", address.target or "/", headers=sent)
    response = connection.getresponse()  # it keeps the connection until it is closed
    socket.settimeout(timeout_s)
    return response

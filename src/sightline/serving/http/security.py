"""Who may do what: tokens, web pages, hosts, and what clients may open as streams.

Everything is closed unless it is listed here, so a new route is an administrator's until somebody
says otherwise.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sightline.addresses import decoded, read_address
from sightline.config import ServingOptions, is_loopback
from sightline.errors import ConfigError, Forbidden, InvalidRequest, Unauthorized
from sightline.hosts import AllowedHosts, resolve
from sightline.serving.http.signatures import Signer

PLAYLISTS = {".m3u", ".m3u8", ".pls", ".sdp", ".mpd", ".xspf", ".asx", ".ffconcat", ".concat"}
"""Files that make a player open other files or addresses."""
_PLAYLIST_STARTS = (b"#EXTM3U", b"[playlist]", b"ffconcat", b"v=0", b"<?xml", b"<MPD")

_SAFE = {"GET", "HEAD", "OPTIONS"}
_CLIENT_POSTS = re.compile(
    r"/detect|/predict|/predict/batch|/classify|/search|/v2/models/[^/]+(/versions/[^/]+)?/infer|/v2/repository/index"
)
_OPEN = {"/health", "/ready", "/", "/docs"}
_OPEN_FILES = "/web/"
"""Pages and their files hold nothing of the service: what they show they ask for with a token."""
# Written so that `redact` takes no word of it for a token.
_ASKED = "a token is needed, in one header `Authorization` and of the kind `Bearer`"


class Access(IntEnum):
    """What a request needs."""

    OPEN = 0
    CLIENT = 1
    ADMIN = 2


def access(method: str, path: str) -> Access:
    """What a request to a path needs, whether there is a route or not."""
    if method in _SAFE:
        is_open = path in _OPEN or path.startswith(_OPEN_FILES)
        return Access.OPEN if is_open else Access.CLIENT
    if method == "POST" and _CLIENT_POSTS.fullmatch(path):
        return Access.CLIENT
    return Access.ADMIN


def check_exposure(options: ServingOptions) -> None:
    """Raises ConfigError where others could reach the service and no token is demanded."""
    for name in ("token", "admin_token"):
        secret = getattr(options, name)
        if secret is not None and not secret.get_secret_value().strip():
            raise ConfigError(f"serving.{name} is empty: set it, or leave it out")
    if options.exposed:
        raise ConfigError(
            f"serving.host {options.host} can be reached from elsewhere: set serving.token, or "
            "listen to 127.0.0.1 only"
        )


class Guard:
    """An ASGI app around another that lets nobody pass who may not.

    Raises Unauthorized or Forbidden before the body is read.
    """

    def __init__(self, app: ASGIApp, options: ServingOptions, signer: Signer | None = None) -> None:
        self.app = app
        self._signer = signer or Signer(options)
        self._client_tokens = _tokens(options.token, options.admin_token)
        self._admin_tokens = _tokens(options.admin_token or options.token)
        self._open_to_clients = options.token is None
        self._origins = set(options.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.check(scope["method"], scope["path"], Headers(scope=scope), scope["query_string"])
        await self.app(scope, receive, send)

    def check(self, method: str, path: str, headers: Headers, query: bytes = b"") -> None:
        """Raises Unauthorized or Forbidden."""
        self._check_page(headers)
        if method == "OPTIONS" and "access-control-request-method" in headers:
            return  # a browser's preflight carries no token; CORS answers it
        needed = access(method, path)
        if needed is Access.OPEN:
            return
        if needed is Access.CLIENT and method in _SAFE:
            signed = self._signer.check(path, query) if query else None
            if signed:
                return
            if signed is False:
                raise Unauthorized("this signed address has expired, or is none: ask for a new one")
        token = _bearer(headers)
        if needed is Access.CLIENT:
            if not self._open_to_clients and not _matches(token, self._client_tokens):
                raise Unauthorized(_ASKED)
        elif self._admin_tokens and not _matches(token, self._admin_tokens):
            if _matches(token, self._client_tokens):
                raise Forbidden("the administrator's token is needed for this")
            raise Unauthorized(_ASKED)

    def _check_page(self, headers: Headers) -> None:
        """Refuse what a strange web page makes a browser send."""
        named = headers.get("host")
        host = named or ""
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        if self._open_to_clients and named is not None and not is_loopback(name.lower()):
            # A page may have its own name resolved to this computer; its browser still says it.
            # Without any name it is no browser: probes of HAProxy and others speak HTTP/1.0.
            raise Forbidden("without a token this service is called by localhost only")
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return
        if not _is_from(origin, host):
            raise Forbidden("web pages of this origin may not call this service")


def may_embed(headers: Headers, query: bytes, origins: Sequence[str]) -> bool:
    """Whether a page of another origin may show what is answered, in an ``<img>`` for example.

    The browser says which page it is in ``Referer``. A page that lets it say nothing must have been
    given a signed address.
    """
    if not origins:
        return False
    page = headers.get("referer")
    if not page:
        return b"signature=" in query  # the guard has checked it
    try:
        parts = urlsplit(page)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" in origins


def _is_from(origin: str, host: str) -> bool:
    try:
        own = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(own) and own == host  # a page without an origin says "null"


def check_stream_source(source: str, options: ServingOptions) -> str:
    """The source of a stream that a client adds, as it may be opened.

    Names are resolved, which may take seconds; where they are not known, that is for the stream to
    tell. The stream checks again whenever it connects, if it is given ``stream_hosts``.

    Raises:
        Forbidden: its kind of address, or its place, is not allowed to clients.
        InvalidRequest: it is no source.
    """
    if not source or "\0" in source or len(source) > 2048:
        raise InvalidRequest("source: it is empty, too long or no text")
    if "://" in source:
        scheme = source.partition("://")[0].lower()
        if scheme not in options.stream_schemes:
            allowed = ", ".join(options.stream_schemes)
            raise Forbidden(f"source: {scheme}:// is not opened for clients; allowed are {allowed}")
        return source if scheme == "street" else _allowed_address(source, options)
    file = _allowed_file(source, options.files_under)
    if file.suffix.lower() in PLAYLISTS or _starts_like_playlist(file):
        raise Forbidden("source: playlists are not opened for clients")
    return str(file)


def _allowed_address(source: str, options: ServingOptions) -> str:
    try:
        address = read_address(source)
    except ValueError as exc:
        raise InvalidRequest(f"source: it is no address: {exc}") from None
    if Path(decoded(address.path)).suffix.lower() in PLAYLISTS:
        raise Forbidden("source: playlists are not opened for clients")
    try:
        found = resolve(address.host, address.port or 0)
    except OSError:
        return address.url
    if not AllowedHosts(options.stream_hosts).allow(address.host, found):
        raise Forbidden(
            f"source: {address.host} is not a host that this service opens for clients "
            "(serving.stream_hosts)"
        )
    return address.url


def _starts_like_playlist(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(64)
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLIST_STARTS)


def _allowed_file(source: str, folders: tuple[Path, ...]) -> Path:
    """A regular file that lies, its links followed, in an allowed folder."""
    if not folders:
        raise Forbidden(
            "source: this service opens no files for clients: list the folders that it may open "
            "files of under serving.files_under"
        )
    # The same answer for what is not there and what is not allowed: clients must not probe.
    refusal = Forbidden(
        "source: clients may not open this file: it is not there, or lies outside of the folders "
        "that serving.files_under lists"
    )
    try:
        path = Path(source).resolve(strict=True)
        inside = any(path.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, RuntimeError, ValueError) as exc:
        raise refusal from exc
    if not inside or not path.is_file():
        raise refusal
    return path


def _tokens(*secrets: SecretStr | None) -> list[bytes]:
    return [secret.get_secret_value().encode() for secret in secrets if secret is not None]


def _bearer(headers: Headers) -> bytes:
    given = headers.getlist("authorization")
    if len(given) != 1:
        return b""  # of two headers, a proxy may have looked at the other one
    kind, _, token = given[0].partition(" ")
    return token.strip().encode("latin-1", "replace") if kind.lower() == "bearer" else b""


def _matches(token: bytes, secrets: list[bytes]) -> bool:
    """Compares with each, so that the time tells nothing."""
    return sum(hmac.compare_digest(token, secret) for secret in secrets) > 0

"""One file over HTTP: continued where a connection was cut, and never half taken for whole.

What has arrived is kept in ``NAME.part``. Its origin, in ``NAME.part.origin``, holds the server's
validator (ETag or Last-Modified), sent as ``If-Range`` (RFC 9110, 13.1.5) so that a file that has
changed since starts again from nothing. A proxy is taken from the system, as urllib does.
"""

from __future__ import annotations

import base64
import contextlib
import email.message
import errno
import http.client
import json
import os
import random
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from sightline._version import __version__
from sightline.addresses import read_address
from sightline.config import is_loopback
from sightline.errors import ConfigError, ModelError

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes that there will be, None where unknown."""

TIMEOUT_S = 30.0
"""How long a server may be silent."""
RETRY_DELAYS_S = (0.5, 1.0, 2.0, 4.0)
"""Waits between attempts that bring nothing new; an attempt that does starts the row again."""

_CHUNK = 1 << 18
_TRANSIENT_STATUS = {408, 416, 425, 429, 500, 502, 503, 504}
# The first byte of every top-level field of an ONNX ModelProto. Web pages, archives, pickles and
# Git LFS pointers start with none of them.
_FIRST_BYTES = b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca"


class _Cut(Exception):
    """An attempt failed in a way that another attempt may mend."""


def shown(url: str) -> str:
    """The URL without user, password, query and fragment: any of them may hold a credential."""
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def check_url(url: str, *, plain_http: bool = False) -> None:
    """Refuse what is not https, nor http to this machine, nor http that was asked for.

    Raises:
        ConfigError: not such a URL.
    """
    parts = _split(url)
    if parts.scheme == "https":
        return
    if parts.scheme != "http":
        raise ConfigError(f"{shown(url)}: models are pulled over https, not {parts.scheme}")
    if not plain_http and not is_loopback(parts.hostname or ""):
        raise ConfigError(
            f"{shown(url)}: plain http can be tampered with on its way; use https, or say that "
            "you mean it: sightline models pull NAME --url URL --sha256 HEX"
        )


def part_of(target: Path) -> Path:
    """Where the bytes of ``target`` wait until they are complete."""
    return target.with_name(f"{target.name}.part")


def discard(target: Path) -> None:
    """Forget what was fetched for ``target`` so far."""
    part_of(target).unlink(missing_ok=True)
    _origin_of(target).unlink(missing_ok=True)


def download(
    url: str, target: Path, *, plain_http: bool = False, progress: Progress | None = None
) -> Path:
    """Fetch ``url`` into ``part_of(target)`` and return that path; ``target`` is not touched.

    The caller holds a lock: two downloads of one target would write the same file.

    Raises:
        ConfigError: the URL, or one that it redirects to, is refused (see ``check_url``).
        ModelError: not there, not reachable, no model, or it cannot be written.
    """
    check_url(url, plain_http=plain_http)
    failures, best = 0, 0
    while True:
        try:
            _attempt(url, target, plain_http, progress or _silent)
        except _Cut as cut:
            arrived = _size(part_of(target))
            # A server that ignores Range and is always cut at the same place brings nothing new.
            failures = 0 if arrived > best else failures + 1
            best = max(best, arrived)
            if failures > len(RETRY_DELAYS_S):
                raise ModelError(f"cannot pull {shown(url)}: {cut}; {_by_hand(url, target)}") from (
                    cut.__cause__ or cut
                )
            # The jitter keeps a fleet that was cut off together from coming back together.
            time.sleep(RETRY_DELAYS_S[max(failures - 1, 0)] * random.uniform(0.75, 1.25))  # noqa: S311 - not a secret
        else:
            return part_of(target)


def _attempt(url: str, target: Path, plain_http: bool, progress: Progress) -> None:
    """One request, and as much of its answer as arrives. Raises _Cut where it is not all."""
    part = part_of(target)
    validator = _validator_for(url, target)
    offset = _size(part) if validator else 0
    with _open(url, target, plain_http, offset, validator) as response:
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            if not _continues(response.headers, offset, validator):
                discard(target)
                raise _Cut("the server continued another file than the one begun")
        else:
            offset = 0
            _check_content(response.headers, url)
            _begin(url, target, _strong_validator(response.headers))
        length = response.headers.get("Content-Length", "")
        total = offset + int(length) if length.isdigit() else None
        _check_space(target, None if total is None else total - offset)
        _copy(response, url, target, done=offset, total=total, progress=progress)
    with _writing(target):
        _origin_of(target).unlink(missing_ok=True)


def _copy(
    response: http.client.HTTPResponse,
    url: str,
    target: Path,
    *,
    done: int,
    total: int | None,
    progress: Progress,
) -> None:
    """Append the answer to the part. Raises _Cut where it ends before ``total``."""
    # Closing writes what is buffered, so it too can find the disk full.
    with _writing(target), part_of(target).open("ab" if done else "wb") as part:
        progress(done, total)
        while total is None or done < total:
            with _receiving():
                # read1, not read: what arrived before a cut is kept, and progress is smooth.
                chunk = response.read1(_CHUNK if total is None else min(_CHUNK, total - done))
            if not chunk:
                break
            if not done and chunk[0] not in _FIRST_BYTES:
                discard(target)
                raise _no_model(url, f"its content starts with {chunk[:16]!r}")
            part.write(chunk)
            done += len(chunk)
            progress(done, total)
        part.flush()
        os.fsync(part.fileno())
    if total is not None and done < total:
        raise _Cut(f"the connection was cut after {done:,} of {total:,} bytes")
    if not done:
        discard(target)
        raise _no_model(url, "it is empty")


@contextlib.contextmanager
def _open(
    url: str, target: Path, plain_http: bool, offset: int, validator: str | None
) -> Iterator[http.client.HTTPResponse]:
    parts = _split(url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = urllib.request.Request(address)  # noqa: S310 - check_url has been here
    request.add_header("User-Agent", f"sightline/{__version__}")
    if offset and validator:
        request.add_header("Range", f"bytes={offset}-")
        request.add_header("If-Range", validator)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        basic = base64.b64encode(login.encode()).decode()
        # Unredirected: the storage behind a release page must not learn the login.
        request.add_unredirected_header("Authorization", f"Basic {basic}")
    handlers: list[Any] = [_Redirects(plain_http)]
    if is_loopback(parts.hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with _receiving():
            response = urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as exc:
        with exc:
            said = f"the server says {exc.code} {_phrase(exc.code)}"
        if exc.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            discard(target)
        if exc.code in _TRANSIENT_STATUS:
            raise _Cut(said) from exc
        raise ModelError(
            f"cannot pull {shown(url)}: {said}; check the address, or {_by_hand(url, target)}"
        ) from exc
    except ssl.SSLCertVerificationError as exc:
        raise ModelError(
            f"cannot pull {shown(url)}: its certificate is not trusted ({exc.verify_message}); "
            "add the certificate to this machine's trusted ones"
        ) from exc
    with response:
        yield response


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects under the rules of ``check_url``, and never from https to http."""

    def __init__(self, plain_http: bool) -> None:
        self.plain_http = plain_http

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request that a redirect asks for, where it stays encrypted. Raises ModelError."""
        try:
            if req.type == "https" and urlsplit(newurl).scheme != "https":
                raise ModelError(
                    f"{shown(req.full_url)} leads to {shown(newurl)}, which is not https: refused"
                )
            check_url(newurl, plain_http=self.plain_http)
        except (ConfigError, ModelError):
            fp.close()  # it holds the connection
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextlib.contextmanager
def _receiving() -> Iterator[None]:
    """Map what a network does to _Cut; an HTTP status and a bad certificate go through."""
    try:
        yield
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as exc:
        if isinstance(exc.reason, ssl.SSLCertVerificationError):
            raise exc.reason from exc
        raise _Cut(f"no connection ({exc.reason})") from exc
    except TimeoutError as exc:
        raise _Cut(f"the server said nothing for {TIMEOUT_S:g} s") from exc
    except (OSError, http.client.HTTPException) as exc:
        raise _Cut(f"the connection was cut ({str(exc) or type(exc).__name__})") from exc


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            # A full disk hurts everything else on the machine; these bytes can be had again.
            discard(target)
            raise ModelError(
                f"the disk is full: cannot write {target}; make room or choose another folder "
                "(--folder)"
            ) from exc
        raise ModelError(f"cannot write {part_of(target)}: {exc.strerror}") from exc


def _check_space(target: Path, needed: int | None) -> None:
    with _writing(target):
        free = shutil.disk_usage(target.parent).free
    if needed is not None and free < needed:
        raise ModelError(
            f"the disk is too full for {target}: {needed / 1e6:.1f} MB are still to come and "
            f"{free / 1e6:.1f} MB are free; make room or choose another folder (--folder)"
        )


def _check_content(headers: email.message.Message, url: str) -> None:
    if headers.get_content_type() in {"text/html", "application/xhtml+xml"}:
        raise _no_model(url, "it is a web page")
    encoding = headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise _no_model(url, f"it is sent as {encoding}, which was not asked for")


def _no_model(url: str, why: str) -> ModelError:
    return ModelError(
        f"{shown(url)} is not an ONNX model: {why}; open the address in a browser (a login page, "
        "a page about the file, a proxy's own page?) and use the address of the file itself"
    )


def _by_hand(url: str, target: Path) -> str:
    return (
        f"fetch {shown(url)} on a machine that can reach it and save it as {target}: "
        "it is then used as it is"
    )


def _strong_validator(headers: email.message.Message) -> str | None:
    """What If-Range may hold: a strong ETag, else the date."""
    etag = headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return str(etag)
    return headers.get("Last-Modified")


def _continues(headers: email.message.Message, offset: int, validator: str | None) -> bool:
    """Whether a 206 answer is the rest of what is here: some servers ignore If-Range."""
    start = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    now = _strong_validator(headers)
    return start is not None and int(start[1]) == offset and now in {None, validator}


def _begin(url: str, target: Path, validator: str | None) -> None:
    """Start the part again, noting what it is a part of."""
    with _writing(target):
        # The bytes first: a crash in between must not pair old bytes with a new validator.
        discard(target)
        if validator:
            origin = {"url": shown(url), "validator": validator}
            _origin_of(target).write_text(json.dumps(origin), encoding="utf-8")


def _validator_for(url: str, target: Path) -> str | None:
    """The validator of the part that is here, or None where it cannot be continued."""
    try:
        origin = json.loads(_origin_of(target).read_text(encoding="utf-8"))
        return str(origin["validator"]) if origin["url"] == shown(url) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # missing or torn by a crash: starting again is always right


def _origin_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part.origin")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _split(url: str) -> SplitResult:
    """The parts of a URL. Raises ConfigError where it is none."""
    # A URL that cannot be read is not repeated: the credential may be anywhere in it.
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError("the URL holds spaces or characters that must be percent-encoded")
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            parts = urlsplit(read_address(url, drop_fragment=True).url)
    except ValueError as exc:
        raise ConfigError(f"the URL cannot be read: check its host and port: {exc}") from None
    if not parts.scheme or (parts.scheme in {"http", "https"} and not parts.hostname):
        raise ConfigError("the URL must look like https://HOST/PATH.onnx")
    return parts


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "(no standard status)"


def _silent(_done: int, _total: int | None) -> None:
    """Progress that nobody watches."""

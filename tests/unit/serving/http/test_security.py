"""Who may do what, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from sightline.config import ServingOptions
from sightline.errors import ConfigError, Forbidden, InvalidRequest, Unauthorized
from sightline.serving.http.security import (
    Guard,
    check_exposure,
    check_stream_source,
    may_embed,
)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Is never asked: only headers are looked at."""


def guard(token: str | None = None, admin: str | None = None, **options: object) -> Guard:
    secrets = {
        name: None if value is None else SecretStr(value)
        for name, value in (("token", token), ("admin_token", admin))
    }
    return Guard(app, ServingOptions(**secrets, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "[::1]:8000", None])
def test_without_a_token_this_computer_calls(host: str | None) -> None:
    guard().check("POST", "/detect", Headers({} if host is None else {"host": host}))


@pytest.mark.parametrize("host", ["evil.org", "localhost.evil.org", "192.168.0.1:8000", ""])
def test_without_a_token_names_of_others_are_refused(host: str) -> None:
    with pytest.raises(Forbidden, match="called by localhost only"):
        guard().check("POST", "/detect", Headers({"host": host}))


@pytest.mark.parametrize(
    ("origin", "host", "may"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("http://localhost:3000", "localhost:8000", False),
        ("null", "localhost:8000", False),
        ("null", None, False),
        ("http://[", "localhost", False),
        ("https://pages.example.org", "localhost", True),
    ],
)
def test_pages_of_other_origins(origin: str, host: str | None, may: bool) -> None:
    headers = Headers({"origin": origin, **({} if host is None else {"host": host})})
    checked = guard(origins=("https://pages.example.org",))
    if may:
        checked.check("GET", "/models", headers)
    else:
        with pytest.raises(Forbidden, match="web pages of this origin"):
            checked.check("GET", "/models", headers)


@pytest.mark.parametrize(
    ("method", "path", "header", "error"),
    [
        pytest.param("GET", "/health", None, None, id="open"),
        pytest.param("POST", "/detect", "Bearer client", None, id="a client"),
        pytest.param("POST", "/detect", "bearer admin", None, id="an administrator is one, too"),
        pytest.param("POST", "/detect", None, Unauthorized, id="no token"),
        pytest.param("POST", "/detect", "Basic client", Unauthorized, id="another kind"),
        pytest.param("POST", "/detect", "Bearer clien", Unauthorized, id="another token"),
        pytest.param("DELETE", "/models/m", "Bearer admin", None, id="an administrator"),
        pytest.param(
            "DELETE", "/models/m", "Bearer client", Forbidden, id="a client changes nothing"
        ),
        pytest.param("PUT", "/no/such", "Bearer x", Unauthorized, id="what nobody knows is closed"),
    ],
)
def test_tokens(method: str, path: str, header: str | None, error: type[Exception] | None) -> None:
    headers = Headers({"host": "h", **({} if header is None else {"authorization": header})})
    checked = guard("client", "admin", host="0.0.0.0")
    if error is None:
        checked.check(method, path, headers)
    else:
        with pytest.raises(error, match="token"):
            checked.check(method, path, headers)


def test_a_preflight_carries_no_token() -> None:
    headers = Headers({"host": "h", "access-control-request-method": "POST"})
    guard("client").check("OPTIONS", "/detect", headers)
    with pytest.raises(Unauthorized):
        guard("client").check("OPTIONS", "/models", Headers({"host": "h"}))


@pytest.mark.parametrize("name", ["token", "admin_token"])
def test_a_blank_token_is_none(name: str) -> None:
    with pytest.raises(ConfigError, match=f"serving.{name} is empty"):
        check_exposure(ServingOptions(**{name: SecretStr(" ")}))  # type: ignore[arg-type]


def test_a_service_that_others_reach_needs_a_token() -> None:
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0 can be reached from elsewhere"):
        check_exposure(ServingOptions(host="0.0.0.0"))
    check_exposure(ServingOptions(host="0.0.0.0", token=SecretStr("t")))


@pytest.mark.parametrize(
    ("referer", "query", "may"),
    [
        ("https://a.org/page", b"", True),
        ("https://a.org:444/page", b"", False),
        ("https://a.org.evil.org/", b"", False),
        ("http://[", b"", False),
        (None, b"signature=x", True),
        (None, b"", False),
    ],
)
def test_pages_that_may_show_pictures(referer: str | None, query: bytes, may: bool) -> None:
    headers = Headers({} if referer is None else {"referer": referer})
    assert may_embed(headers, query, ["https://a.org"]) is may
    assert may_embed(headers, query, []) is False


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("", InvalidRequest, "it is empty"),
        ("a\0b", InvalidRequest, "no text"),
        ("x" * 3000, InvalidRequest, "too long"),
        ("file:///etc/passwd", Forbidden, "file:// is not opened"),
        ("concat:a|b", Forbidden, "may not open this file"),
        ("/etc/passwd", Forbidden, "may not open this file"),
        ("http://h/x.m3u8", Forbidden, "playlists are not opened"),
        ("http://h/x%2em3u8", Forbidden, "playlists are not opened"),
        ("http://", InvalidRequest, "it is no address"),
        ("http://169.254.169.254/latest", Forbidden, "is not a host that this service opens"),
    ],
)
def test_sources_that_are_not_for_clients(
    source: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        check_stream_source(source, ServingOptions(files_under=(tmp_path,)))


def test_files_of_allowed_folders(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.mp4").write_bytes(b"....ftyp")
    (inside / "link.mp4").symlink_to(outside / "a.mp4")
    (inside / "list.mp4").write_bytes(b"\xef\xbb\xbf\n#EXTM3U\n")
    options = ServingOptions(files_under=(inside,))
    assert check_stream_source(str(inside / "a.mp4"), options) == str(inside / "a.mp4")
    assert check_stream_source("street://", options) == "street://"
    for name in ("link.mp4", "../out/a.mp4", "gone.mp4", "."):
        with pytest.raises(Forbidden, match="may not open this file"):
            check_stream_source(f"{inside}/{name}", options)
    with pytest.raises(Forbidden, match="playlists"):
        check_stream_source(str(inside / "list.mp4"), options)
    with pytest.raises(Forbidden, match=r"list the folders .* serving\.files_under"):
        check_stream_source("a.mp4", ServingOptions())

"""Fetching by URL: only from where it is allowed, from a real server on loopback."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from sightline.errors import ConfigError, Forbidden, InvalidRequest, TooLarge
from sightline.serving.http import fetch as module
from sightline.serving.http.arrivals import Arrivals
from sightline.serving.http.fetch import fetch, networks

LOOPBACK = networks(["127.0.0.0/8", "::1/128"])


class Handler(http.server.BaseHTTPRequestHandler):
    asked: ClassVar[list[tuple[str, str | None]]] = []
    stop = threading.Event()

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Host")))
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/picture")
            self.end_headers()
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a")
            self.stop.wait(20)
        elif self.path == "/missing":
            self.send_error(404)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"picture" if self.path.startswith("/picture") else bytes(100_000))

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(Handler, "asked", [])
    monkeypatch.setattr(Handler, "stop", threading.Event())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_address[1]
        Handler.stop.set()
        running.shutdown()


def get(url: str, allowed: Any = LOOPBACK, limit: int = 1000) -> bytes:
    return asyncio.run(fetch(url, allowed, limit, Arrivals(10 * limit, 64), "client"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_picture_is_fetched(server: int, host: str) -> None:
    assert get(f"http://{host}:{server}/picture?a=b#c") == b"picture"
    assert Handler.asked == [("/picture?a=b", f"{host}:{server}")]


def test_proxies_of_the_environment_are_not_asked(
    server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(f"http://127.0.0.1:{server}/picture") == b"picture"


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        pytest.param("/redirect", InvalidRequest, "302", id="redirect"),
        pytest.param("/missing", InvalidRequest, "404", id="missing"),
        pytest.param("/large", TooLarge, "1000 bytes", id="too large"),
        pytest.param("/slow", InvalidRequest, "no answer within", id="too slow"),
    ],
)
def test_answers_that_are_not_taken(
    server: int, monkeypatch: pytest.MonkeyPatch, path: str, error: type[Exception], said: str
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 1.0)
    with pytest.raises(error, match=said):
        get(f"http://127.0.0.1:{server}{path}")
    assert [one for one, _ in Handler.asked] == [path]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        pytest.param("http://10.1.2.3/", Forbidden, id="another network"),
        pytest.param("http://169.254.169.254/latest/meta-data", Forbidden, id="metadata"),
        pytest.param("http://[::ffff:10.1.2.3]/", Forbidden, id="dressed up as IPv6"),
        pytest.param("http://0x0a010203/", InvalidRequest, id="as a number"),
        pytest.param("http://[fe80::1]/", Forbidden, id="link-local"),
        pytest.param("http://0.0.0.0/", Forbidden, id="any"),
        pytest.param("ftp://127.0.0.1/a", InvalidRequest, id="ftp"),
        pytest.param("file:///etc/passwd", InvalidRequest, id="file"),
        pytest.param("gopher://127.0.0.1:70/", InvalidRequest, id="gopher"),
        pytest.param("http://user:pass@127.0.0.1/", InvalidRequest, id="a login"),
        pytest.param("http://127.0.0.1:99999/", InvalidRequest, id="no port"),
        pytest.param("http://[::1", InvalidRequest, id="no address"),
        pytest.param("http:///a", InvalidRequest, id="no host"),
        pytest.param("http://host.invalid/", InvalidRequest, id="unknown"),
        pytest.param("http://127.0.0.1:9/", InvalidRequest, id="nobody listens"),
        pytest.param("//127.0.0.1/", InvalidRequest, id="no scheme"),
        pytest.param(
            "http://\uff11\uff12\uff17.0.0.1:9/", InvalidRequest, id="digits of another script"
        ),
        pytest.param("http://bücher.example/", InvalidRequest, id="letters of another script"),
        pytest.param("http://\u2100.example/", InvalidRequest, id="a letter that hides a slash"),
    ],
)
def test_where_nothing_is_fetched_from(url: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        get(url)


def test_a_name_is_resolved_once_and_every_address_counts(
    server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is good when it is checked and bad when it is used (DNS rebinding)."""
    answers = [["127.0.0.1"], ["10.1.2.3"]]

    async def lookup(_: Any, __: str, port: int, **___: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in answers.pop(0)]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", lookup)
    assert get(f"http://camera.example:{server}/picture") == b"picture"
    assert Handler.asked == [("/picture", f"camera.example:{server}")]
    assert answers == [["10.1.2.3"]]  # it was not asked again
    answers[:] = [["127.0.0.1", "10.1.2.3"]]
    with pytest.raises(Forbidden):
        get(f"http://camera.example:{server}/picture")


def test_off_by_default() -> None:
    with pytest.raises(Forbidden, match="fetches nothing"):
        get("http://127.0.0.1/", allowed=None)


def test_networks_are_checked() -> None:
    with pytest.raises(ConfigError, match="fetch_from"):
        networks(["10.0.0.0/33"])
    with pytest.raises(ConfigError, match="host bits"):
        networks(["10.0.0.1/8"])

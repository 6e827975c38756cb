"""Pictures behind addresses: whole, or a reason that names the address without its password."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sightline.errors import SourceError
from sightline.sources.network import web_pictures
from sightline.sources.network.web_pictures import fetch_picture

BODY = bytes(range(256)) * 2000


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A server whose paths say how they answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = {"/404.jpg": 404, "/old.jpg": 302}.get(self.path, 200)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/a.jpg")
            if self.path == "/cut.jpg":
                self.send_header("Content-Length", str(len(BODY) + 1))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the client has gone
                self.wfile.write(BODY if status == 200 else b"")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"joe:geheim@127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["a.jpg", "old.jpg", "a.jpg#top"])
def test_whole(place: str, path: str) -> None:
    assert fetch_picture(f"http://{place}/{path}") == BODY


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param("404.jpg", "answers 404: check the address", id="refused"),
        pytest.param("cut.jpg", r"cannot be fetched \(it breaks off\)", id="it breaks off"),
        pytest.param("a b.jpg", "is no address of a picture", id="a blank"),
    ],
)
def test_why_not(place: str, path: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        fetch_picture(f"http://{place}/{path}")
    assert "geheim" not in str(caught.value)


def test_other_schemes_are_not_opened() -> None:
    for url in ("file:///etc/passwd", "rtsp://camera/live", "street.jpg"):
        with pytest.raises(SourceError, match="is no address of a picture"):
            fetch_picture(url)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("LIMIT_BYTES", 500_000, "has more than 0 MB: is it a picture", id="too large"),
        pytest.param("_WHOLE_S", -1.0, "not whole after", id="too slow"),
    ],
)
def test_limits(
    place: str, monkeypatch: pytest.MonkeyPatch, name: str, value: float, said: str
) -> None:
    make: Callable[..., None] = monkeypatch.setattr
    make(web_pictures, name, value)
    with pytest.raises(SourceError, match=said):
        fetch_picture(f"http://{place}/a.jpg")

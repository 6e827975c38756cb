"""HTTP for sources, against servers on loopback: ranges, redirects, logins, what breaks off."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import urllib.error
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sources.network.conftest import Answers, CannedClient

from sightline.addresses import read_address
from sightline.errors import SourceError
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.redirects import RedirectError
from sightline.sources.network.web import WebClient, WebFile

BODY = bytes(range(200)) * 3
FOUND = "302 Found\r\nLocation: {}\r\nContent-Length: 0"


def part(start: int) -> bytes:
    """A part of BODY as RFC 9110, 15.3.7, has it."""
    head = (
        f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{len(BODY) - 1}/{len(BODY)}"
    )
    return f"{head}\r\nContent-Length: {len(BODY) - start}\r\n\r\n".encode() + BODY[start:]


@pytest.mark.parametrize(
    ("head", "length", "seekable"),
    [
        pytest.param("200 OK\r\nContent-Length: 9", 9, False, id="a length"),
        pytest.param(
            "200 OK\r\nContent-Length: 9\r\nAccept-Ranges: bytes", 9, True, id="says that it sends parts"
        ),
        pytest.param(
            "200 OK\r\nContent-Length: 9\r\nAccept-Ranges: none", 9, False, id="says that it does not"
        ),
        pytest.param("200 OK\r\nAccept-Ranges: bytes", None, False, id="no length"),
        pytest.param(
            "206 Partial Content\r\nContent-Range: bytes 0-3/1000\r\nContent-Length: 4", 1000, True,
            id="a part",
        ),
        pytest.param(
            "206 Partial Content\r\nContent-Range: bytes 0-3/*\r\nContent-Length: 4", None, False,
            id="a part of nobody knows how much",
        ),
        pytest.param("206 Partial Content\r\nContent-Length: 4", None, False, id="a part of what"),
        pytest.param(
            "200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked", None, False, id="chunks"
        ),
    ],
)  # fmt: skip
def test_what_is_known_of_a_file(
    answers: Answers, head: str, length: int | None, seekable: bool
) -> None:
    file = answers(f"HTTP/1.1 {head}\r\n\r\n".encode()).file()
    assert (file.length, file.seekable()) == (length, seekable)


@settings(max_examples=15)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("read"), st.integers(1, 300), st.just(0)),
            st.tuples(st.just("peek"), st.integers(0, 300), st.just(0)),
            st.tuples(st.just("seek"), st.integers(0, 700), st.just(io.SEEK_SET)),
            st.tuples(st.just("seek"), st.integers(-100, 100), st.just(io.SEEK_CUR)),
            st.tuples(st.just("seek"), st.integers(-700, 50), st.just(io.SEEK_END)),
        ),
        max_size=8,
    )
)
def test_reads_as_a_file_does(steps: list[tuple[str, int, int]]) -> None:
    class Ranges(CannedClient):
        def get(self, *args: object, start: int = 0, **more: object) -> object:  # type: ignore[override]
            self._answers.append(part(start))
            return super().get(*args, start=start, **more)  # type: ignore[arg-type]

    file, like = Ranges([]).file(), io.BytesIO(BODY)
    for what, number, whence in steps:
        if what == "read":
            got = file.read(number)
            assert got == like.read(len(got))
            assert got or like.tell() >= len(BODY)
        elif what == "peek":
            assert file.peek(number) == BODY[like.tell() :][:number]
        else:
            place = max(0, number + (0, like.tell(), len(BODY))[whence])
            assert file.seek(number, whence) == like.seek(place)
        assert file.tell() == like.tell()


def test_a_download_that_breaks_off_is_no_end(answers: Answers) -> None:
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ):
        file = answers(answer).file()
        assert file.read(99) == b"abc"
        with pytest.raises(OSError, match="broke off"):
            file.read(99)
    file = answers(b"HTTP/1.1 200 OK\r\n\r\nabc").file()
    assert (file.read(99), file.read(99)) == (b"abc", b"")


def test_what_comes_counts(answers: Answers) -> None:
    file = answers(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(101), limit_bytes=100).file()
    with pytest.raises(SourceError, match="came without a whole picture"):
        file.read(200)


def test_skipped_bytes_do_not_move_the_place(answers: Answers) -> None:
    client = answers(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
    file = WebFile(client, *client.get(client.home), 70, in_parts=False)
    file.skip(70)
    assert (file.tell(), file.read(2)) == (70, BODY[70:72])


def test_a_closed_file_has_no_answer(answers: Answers) -> None:
    file = answers(b"HTTP/1.1 200 OK\r\n\r\nabc").file()
    assert file.response.status == 200
    file.close()
    file.close()
    with pytest.raises(OSError, match="closed"):
        _ = file.response


Answer = Callable[[str], str]
"""From the lines of a request to the status line and the head of the answer."""


class Server:
    """Answers each connection once; ``asked`` has the requests."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection = self._listening.accept()[0]
            except OSError:
                return  # closed
            with connection:
                head = ""
                while not head.endswith("\r\n\r\n"):
                    head += connection.recv(1).decode()
                self.asked.append(head)
                connection.sendall(f"HTTP/1.1 {self._answer(head)}\r\n\r\nbody".encode())

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []

    def start(answer: Answer) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for one in servers:
        one.close()


def client(url: str, timeout_s: float = 9) -> WebClient:
    return WebClient(read_address(url), None, ReadAllowance(timeout_s, 1 << 20, "cam"))


def field(head: str, name: str) -> str | None:
    lines = (line.partition(": ") for line in head.split("\r\n"))
    return next((value for key, _, value in lines if key.lower() == name), None)


@pytest.mark.parametrize(
    ("options", "asked_for"),
    [
        pytest.param({}, "bytes=0-", id="from the start"),
        pytest.param({"start": 5}, "bytes=5-", id="from a place on"),
        pytest.param({"start": 5, "end": 9}, "bytes=5-8", id="before a place"),
        pytest.param({"whole": True}, None, id="whole"),
    ],
)
def test_ranges(
    serve: Callable[[Answer], Server], options: dict[str, int], asked_for: str | None
) -> None:
    server = serve(lambda _: "200 OK")
    url = f"http://{server.place}"
    found, response = client(url).get(read_address(url), **options)  # type: ignore[arg-type]
    assert (found.url, response.read()) == (url, b"body")
    assert server.asked[0].startswith("GET / HTTP/1.1\r\n")
    assert (field(server.asked[0], "range"), field(server.asked[0], "host")) == (
        asked_for, server.place,
    )  # fmt: skip


def test_redirects_are_followed_relative_to_where_they_are(
    serve: Callable[[Answer], Server],
) -> None:
    ways = {"/a/one": "../b/two?x=1#top", "/b/two?x=1": "three"}
    server = serve(
        lambda head: FOUND.format(ways[head.split()[1]]) if head.split()[1] in ways else "200 OK"
    )
    url = f"http://{server.place}/a/one"
    found, _ = client(url).get(read_address(url), start=5)
    assert found.url == f"http://{server.place}/b/three"
    assert [head.split()[1] for head in server.asked] == ["/a/one", "/b/two?x=1", "/b/three"]
    assert {field(head, "range") for head in server.asked} == {"bytes=5-"}


@pytest.mark.parametrize(
    ("answer", "error", "said", "requests"),
    [
        pytest.param(FOUND.format("/again"), RedirectError, "more than 8 times", 9, id="a circle"),
        pytest.param(FOUND.format("http://[::1/x"), SourceError, "no address", 1, id="no address"),
        pytest.param(FOUND.format("file:///etc/x"), SourceError, "no address", 1, id="a file"),
        pytest.param("302 Found", urllib.error.HTTPError, "302", 1, id="to nowhere"),
        pytest.param("404 Not Found", urllib.error.HTTPError, "404", 1, id="a refusal"),
        pytest.param("nonsense", http.client.BadStatusLine, "nonsense", 1, id="no HTTP"),
    ],
)
def test_failures(
    serve: Callable[[Answer], Server], answer: str, error: type[Exception], said: str, requests: int
) -> None:
    server = serve(lambda _: answer)
    url = f"http://{server.place}/live"
    with pytest.raises(error, match=said):
        client(url).get(read_address(url))
    assert len(server.asked) == requests


def test_basic_logins_are_decoded_and_sent_when_they_are_asked_for(
    serve: Callable[[Answer], Server],
) -> None:
    server = serve(
        lambda head: (
            "200 OK"
            if field(head, "authorization")
            else '401 Unauthorized\r\nWWW-Authenticate: Basic realm="cam"'
        )
    )
    url = f"http://jo%40e:p%3A%C3%A4@{server.place}/live"
    found, _ = client(url).get(read_address(url))
    assert found.url == url
    assert [field(head, "authorization") for head in server.asked] == [
        None, "Basic am9AZTpwOsOk",  # base64 of jo@e:p:ä in UTF-8
    ]  # fmt: skip


def test_a_silent_server_is_not_waited_for(serve: Callable[[Answer], Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/live"
        with pytest.raises(TimeoutError):
            client(url, 0.05).get(read_address(url))

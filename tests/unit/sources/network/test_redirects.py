"""Servers that redirect in a circle: told apart from those that do not, in time, with few requests."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.ports import free_port

from sightline.addresses import read_address
from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.network import redirects
from sightline.sources.network.connection import connect, url_target
from sightline.sources.network.redirects import RedirectError

QUICK = LiveOptions(open_timeout_s=1, stall_timeout_s=1)
FOUND = "302 Found\r\nLocation: {}"

Answer = Callable[[str, int], str]
"""From the first line of a request and its number to what follows RTSP/1.0 or HTTP/1.0."""


class Server:
    """Answers each request of each connection, in threads."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listening.accept()[0]
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                request = ""
                for line in lines:
                    request += line.decode()
                    if line != b"\r\n":
                        continue
                    first = request.partition("\r\n")[0]
                    self.asked.append(request)
                    protocol = first.rpartition(" ")[2]
                    cseq = [x for x in request.split("\r\n") if x.lower().startswith("cseq")]
                    answer = self._answer(first, len(self.asked))
                    head = "\r\n".join([f"{protocol} {answer}", *cseq, "", ""])
                    connection.sendall(head.encode())
                    request = ""
                    if protocol.startswith("HTTP"):
                        return
            except OSError:
                pass  # the client has gone


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []

    def start(answer: Answer) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def itself(first: str, _: int) -> str:
    """The address that was asked for, or for HTTP its path."""
    return FOUND.format(first.split()[1])


def on_describe(first: str, number: int) -> str:
    return itself(first, number) if first.startswith("DESCRIBE") else "200 OK"


def three_times(first: str, number: int) -> str:
    return itself(first, number) if number <= 3 else "404 Not Found"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(itself, True, id="to itself"),
        pytest.param(three_times, False, id="three times"),
        pytest.param(lambda *_: "200 OK", False, id="answered"),
        pytest.param(lambda *_: "401 Unauthorized", False, id="with a login only"),
        pytest.param(lambda *_: "302 Found", False, id="to nowhere"),
        pytest.param(lambda *_: FOUND.format("file:///etc/passwd"), False, id="to a file"),
        pytest.param(lambda *_: FOUND.format("http://[::1/x"), False, id="to a broken address"),
        pytest.param(lambda *_: "nonsense", False, id="nonsense"),
    ],
)
def test_told_apart(
    serve: Callable[[Answer], Server], scheme: str, answer: Answer, expected: bool
) -> None:
    server = serve(answer)
    assert (
        redirects.endless(read_address(f"{scheme}://joe:geheim@{server.host}/live?x=1")) is expected
    )
    assert 1 <= len(server.asked) <= redirects.MOST + 1
    assert "geheim" not in "".join(server.asked)


def test_redirected_when_it_describes_itself(serve: Callable[[Answer], Server]) -> None:
    server = serve(on_describe)
    assert redirects.endless(read_address(f"rtsp://{server.host}/live"))
    assert len(server.asked) == 2 * (redirects.MOST + 1)


def test_two_that_send_everybody_to_the_other(serve: Callable[[Answer], Server]) -> None:
    hosts: list[str] = []
    one = serve(lambda *_: FOUND.format(f"rtsp://{hosts[1]}/b"))
    two = serve(lambda *_: FOUND.format(f"rtsp://{hosts[0]}/a"))
    hosts += [one.host, two.host]
    assert redirects.endless(read_address(f"rtsp://{one.host}/a"))
    assert len(one.asked) + len(two.asked) == redirects.MOST + 1


@pytest.mark.parametrize(
    "text", [pytest.param(b"", id="silent"), pytest.param(b"RTSP/1.0 302 F", id="drips")]
)
def test_who_does_not_answer_is_not_waited_for(text: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        with connection:
            try:
                for index in range(len(text)):
                    connection.sendall(text[index : index + 1])
                    time.sleep(0.05)
                while connection.recv(4096):
                    pass
            except OSError:
                pass  # the client has gone

    with socket.create_server(("127.0.0.1", 0)) as server:
        accepting = threading.Thread(target=lambda: drip(server.accept()[0]), daemon=True)
        accepting.start()
        started = time.monotonic()
        assert not redirects.endless(
            read_address(f"rtsp://127.0.0.1:{server.getsockname()[1]}/live")
        )
        assert time.monotonic() - started < 2


def test_who_is_not_there_is_not_in_a_circle() -> None:
    assert not redirects.endless(read_address(f"rtsp://127.0.0.1:{free_port()}/live"))
    assert not redirects.endless(read_address("rtsps://127.0.0.1/live"))


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_the_error_names_it(serve: Callable[[Answer], Server], scheme: str) -> None:
    target = url_target(f"{scheme}://joe:geheim@{serve(itself).host}/live", QUICK)
    with pytest.raises(RedirectError, match=r"joe:\*\*\*@.*redirects more than 8 times") as caught:
        connect(target, QUICK)
    assert "geheim" not in str(caught.value)


def test_who_is_wary_does_not_run_in_a_circle(serve: Callable[[Answer], Server]) -> None:
    server = serve(itself)
    target = url_target(f"rtsp://{server.host}/live", QUICK)
    with pytest.raises(RedirectError):
        connect(target, QUICK, None, True)
    assert len(server.asked) == redirects.MOST + 1


def test_who_is_wary_goes_on_where_there_is_none(serve: Callable[[Answer], Server]) -> None:
    target = url_target(f"rtsp://{serve(lambda *_: '404 Not Found').host}/live", QUICK)
    with pytest.raises(SourceError, match="nothing at this address"):
        connect(target, QUICK, None, True)

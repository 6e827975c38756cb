"""The relay before an RTSP server: which answers reach FFmpeg, over real sockets."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.waiting import wait_for

from sightline.addresses import Address, read_address
from sightline.errors import SourceError
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.rtsp_relay import RtspRelay

ADDRESS = read_address("rtsp://joe:geheim@camera/live?x=1")
HEAD = "RTSP/1.0 200 OK\r\nCSeq: 1\r\n"
OK = HEAD.encode() + b"\r\n"
BODY = OK[:-2] + b"Content-Length: 4\r\n\r\nv=0\n"
PACKET = b"$\0\0\x03abc"


class Relayed:
    """A relay between a camera and a client that the test plays both."""

    def __init__(self, limit_bytes: int = 1 << 20, address: Address = ADDRESS) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = socket.create_connection(listening.getsockname())
            self.camera = listening.accept()[0]
        self.allowance = ReadAllowance(9, limit_bytes, "cam")
        self.relay = RtspRelay(server, address, self.allowance)
        opened = read_address(self.relay.url)
        assert (opened.login, opened.target) == (address.login, address.target)
        self.client = socket.create_connection((opened.host, opened.port or 0))
        for one in (self.camera, self.client):
            one.settimeout(10)

    def received(self, sent: bytes) -> bytes:
        """What the client has, of an answer after which the camera ends the connection."""
        self.camera.sendall(sent)
        self.camera.shutdown(socket.SHUT_WR)
        got = b""
        with contextlib.suppress(ConnectionResetError):  # refused with bytes unread
            while piece := self.client.recv(4096):
                got += piece
        return got

    def close(self) -> None:
        self.camera.close()
        self.client.close()


@pytest.fixture
def relayed() -> Iterator[Callable[..., Relayed]]:
    made: list[Relayed] = []

    def make(*args: int) -> Relayed:
        made.append(Relayed(*args))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK, id="a head"),
        pytest.param(BODY, id="a head and a body"),
        pytest.param(OK + BODY + OK, id="three answers"),
        pytest.param(b"\r\n" + OK, id="a blank line before it"),
        pytest.param(b"RTSP/1.0 401 Unauthorized\r\n\r\n", id="a refusal"),
        pytest.param(b"RTSP/1.0 200\r\n\r\n", id="without a word"),
        pytest.param(b"RTSP/1.0 200 OK\nCSeq: 1\n\n", id="bare line feeds"),
        pytest.param(PACKET + OK + PACKET, id="packets between answers"),
        pytest.param(b"SET_PARAMETER rtsp://a/b RTSP/1.0\r\nCSeq: 7\r\n\r\n", id="a request"),
        pytest.param(
            OK[:-2] + b"Transport: RTP/AVP/TCP;unicast;source=127.0.0.1\r\n\r\n", id="its own host"
        ),
        pytest.param(OK[:-2] + b"Transport: RTP/AVP/TCP;source=\r\n\r\n", id="no source"),
    ],
)
def test_handed_on(relayed: Callable[..., Relayed], answer: bytes) -> None:
    one = relayed()
    assert one.received(answer) == answer
    assert one.relay.refusal is None
    assert one.relay.redirect is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", "is no RTSP", id="another protocol"),
        pytest.param(b"RTSP/1.0 2000 OK\r\n\r\n", "is no RTSP", id="no status"),
        pytest.param(b"RTSP/1.0 200 OK\r\n\0\r\n\r\n", "no text", id="a zero byte"),
        pytest.param(b"RTSP/1.0 200 OK\r\nA: b\rC: d\r\n\r\n", "no text", id="a bare return"),
        pytest.param(b"RTSP/1.0 200 OK\r\n$: b\r\n\r\n", "no text", id="a line like a packet"),
        pytest.param(
            OK[:-2] + b"Content-Length: -1\r\n\r\n", "length that is no number", id="below 0"
        ),
        pytest.param(
            OK[:-2] + b"Content-Length: 0x10\r\n\r\n", "length that is no number", id="hexadecimal"
        ),
        pytest.param(
            OK[:-2] + "Content-Length: 1²\r\n\r\n".encode("latin-1"),
            "length that is no number", id="a superscript",
        ),
        pytest.param(
            OK[:-2] + b"Content-Length: 1048577\r\n\r\n", "answer of 1048577 bytes", id="too long"
        ),
        pytest.param(b"X" * (1 << 17), "whose head does not end", id="no end of line"),
        pytest.param(
            OK[:-2] + b"Transport: RTP/AVP;unicast;source=10.0.0.1\r\n\r\n",
            "from another host", id="another sender",
        ),
        pytest.param(
            OK[:-2] + b"TRANSPORT:RTP/AVP; Source = 10.0.0.1\r\n\r\n",
            "from another host", id="however it is written",
        ),
    ],
)  # fmt: skip
def test_refused(relayed: Callable[..., Relayed], answer: bytes, said: str) -> None:
    one = relayed()
    assert one.received(answer) == b""
    assert one.relay.refusal is not None
    assert said in one.relay.refusal
    assert "check the camera" in one.relay.refusal


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        pytest.param("rtsp://other/live", "rtsp://other/live", id="another host"),
        pytest.param("rtsp://other:8554/live#x", "rtsp://other:8554/live", id="a fragment"),
        pytest.param("/low", "rtsp://camera/low", id="a path"),
        pytest.param("low?y=2", "rtsp://camera/low?y=2", id="a relative path"),
        pytest.param("rtsps://other/live", "rtsps://other/live", id="another scheme"),
    ],
)
def test_redirects_end_it(relayed: Callable[..., Relayed], location: str, expected: str) -> None:
    one = relayed()
    answer = f"RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: {location}\r\n\r\n"
    assert one.received(answer.encode()) == b""
    assert one.relay.redirect == location
    assert one.relay.redirected().url == expected
    assert one.relay.refusal is None


@pytest.mark.parametrize("location", ["ftp://other/live", "rtsp://[::1/x", "rtsp://:99/x"])
def test_redirects_to_what_is_no_address(relayed: Callable[..., Relayed], location: str) -> None:
    one = relayed()
    one.received(f"RTSP/1.0 301 Moved\r\nLocation: {location}\r\n\r\n".encode())
    with pytest.raises(ValueError, match=r"."):
        one.relay.redirected()


def test_requests_reach_the_camera_and_its_end_ends_both(
    relayed: Callable[..., Relayed],
) -> None:
    one = relayed()
    one.client.sendall(b"OPTIONS rtsp://camera/live RTSP/1.0\r\n\r\n")
    assert one.camera.recv(4096) == b"OPTIONS rtsp://camera/live RTSP/1.0\r\n\r\n"
    one.client.close()
    assert one.camera.recv(4096) == b""


def test_once_it_plays_bytes_are_counted_not_read(relayed: Callable[..., Relayed]) -> None:
    one = relayed(1000)
    one.camera.sendall(OK[:9])  # kept: not whole
    one.client.sendall(b"PLAY rtsp://camera/live RTSP/1.0\r\n\r\n")
    assert one.camera.recv(4096)
    one.camera.sendall(OK[9:] + b"$\0")
    got = b""
    while len(got) < len(OK) + 2:
        got += one.client.recv(4096)
    assert got == OK + b"$\0"
    assert one.received(b"HTTP/1.1 is no matter" + b"x" * 1000) == b""  # above the limit
    wait_for(lambda: one.allowance._refusal)
    with pytest.raises(SourceError, match="cam: "):
        one.allowance.check()


STREAM = OK + PACKET + BODY + b"\r\n" + OK + b"$\0\0\0" + PACKET


@settings(max_examples=20)
@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
def test_however_it_is_cut_the_same_is_handed_on(cuts: list[int]) -> None:
    relay = RtspRelay.__new__(RtspRelay)  # what it has read, without its connections
    vars(relay).update(
        vars(SimpleNamespace(redirect=None, refusal=None, _kept=bytearray(), _body=0, _plays=False))
    )
    got = b"".join(
        relay._checked(STREAM[start:end])
        for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)
    )
    assert got == STREAM

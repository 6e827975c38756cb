"""Servers that send byte by byte, for ever: each read is in time, and the whole never ends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.waiting import wait_for

from sightline.config import AlertOptions, MailOptions
from sightline.monitoring.alerts import Alert
from sightline.monitoring.mail import Mailer
from sightline.monitoring.webhook import Webhook

LIMIT_S = 0.5
OPS = ("ops@example.org",)
ALERT = Alert("slow", "firing", "latency_p99_ms", "stream", "gate", 812.0, "above 500", 1.8e9, 30.0)
Script = list[tuple[bytes, bytes]]
"""What is answered to lines that begin so, "" at the beginning; ``DRIP`` is bytes without an end."""
DRIP = b"DRIP"


class SlowServer:
    """Answers the first connection as one script says, and all later ones as another."""

    def __init__(self, first: Script, later: Script) -> None:
        self._first, self._later = first, later
        self.heard: list[bytes] = []
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.ended.set()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with contextlib.suppress(OSError), connection:
                    self._talk(connection, self._first)
                self._first = self._later

    def _talk(self, connection: socket.socket, script: Script) -> None:
        with connection.makefile("rb") as lines:
            self._answer(connection, b"", script)
            for line in lines:
                self.heard.append(line.strip())
                self._answer(connection, line, script)

    def _answer(self, connection: socket.socket, line: bytes, script: Script) -> None:
        for begin, answer in script:
            if line.startswith(begin) and bool(line) == bool(begin):
                if answer == DRIP:
                    while not self.ended.wait(0.02):
                        connection.sendall(b"2")
                connection.sendall(answer)
                return


@pytest.fixture
def serve() -> Iterator[Callable[[Script, Script], SlowServer]]:
    made: list[SlowServer] = []

    def start(first: Script, later: Script) -> SlowServer:
        made.append(SlowServer(first, later))
        return made[-1]

    yield start
    for server in made:
        server.close()


POLITE: Script = [
    (b"", b"220 hello\r\n"), (b"ehlo", b"250 me\r\n"), (b"mail", b"250 OK\r\n"), (b"rcpt", b"250 OK\r\n"),
    (b"data", b"354 go\r\n"), (b".\r", b"250 taken\r\n"), (b"quit", b"221 bye\r\n"),
]  # fmt: skip


@pytest.mark.parametrize("slow", [b"", b"ehlo", b"mail", b".\r", b"quit"])
def test_a_mail_server_that_drips_holds_up_one_message_for_a_while_only(
    serve: Callable[[Script, Script], SlowServer], slow: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    dripping = [(begin, DRIP if begin == slow else answer) for begin, answer in POLITE]
    server = serve(dripping, POLITE)
    options = MailOptions(
        host="127.0.0.1", port=server.port, security="none", sender="me@example.org"
    )
    sends = Mailer(options, timeout_s=20, limit_s=LIMIT_S, attempts=3, backoff_s=0.01)
    began = time.monotonic()
    sends(AlertOptions(name="slow", metric="latency_p99_ms", above=500, email=OPS), ALERT)
    if slow == b"quit":  # it was taken
        wait_for(lambda: b"." in server.heard)
    else:
        told = f"127.0.0.1:{server.port} takes more than 0.5 s for one message; trying again"
        wait_for(lambda: told in caplog.text)
        assert time.monotonic() - began >= LIMIT_S
        wait_for(lambda: server.heard[-2:] == [b".", b"quit"])
    sends.close(10)


def test_a_receiver_that_drips_holds_up_one_post_for_a_while_only(
    serve: Callable[[Script, Script], SlowServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve([(b"POST", DRIP)], [(b"POST", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
    posts = Webhook(timeout_s=20, limit_s=LIMIT_S, attempts=2, backoff_s=0.01)
    rule = AlertOptions.model_validate(
        {"name": "slow", "metric": "latency_p99_ms", "above": 500,
         "webhook": f"http://127.0.0.1:{server.port}/secret"}
    )  # fmt: skip
    posts(rule, ALERT)
    wait_for(lambda: "it takes more than 0.5 s to answer; trying again" in caplog.text)
    wait_for(lambda: sum(line.startswith(b"POST") for line in server.heard) == 2)
    posts.close(10)
    assert "given up" not in caplog.text
    assert "secret" not in caplog.text

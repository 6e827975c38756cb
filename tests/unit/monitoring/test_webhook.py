"""Alerts as posts to a real server that fails first."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.ports import free_port
from tests.waiting import wait_for

from sightline.config import AlertOptions
from sightline.monitoring.alerts import Alert
from sightline.monitoring.webhook import Webhook

DEADLINE_S = 15.0
SECRET = "T00/B00/hunter2"


class Receiver:
    """Answers posts with the codes it is given, then 200; None closes without an answer."""

    def __init__(self) -> None:
        self.codes: list[int | None] = []
        self.gate = threading.Event()
        self.gate.set()
        self.posts: list[dict[str, object]] = []
        self.paths: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.gate.wait(DEADLINE_S)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Content-Type"] == "application/json"
                receiver.paths.append(self.path)
                receiver.posts.append(json.loads(body))
                code = receiver.codes.pop(0) if receiver.codes else 200
                if code is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def do_GET(self) -> None:
                receiver.paths.append(f"GET {self.path}")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"

    def close(self) -> None:
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook(timeout_s=5, attempts=4, backoff_s=0.01, capacity=3)
    yield webhook
    webhook.close()


def rule(url: str | None) -> AlertOptions:
    return AlertOptions.model_validate(
        {"name": "slow", "metric": "latency_p99_ms", "above": 1, "webhook": url}
    )


def alert(number: int = 0) -> Alert:
    return Alert("slow", "firing", "latency_p99_ms", "model", "m", number, "above 1", 1.0, 2.0)


def test_an_alert_arrives_as_it_is(receiver: Receiver, webhook: Webhook) -> None:
    webhook(rule(receiver.url), alert(7))
    wait_for(lambda: bool(receiver.posts))
    assert receiver.posts == [alert(7).to_dict()]
    assert receiver.paths == [f"/{SECRET}"]


def test_without_an_address_nothing_happens(webhook: Webhook) -> None:
    webhook(rule(None), alert())
    assert not webhook._delivery._waiting


@pytest.mark.parametrize(
    ("codes", "posts", "told"),
    [
        pytest.param([500, 503, 429], 4, "it answered 429; trying again", id="fails first"),
        pytest.param([None, None], 3, "cannot be reached", id="closes without an answer"),
        pytest.param([500] * 4, 4, "given up after 4: it answered 500", id="fails for good"),
        pytest.param([404], 1, "given up after 1: it answered 404", id="not worth another try"),
        pytest.param([302], 1, "given up after 1: it answered 302", id="no redirects"),
        pytest.param([], 1, "", id="well at once"),
    ],
)
def test_what_fails_is_tried_again(
    receiver: Receiver, webhook: Webhook, caplog: pytest.LogCaptureFixture,
    codes: list[int | None], posts: int, told: str,
) -> None:  # fmt: skip
    receiver.codes = list(codes)
    webhook(rule(receiver.url), alert(1))
    webhook(rule(receiver.url), alert(2))
    wait_for(lambda: bool(receiver.posts) and receiver.posts[-1]["value"] == 2)
    assert [post["value"] for post in receiver.posts] == [1] * posts + [2]
    assert told in caplog.text
    assert set(receiver.paths) == {f"/{SECRET}"}
    assert "hunter2" not in caplog.text


def test_nobody_there(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    webhook(rule(f"http://127.0.0.1:{free_port()}/{SECRET}"), alert())
    wait_for(lambda: "given up after 4: cannot be reached: ConnectionRefusedError" in caplog.text)
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "url", ["http://host:notaport/hunter2", "http://[hunter2/x", "http://h/hunter2 x\n"]
)
def test_an_address_that_is_none(
    webhook: Webhook, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    options = rule(None).model_copy(
        update={"webhook": type("Secret", (), {"get_secret_value": lambda _: url})()}
    )
    webhook(options, alert())
    wait_for(lambda: "given up" in caplog.text)
    assert "hunter2" not in caplog.text


def test_the_line_is_bounded_and_the_newest_are_kept(
    receiver: Receiver, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.gate.clear()
    webhook(rule(receiver.url), alert(0))
    wait_for(lambda: not webhook._delivery._waiting)
    for number in range(1, 9):
        webhook(rule(receiver.url), alert(number))
    receiver.gate.set()
    wait_for(lambda: len(receiver.posts) == 4)
    assert [post["value"] for post in receiver.posts] == [0, 6, 7, 8]
    assert caplog.text.count("too many wait") == 5


def test_close_delivers_what_waits(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    webhook = Webhook(backoff_s=1000)
    receiver.codes = [500]
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            webhook(rule(receiver.url), alert(number))
        wait_for(lambda: "trying again" in caplog.text)
    webhook.close(DEADLINE_S)
    assert [post["value"] for post in receiver.posts] == [0, 0, 1, 2]
    assert not webhook._delivery._thread.is_alive()


def test_close_waits_no_longer_than_it_may(receiver: Receiver) -> None:
    receiver.gate.clear()
    webhook = Webhook(timeout_s=60)
    webhook(rule(receiver.url), alert())
    wait_for(lambda: not webhook._delivery._waiting)
    began = time.monotonic()
    webhook.close(0.1)
    assert time.monotonic() - began < DEADLINE_S
    receiver.gate.set()
    webhook._delivery._thread.join(DEADLINE_S)
    assert not webhook._delivery._thread.is_alive()

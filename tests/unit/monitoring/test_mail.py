"""Alerts as e-mail, through a real SMTP server with TLS."""

from __future__ import annotations

import logging
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import wait_for

from sightline.config import AlertOptions, MailOptions
from sightline.monitoring.alerts import Alert
from sightline.monitoring.mail import Mailer

controller = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
smtp = pytest.importorskip("aiosmtpd.smtp")

PASSWORD = "hunter2-of-mail"
RULE = AlertOptions(name="slow", metric="latency_p99_ms", above=500, email=("ops@example.org",))
ALERT = Alert("slow", "firing", "latency_p99_ms", "stream", "gate", 812.0, "above 500", 1.8e9, 30.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem",
        ],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem"


class Inbox:
    """What the server was given; ``codes`` are answered first."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.recipients: list[list[str]] = []
        self.codes: list[str] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.encrypted: list[bool] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _server: Any, session: Any, envelope: Any
    ) -> str:
        if self.codes:
            return self.codes.pop(0)
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        self.recipients.append(envelope.rcpt_tos)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def authenticate(self, *arguments: Any) -> Any:
        login = arguments[-1]
        self.logins.append((login.login, login.password))
        return smtp.AuthResult(success=login.password == PASSWORD.encode(), handled=False)


Serve = Callable[..., tuple[Inbox, int]]


@pytest.fixture
def serve(certificate: Path) -> Iterator[Serve]:
    running = []

    def begin(implicit: bool = False, starttls: bool = True) -> tuple[Inbox, int]:
        inbox = Inbox()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        options: dict[str, Any] = {"authenticator": inbox.authenticate}
        if implicit:
            options |= {"ssl_context": context, "auth_require_tls": False}
        elif starttls:
            options |= {"tls_context": context, "require_starttls": True}
        else:
            options |= {"auth_require_tls": False}
        one = controller.Controller(inbox, hostname="localhost", port=port, **options)
        one.start()
        running.append(one)
        return inbox, port

    yield begin
    for one in running:
        one.stop()


def mailer(port: int, ca_file: Path | None, **options: Any) -> Mailer:
    wanted = {"sender": "sightline@example.org", "security": "starttls", **options}
    mail = MailOptions(host="localhost", port=port, ca_file=ca_file, **wanted)
    return Mailer(mail, timeout_s=20, attempts=3, backoff_s=0.01)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_alert_arrives_encrypted_and_after_a_login(
    serve: Serve, certificate: Path, security: str
) -> None:
    inbox, port = serve(implicit=security == "tls")
    sends = mailer(port, certificate, security=security, user="sightline", password=PASSWORD)
    sends(RULE, ALERT)
    sends.close(30)
    (message,) = inbox.messages
    assert (
        message["Subject"]
        == "[Sightline] alert: slow: latency_p99_ms of stream gate is 812, above 500 for 30 s"
    )
    assert (message["From"], message["To"]) == ("sightline@example.org", "ops@example.org")
    text = str(message.get_payload()).replace("\r\n", "\n")
    assert "subject: gate\nvalue: 812\n" in text
    assert "since: 2027-01-15T08:00:00.000Z\nseconds: 30\n" in text
    assert inbox.recipients == [["ops@example.org"]]
    assert inbox.logins == [(b"sightline", PASSWORD.encode())]
    # aiosmtpd tells only of STARTTLS; a server of the other kind speaks nothing but TLS.
    assert inbox.encrypted == [security == "starttls"]


def test_a_certificate_that_nobody_vouches_for_gets_nothing(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    inbox, port = serve()
    sends = mailer(port, None, user="sightline", password=PASSWORD)
    sends(RULE, ALERT)
    sends.close(30)
    assert "has a certificate that is not trusted" in caplog.text
    assert "given up after 1" in caplog.text
    assert "give mail.ca_file" in caplog.text
    assert not inbox.logins
    assert not inbox.messages


def test_a_server_without_tls_gets_no_password(
    serve: Serve, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inbox, port = serve(starttls=False)
    sends = mailer(port, certificate, user="sightline", password=PASSWORD)
    sends(RULE, ALERT)
    sends.close(30)
    assert "offers no STARTTLS: take `security: tls`" in caplog.text
    assert not inbox.logins


def test_a_wrong_password_is_told_and_stands_in_no_log(
    serve: Serve, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, port = serve()
    sends = mailer(port, certificate, user="sightline", password="wrong-and-secret")
    sends(RULE, ALERT)
    sends.close(30)
    assert "given up after 1: localhost:" in caplog.text
    assert "refuses user and password (535)" in caplog.text
    assert "wrong-and-secret" not in caplog.text


def test_what_is_busy_is_tried_again_and_what_is_refused_is_not(
    serve: Serve, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inbox, port = serve()
    inbox.codes = ["451 busy"]
    sends = mailer(port, certificate)
    with caplog.at_level(logging.WARNING):
        sends(RULE, ALERT)
        wait_for(lambda: inbox.messages)
        inbox.codes = ["554 no"]
        sends(RULE, ALERT)
        sends.close(30)
    assert "refuses it (451 busy); trying again" in caplog.text
    assert "refuses it (554 no): does it want mail.user" in caplog.text
    assert len(inbox.messages) == 1


def test_rules_without_addresses_send_nothing_and_nobody_is_there() -> None:
    Mailer(None)(RULE, ALERT)
    sends = mailer(1, None, security="none")
    sends(RULE.model_copy(update={"email": ()}), ALERT)
    sends.close(5)

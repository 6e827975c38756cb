"""Mail servers that misbehave, or are not what the configuration takes them for."""

from __future__ import annotations

import contextlib
import logging
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from email import message_from_string
from email.policy import default
from pathlib import Path

import pytest
from tests.waiting import wait_for

from sightline.config import AlertOptions, MailOptions
from sightline.errors import ConfigError
from sightline.monitoring.alerts import Alert
from sightline.monitoring.mail import Mailer, trusted
from sightline.monitoring.mail_problems import problem_of

OPS, BOSS = "ops@example.org", "boss@example.org"
RULE = AlertOptions(name="slow", metric="latency_p99_ms", above=500, email=(OPS, BOSS))


def alert(subject: str = "gate", name: str = "slow", kind: str = "stream") -> Alert:
    return Alert(name, "firing", "latency_p99_ms", kind, subject, 812.0, "above 500", 1.8e9, 30.0)


class ScriptedServer:
    """Speaks SMTP without encryption. ``answers`` says what it answers to a command instead: a list is used up."""

    def __init__(self, answers: Mapping[str, str | list[str]]) -> None:
        self.answers = {key: [v] * 1000 if isinstance(v, str) else v for key, v in answers.items()}
        self.messages: list[str] = []
        self.recipients: list[list[str]] = []
        self.go = threading.Event()
        self.go.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # Whoever speaks TLS instead, or goes away, is not answered.
            with (
                contextlib.suppress(OSError, ValueError),
                connection,
                connection.makefile("rwb") as file,
            ):
                self._talk(file)

    def _talk(self, file: object) -> None:
        def say(text: str) -> None:
            file.write(text.encode() + b"\r\n")  # type: ignore[attr-defined]
            file.flush()  # type: ignore[attr-defined]

        say(self._answer("greeting", "220 hello"))
        to: list[str] = []
        for line in file:  # type: ignore[attr-defined]
            text = line.decode().strip()
            verb = text.split(":")[0].split(" ")[0].lower()
            key = f"rcpt {text[9:-1]}" if verb == "rcpt" else verb
            answer = self._answer(
                key,
                {"ehlo": "250-me\r\n250 AUTH PLAIN", "data": "354 go", "quit": "221 bye"}.get(
                    verb, "250 OK"
                ),
            )
            if answer == "drop":
                return
            if verb == "rcpt" and answer.startswith("250"):
                to.append(text[9:-1])
            say(answer)
            if answer.startswith("354"):
                lines = []
                while (body := file.readline().decode()) not in {".\r\n", ""}:  # type: ignore[attr-defined]
                    lines.append(body)
                self.go.wait(20)
                self.messages.append("".join(lines))
                self.recipients.append(to)
                to = []
                say(self._answer("end", "250 taken"))
            if verb == "quit":
                return

    def _answer(self, key: str, usual: str) -> str:
        left = self.answers.get(key)
        return left.pop(0) if left else usual


Serve = Callable[..., ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[ScriptedServer] = []

    def begin(**answers: str | list[str]) -> ScriptedServer:
        running.append(ScriptedServer({key.replace("_", " ", 1): v for key, v in answers.items()}))
        return running[-1]

    yield begin
    for one in running:
        one.close()


def mailer(port: int, timeout_s: float = 20, attempts: int = 3, **options: object) -> Mailer:
    wanted = {"host": "127.0.0.1", "sender": "sightline@example.org", "security": "none", **options}
    mail = MailOptions.model_validate({"port": port, **wanted})
    return Mailer(mail, timeout_s=timeout_s, attempts=attempts, backoff_s=0.01)


@pytest.mark.parametrize("farewell", ["250 what?", "421 too late", "drop"])
def test_a_mail_that_was_taken_is_not_sent_again(serve: Serve, farewell: str) -> None:
    server = serve(quit=farewell)
    sends = mailer(server.port)
    sends(RULE, alert())
    sends.close(30)
    assert len(server.messages) == 1


def test_who_was_put_off_gets_it_later_and_nobody_twice(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(**{f"rcpt_{BOSS}": ["450 4.2.0 greylisted"]})
    sends = mailer(server.port)
    sends(RULE, alert())
    wait_for(lambda: len(server.messages) == 2)
    sends.close(30)
    assert server.recipients == [[OPS], [BOSS]]
    assert (
        f"{BOSS}: 127.0.0.1:{server.port} refuses it (450 4.2.0 greylisted); trying again"
        in caplog.text
    )
    first, second = (message_from_string(text) for text in server.messages)
    assert first["Message-ID"] == second["Message-ID"]


def test_a_recipient_that_does_not_exist_is_named_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(**{f"rcpt_{BOSS}": "550 no such user"})
    sends = mailer(server.port)
    sends(RULE, alert())
    sends.close(30)
    assert server.recipients == [[OPS]]
    assert f"given up after 1: {BOSS}: 127.0.0.1:" in caplog.text
    assert OPS not in caplog.text


def test_a_flood_is_one_mail_after_another_and_none_is_lost(serve: Serve) -> None:
    server = serve()
    server.go.clear()
    sends = mailer(server.port)
    sends(RULE, alert("0"))
    wait_for(lambda: not sends._delivery._waiting)  # type: ignore[union-attr]
    for number in range(1, 1000):
        sends(RULE, alert(str(number), name=f"rule-{number % 40}"))
    others = RULE.model_copy(update={"email": (BOSS,)})
    sends(others, alert("other"))
    server.go.set()
    wait_for(lambda: len(server.messages) == 3)
    sends.close(30)
    one, many, other = (message_from_string(text, policy=default) for text in server.messages)
    assert one["Subject"].startswith("[Sightline] alert: slow")
    assert many["Subject"].startswith("[Sightline] 999 alerts: rule-1, rule-2")
    text = many.get_content()
    assert text.count("subject: ") == 200
    assert "799 more are in the log." in text
    assert other["To"] == BOSS


def test_names_cannot_add_headers_or_recipients(serve: Serve) -> None:
    server = serve()
    sends = mailer(server.port)
    for name in (
        "/mnt\nBcc: evil@example.org",
        "x\r\n.\r\nRCPT TO:<evil@example.org>",
        "\u2028\x85\udcff\x00",
        "ü" * 3000,
    ):
        sends(RULE, alert(name, kind="machine"))
        wait_for(lambda: not sends._delivery._waiting)  # type: ignore[union-attr]
    sends.close(30)
    assert server.messages
    for text, to in zip(server.messages, server.recipients, strict=True):
        message = message_from_string(text, policy=default)
        assert message["To"] == f"{OPS}, {BOSS}"
        assert message["Bcc"] is None
        assert to == [OPS, BOSS]
        assert max(map(len, text.splitlines())) < 999


@pytest.mark.parametrize(
    ("answers", "options", "said", "tries"),
    [
        ({"greeting": "554 no service"}, {}, "refuses it (554 no service): does it want mail.user", 1),
        ({"greeting": "421 busy"}, {}, "refuses it (421 busy)", 3),
        ({"ehlo": "drop"}, {}, "ended the connection", 3),
        ({"mail": "530 5.7.1 Client was not authenticated"}, {}, "refuses it (530 5.7.1 Client was not authenticated): does it want mail.user and", 1),
        ({"ehlo": "250 nothing"}, {"security": "starttls"}, "offers no STARTTLS: take `security: tls`", 1),
        ({f"rcpt_{OPS}": "550 no", f"rcpt_{BOSS}": "450 later"}, {}, "refuses all recipients (450 later)", 3),
        ({"end": "552 the message is too large"}, {}, "refuses it (552 the message is too large)", 1),
    ],
)  # fmt: skip
def test_what_a_server_says_is_told(
    serve: Serve,
    answers: dict[str, str],
    options: dict[str, str],
    said: str,
    tries: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve(**answers)
    sends = mailer(server.port, **options)
    sends(RULE, alert())
    wait_for(lambda: "given up" in caplog.text)
    sends.close(30)
    assert f"given up after {tries}: 127.0.0.1:{server.port} {said}" in caplog.text


def test_a_server_that_says_nothing_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sends = mailer(silent.getsockname()[1], timeout_s=0.1, attempts=2)
        sends(RULE, alert())
        wait_for(lambda: "given up after 2" in caplog.text)
        sends.close(30)
    assert "does not answer" in caplog.text or "ended the connection" in caplog.text


def test_a_server_that_is_not_there_is_named_with_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sends = mailer(port, attempts=1)
    sends(RULE, alert())
    wait_for(lambda: "given up" in caplog.text)
    sends.close(30)
    assert (
        f"127.0.0.1:{port} cannot be reached: Connection refused: check mail.host and mail.port"
        in caplog.text
    )


def test_a_server_without_tls_that_is_taken_for_one(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve()
    sends = mailer(server.port, security="tls")
    sends(RULE, alert())
    wait_for(lambda: "given up" in caplog.text)
    sends.close(30)
    assert "given up after 1" in caplog.text
    assert "take `security: starttls` and its port" in caplog.text


def test_an_alert_is_put_without_asking_for_the_name_of_this_computer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object) -> str:
        raise AssertionError("a name server was asked")

    server = serve()
    sends = mailer(server.port)
    monkeypatch.setattr(socket, "getfqdn", slow)
    with pytest.MonkeyPatch.context() as quiet:
        quiet.setattr(logging.getLogger("sightline"), "disabled", True)
        sends(RULE, alert())
    wait_for(lambda: server.messages)
    sends.close(30)
    assert "@example.org>" in message_from_string(server.messages[0])["Message-ID"]


def test_what_holds_no_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("hello")
    for name, said in (("empty.pem", "holds no certificates"), ("none.pem", "No such file")):
        options = MailOptions(host="a.example", sender=OPS, ca_file=tmp_path / name)
        with pytest.raises(ConfigError, match=said):
            trusted(options)


@pytest.mark.parametrize(
    "host", ["smtp://a.example", "a.example:587", "a example", "", "a\nb", "-a"]
)
def test_what_is_no_server(host: str) -> None:
    with pytest.raises(ValueError, match=r"a server is written smtp\.example\.org"):
        MailOptions(host=host, sender=OPS)


@pytest.mark.parametrize(
    "host", ["localhost", "smtp.example.org.", "10.0.0.1", "::1", "mail_relay"]
)
def test_what_is_a_server(host: str) -> None:
    assert MailOptions(host=host, sender=OPS).host == host


@pytest.mark.parametrize(
    ("failure", "said", "again"),
    [
        (smtplib.SMTPException("No suitable authentication method found."), "offers no login with a password", False),
        (smtplib.SMTPNotSupportedError("SMTP AUTH extension not supported by server."), "takes no login: leave out mail.user", False),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 it was open-sesame"), "refuses user and password (535)", False),
        (smtplib.SMTPAuthenticationError(454, b"later"), "refuses user and password (454)", True),
        (smtplib.SMTPSenderRefused(550, b"you said open-sesame", "s"), "refuses it (550)", False),
        (TimeoutError(), "does not answer: at port 465 servers want `security: tls`", True),
        (smtplib.SMTPServerDisconnected("x"), "ended the connection: at port 465 servers want `security: tls`", True),
    ],
)  # fmt: skip
def test_what_a_failure_means(
    failure: OSError | smtplib.SMTPException, said: str, again: bool
) -> None:
    options = MailOptions.model_validate(
        {
            "host": "smtp.example.org",
            "port": 465,
            "sender": OPS,
            "user": "u",
            "password": "open-sesame",
        }
    )
    found = problem_of(failure, options)
    assert found.words.startswith(f"smtp.example.org:465 {said}")
    assert found.again is again
    assert "sesame" not in found.words

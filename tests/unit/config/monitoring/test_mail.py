"""The server that alerts are mailed through."""

from __future__ import annotations

import pytest
from tests.unit.config.refused import refusal

from sightline.config import MailOptions
from sightline.config.options import checked

SENDER = {"sender": "street@example.org"}


@pytest.mark.parametrize(
    ("values", "port"),
    [
        ({}, 587),
        ({"security": "tls"}, 465),
        ({"security": "none"}, 25),
        ({"security": "tls", "port": 2465}, 2465),
    ],
)
def test_the_port_follows_from_the_encryption(values: dict[str, object], port: int) -> None:
    assert checked(MailOptions, host="smtp.example.org", **SENDER, **values).server_port == port


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("smtp.example.org", "smtp.example.org"),
        ("smtp.example.org.", "smtp.example.org."),
        ("127.0.0.1", "127.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("mail_relay", "mail_relay"),
    ],
)
def test_hosts(given: str, host: str) -> None:
    assert checked(MailOptions, host=given, **SENDER).host == host


@pytest.mark.parametrize(
    "host", ["", "[::1]", "smtp.example.org:25", "smtp://h", "a b", "-a", "a.org-\n"]
)
def test_what_is_no_host(host: str) -> None:
    assert refusal(MailOptions, host=host, **SENDER).startswith("host: a server is written")


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "a",
        "@b",
        "a@",
        "A <a@b.c>",
        "a@b,c@d",
        "ä@b.c",
        "a@@b",
        "a@b\nX: y",
        "a@b..c",
        "a" * 65 + "@b.c",
    ],
)
def test_what_is_no_address(sender: str) -> None:
    said = refusal(MailOptions, host="h", sender=sender)
    assert said.startswith("sender: an address is written ops@example.org")


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ({"user": "u"}, "password: `user` and `password` belong together"),
        ({"password": "hunter2"}, "password: `user` and `password` belong together"),
        (
            {"user": "u", "password": "hunter2", "security": "none"},
            "security: a password is never sent unencrypted",
        ),
        ({"user": "ü", "password": "hunter2"}, "user: SMTP takes ASCII only"),
        ({"user": "u", "password": "hunter2\n"}, "password: SMTP takes ASCII only"),
    ],
)
def test_logins_that_cannot_be(login: dict[str, str], said: str) -> None:
    told = refusal(MailOptions, host="h", **SENDER, **login)
    assert told.startswith(said)
    assert "hunter2" not in told

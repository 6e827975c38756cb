"""No password is left in what may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.redaction import redact, redact_address, redact_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("rtsp://cam/1", "rtsp://cam/1", id="nothing to hide"),
        pytest.param("rtsp://cam:554/1?x=2#y", "rtsp://cam:554/1?x=2#y", id="a port"),
        pytest.param("rtsp://joe:pw@cam/1", "rtsp://joe:***@cam/1", id="user and password"),
        pytest.param("rtsp://joe:p@w@cam:5/1", "rtsp://joe:***@cam:5/1", id="at in password"),
        pytest.param("rtsp://joe:p/w@cam/1", "rtsp://joe:***@cam/1", id="slash in password"),
        pytest.param("rtsp://joe:1/2@cam/1", "rtsp://joe:***@cam/1", id="looks like a port"),
        pytest.param("RTSPS://token@cam/1", "RTSPS://***@cam/1", id="a token"),
        pytest.param("rtsp://cam/a@b", "rtsp://cam/a@b", id="at in path"),
        pytest.param("http://h/v?pwd=a&x=1", "http://h/v?pwd=***&x=1", id="query"),
        pytest.param("http://h/v?access_token=a", "http://h/v?access_token=***", id="token query"),
        pytest.param(
            "rtsp://h/user=a&password=b&w=1", "rtsp://h/user=a&password=***&w=1", id="path"
        ),
        pytest.param(
            "no rtsp://a:b@c, http://d:e@f", "no rtsp://a:***@c, http://d:***@f", id="two"
        ),
        pytest.param("/dev/video0", "/dev/video0", id="no address"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact_url(text) == shown


@given(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1))
def test_no_password_survives(password: str) -> None:
    mark = "secret" + password + "secret"
    assert mark not in redact_url(f"cannot open rtsp://joe:{mark}@camera:554/live: refused")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        pytest.param("rtsp://joe:my pass@cam/1", "rtsp://joe:***@cam/1", id="blank in password"),
        pytest.param("rtsp://joe:a\nb@cam/1", "rtsp://joe:***@cam/1", id="line in password"),
        pytest.param("rtsp://my joe@cam/1", "rtsp://***@cam/1", id="blank in a login"),
        pytest.param("rtsp://joe:it's \"a\"@cam/1", "rtsp://joe:***@cam/1", id="quotes"),
        pytest.param("rtsp://c/1?loginpas=a b&loginuse=c", "rtsp://c/1?loginpas=***&loginuse=***",
                     id="blank in a parameter"),
        pytest.param("rtsp://c/1?pw=a&channel=1&subtype=0", "rtsp://c/1?pw=***&channel=1&subtype=0",
                     id="unknown and harmless"),
        pytest.param("rtsp://c/1?p%77=a", "rtsp://c/1?p%77=***", id="encoded name"),
        pytest.param("rtsp://c/1?abcdefghij", "rtsp://c/1?***", id="no name"),
        pytest.param("rtsp://c/user=a&pin=1&stream=0.sdp", "rtsp://c/user=a&pin=***&stream=0.sdp",
                     id="in the path"),
        pytest.param("http://c/1;jsessionid=a", "http://c/1;jsessionid=***", id="semicolon"),
        pytest.param("https://hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com/***",
                     id="Slack"),
        pytest.param("https://discord.com/api/webhooks/1/x", "https://discord.com/***", id="Discord"),
        pytest.param("https://h/hooks/a1b2c3d4e5f6a7b8c9/x", "https://h/hooks/***/x", id="token"),
        pytest.param("http://h/bot12345:ABC-DEF1234ghIkl/send", "http://h/***/send", id="bot"),
        pytest.param("rtmp://h/live/abcd-1234-efgh-5678", "rtmp://h/live/***", id="stream key"),
        pytest.param("postgresql://u:a b@h/db?password=x y", "postgresql://u:***@h/db?password=***",
                     id="database"),
        pytest.param("sqlite:///my runs/run1234567890123456.db?mode=ro",
                     "sqlite:///my runs/run1234567890123456.db?mode=ro", id="SQLite"),
        pytest.param("street://?seed=7&light=night&fps=5", "street://?seed=7&light=night&fps=5",
                     id="street"),
        pytest.param("runs/a b.db", "runs/a b.db", id="a path"),
        pytest.param("rtsp://h/a\r\nb\x1b[0m", "rtsp://h/a\\r\\nb\\x1b[0m", id="one line"),
    ],
)  # fmt: skip
def test_one_address(address: str, shown: str) -> None:
    assert redact_address(address) == shown


def test_an_address_in_a_text() -> None:
    text = "no rtsp://joe:my pass@cam/1?pw=x: refused, see http://h/a?channel=2"
    assert redact(text) == "no rtsp://joe:***@cam/1?pw=*** refused, see http://h/a?channel=2"


@given(st.text(st.characters(exclude_characters="@&;#?/=", exclude_categories=["C"]), min_size=1))
def test_no_secret_of_an_address_survives(secret: str) -> None:
    mark = f"sec ret{secret}sec"
    for address in (
        f"rtsp://joe:{mark}@cam/1",
        f"rtsp://cam/1?loginpas={mark}&channel=1",
        f"postgresql+pg8000://joe:{mark}@db/x",
    ):
        assert mark not in redact_address(address)

"""No password and no token is left in what may be shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.redaction import MOST, redact, redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("nothing to hide: 3 frames/s", "nothing to hide: 3 frames/s", id="plain"),
        pytest.param("rtsp://joe:pw@cam/1", "rtsp://joe:***@cam/1", id="address"),
        pytest.param(
            "GET /detect?token=abc HTTP/1.1", "GET /detect?token=*** HTTP/1.1", id="query"
        ),
        pytest.param("Authorization: Bearer abc.def", "Authorization: ***", id="bearer header"),
        pytest.param("authorization=Basic dTpw", "authorization=***", id="basic header"),
        pytest.param("(b'authorization', b'Bearer abc')", "(b'authorization', b'***')", id="asgi"),
        pytest.param("X-API-Key: abc", "X-API-Key: ***", id="api key"),
        pytest.param("Cookie: a=b; c=d", "Cookie: ***", id="cookie"),
        pytest.param("refused bearer abc.d-e_f=", "refused bearer ***", id="bare bearer"),
        pytest.param('{"admin_token": "abc", "n": 1}', '{"admin_token": "***", "n": 1}', id="json"),
        pytest.param("{'password': 'a b'}", "{'password': '***'}", id="repr of a mapping"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_values_are_redacted_at_any_depth() -> None:
    value = {
        "url": "rtsp://joe:pw@cam/1",
        "deep": [{"Token": "abc", "error": ValueError("http://u:pw@h")}],
        "authorization": ["Bearer abc"],
        "tokens_seen": 3,
        "done": True,
        "none": None,
    }
    assert redacted(value) == {
        "url": "rtsp://joe:***@cam/1",
        "deep": [{"Token": "***", "error": "http://u:***@h"}],
        "authorization": "***",
        "tokens_seen": 3,
        "done": True,
        "none": None,
    }


def test_a_long_text_is_cut_between_words() -> None:
    text = "x" * (MOST - 20) + " rtsp://joe:s3cret-that-is-cut@cam/1 " + "y" * 99
    assert redact(text) == "x" * (MOST - 20) + f"… ({len(text) - MOST + 20} more characters)"
    assert redact("z" * (MOST + 1)) == f"… ({MOST + 1} more characters)"


@pytest.mark.parametrize("part", ["a", "a://", "a://:", "key", "'key", '"a', "cookie ", "=", "a:@"])
def test_no_text_keeps_it_busy(part: str) -> None:
    began = time.process_time()
    redact(part * 100_000)
    redact(part * (MOST // len(part)))
    assert time.process_time() - began < 5


@pytest.mark.parametrize("part", ["http://", "http://a:", "a://b:", "://a:", "/1a", "?a=", "'a':'"])
def test_what_a_client_makes_up_costs_no_more_than_its_length(part: str) -> None:
    """A path of 16 kB that is logged: it took half a second of the thread that answers everybody."""

    def seconds(length: int) -> float:
        text = "GET /" + part * (length // len(part))
        took = []
        for _ in range(3):
            began = time.process_time()
            redact(text)
            took.append(time.process_time() - began)
        return min(took)

    # Four times the length: sixteen times as long where it is quadratic.
    assert seconds(15_900) < max(10 * seconds(3_975), 0.02)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1))
def test_no_token_survives(noise: str) -> None:
    token = f"s3cret{noise}"
    for text in (
        f"Authorization: Bearer {token}",
        f"http://host/path?access_token={token}&x=1",
        f"rtsp://user:{token}@cam/1",
        repr({"token": token}),
        repr([(b"authorization", f"Bearer {token}".encode())]),
    ):
        assert token not in redact(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("camera \x1b[2J\x07says\x9b31m\r", r"camera \x1b[2J\x07says\x9b31m\r"),
        ("a\u202eb\u2066c\u2028d", r"a\u202eb\u2066c\u2028d"),
        ("two\nlines\tStraße 😀‍🚀", "two\nlines\tStraße 😀‍🚀"),
    ],
)
def test_what_is_logged_commands_no_terminal(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redacted({"error": [text]}) == {"error": [shown]}

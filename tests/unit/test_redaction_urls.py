"""No password is left in what may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.redaction import redact_url


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
            "rtsp://h/user=a&password=b&c=1", "rtsp://h/user=a&password=***&c=1", id="path"
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

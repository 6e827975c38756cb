"""Multipart bodies: what browsers and curl send, and what nobody should."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import Malformed
from sightline.serving.http.forms import parse

KIND = "multipart/form-data; boundary=b"


def part(content: bytes, disposition: str = 'name="a"', more: str = "") -> bytes:
    head = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n"
    return head.encode() + content + b"\r\n"


def test_files_and_fields() -> None:
    body = (
        part(b"\x00\r\n--bc\xff", 'name="f"; filename="\xe4 b.jpg"')
        + part(b"\x01", 'name="i"', "Content-Type: IMAGE/PNG\r\n")
        + part("é".encode(), 'name="conf"')
        + b"--b--\r\n"
    )
    file, image, field = parse(KIND, body, 9)
    assert (file.name, file.is_file, bytes(file.data)) == ("f", True, b"\x00\r\n--bc\xff")
    assert (image.is_file, image.content_type) == (True, "image/png")
    assert (field.name, field.is_file, field.text()) == ("conf", False, "é")


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        pytest.param("multipart/form-data", part(b"x") + b"--b--", "no boundary", id="boundary"),
        pytest.param(KIND, b"no form at all", "broken", id="something else"),
        pytest.param(KIND, b"", "breaks off", id="nothing"),
        pytest.param(KIND, part(b"x"), "breaks off", id="no end"),
        pytest.param(KIND, part(b"x") * 4 + b"--b--", "more than 3 parts", id="too many parts"),
        pytest.param(
            KIND,
            part(b"x", more="X: " + "y" * 9000 + "\r\n") + b"--b--",
            "header size",
            id="a header",
        ),
        pytest.param(
            KIND, part(b"x", more="X: y\r\n" * 4000) + b"--b--", "header count", id="many headers"
        ),
    ],
)
def test_what_is_refused(kind: str, body: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        parse(kind, body, 3)


def test_a_field_that_is_no_text() -> None:
    (field,) = parse(KIND, part(b"\xff") + b"--b--", 3)
    with pytest.raises(Malformed, match="'a' is no UTF-8 text: a file needs a filename"):
        field.text()


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_what_was_sent_arrives(contents: list[bytes]) -> None:
    body = b"".join(map(part, contents)) + b"--b--"
    if b"\r\n--b" in b"".join(b"\r\n" + one + b"\r\n" for one in contents):
        return  # no sender takes a boundary that its content holds
    found = parse(KIND, body, 5) if contents else []
    assert [bytes(one.data) for one in found] == contents


@given(st.binary(max_size=200))
def test_rubbish_is_refused_or_read(body: bytes) -> None:
    with suppress(Malformed):
        parse(KIND, b"--b\r\n" + body, 3)

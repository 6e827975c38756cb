"""Signed addresses: for one path, with its parameters, for a short time."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from sightline.config import ServingOptions
from sightline.serving.http.signatures import LONGEST_S, Signer, is_signable

SNAPSHOT = "/streams/gate/snapshot"


def signer(token: str | None = "secret") -> Signer:
    return Signer(ServingOptions(token=None if token is None else SecretStr(token)))


def signed(path: str = SNAPSHOT, seconds: float = 60, *parameters: tuple[str, str]) -> bytes:
    address, _ = signer().sign(path, seconds, parameters)
    assert address.startswith(f"{path}?")
    return address.partition("?")[2].encode()


@pytest.mark.parametrize(
    ("path", "can"),
    [
        ("/streams/gate/mjpeg", True),
        ("/streams/gate/snapshot", True),
        ("/events", True),
        ("/report", True),
        ("/streams/a/b/mjpeg", False),
        ("/streams/gate/mjpeg/x", False),
        ("/streams", False),
        ("/models", False),
    ],
)
def test_paths_that_can_be_signed(path: str, can: bool) -> None:
    assert is_signable(path) is can


@pytest.mark.parametrize("name", ["t", "ts", "_", "signature"])
def test_a_parameter_that_is_not_looked_at_is_not_signed(name: str) -> None:
    query = signed(SNAPSHOT, 60, ("width", "320"), (name, "5"))
    assert f"{name}=5".encode() not in query
    assert signer().check(SNAPSHOT, query) is True


def test_an_address_is_good_also_after_a_start() -> None:
    query = signed(SNAPSHOT, 60, ("width", "320"), ("class", "a b"))
    assert signer().check(SNAPSHOT, query) is True
    assert signer().check(SNAPSHOT, query + b"&_=12345&t=1&ts=2") is True  # of a page's own


@pytest.mark.parametrize(
    ("path", "change"),
    [
        pytest.param("/streams/other/snapshot", lambda q: q, id="another path"),
        pytest.param(SNAPSHOT, lambda q: q.replace(b"320", b"640"), id="another parameter"),
        pytest.param(SNAPSHOT, lambda q: q + b"&more=1", id="a parameter more"),
        pytest.param(SNAPSHOT, lambda q: q.replace(b"width=320&", b""), id="a parameter less"),
        pytest.param(
            SNAPSHOT, lambda q: q[:-1] + (b"0" if q[-1:] != b"0" else b"1"), id="another signature"
        ),
        pytest.param(
            SNAPSHOT, lambda q: q.partition(b"&signature=")[0] + b"&signature=", id="none"
        ),
        pytest.param(SNAPSHOT, lambda q: q.replace(b"expires=", b"expires=9"), id="a later end"),
        pytest.param(SNAPSHOT, lambda q: q.replace(b"expires=", b"expires=x"), id="no end"),
    ],
)
def test_whatever_is_changed_makes_it_bad(path: str, change: object) -> None:
    query = signed(SNAPSHOT, 60, ("width", "320"))
    assert signer().check(path, change(query)) is False  # type: ignore[operator]


def test_it_ends() -> None:
    assert signer().check(SNAPSHOT, signed(SNAPSHOT, -1)) is False
    assert signer().check(SNAPSHOT, signed(SNAPSHOT, LONGEST_S + 3600)) is False


def test_another_token_makes_all_addresses_bad() -> None:
    query = signed()
    assert signer("other").check(SNAPSHOT, query) is False
    assert signer(None).check(SNAPSHOT, query) is False


def test_a_path_that_cannot_be_signed_stays_closed() -> None:
    assert signer().check("/models", signed("/models")) is False


@pytest.mark.parametrize("query", [b"", b"width=320", urlencode({"a": "b"}).encode()])
def test_what_is_not_signed_at_all(query: bytes) -> None:
    assert signer().check(SNAPSHOT, query) is None

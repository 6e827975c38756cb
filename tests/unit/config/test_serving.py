"""The service: whom it listens to, and ports."""

from __future__ import annotations

import pytest
from tests.unit.config.refused import refusal

from sightline.config import ServingOptions
from sightline.config.options import checked
from sightline.config.serving import is_loopback, serving_inconsistencies


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"])
def test_this_computer_only(host: str) -> None:
    assert is_loopback(host)
    assert not ServingOptions(host=host).exposed


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "camera.lan", "localhost.lan", ""]
)
def test_others_can_reach_it(host: str) -> None:
    assert not is_loopback(host)
    options = ServingOptions(host=host)
    assert options.exposed
    ((place, message),) = serving_inconsistencies(options)
    assert place == ("serving", "host")
    assert "set token too" in message
    assert not list(serving_inconsistencies(ServingOptions(host=host, token="t")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "port"), [("none", None), ("NONE", None), (None, None), (0, 0), ("9001", 9001)]
)
def test_the_port_of_grpc_or_none(given: object, port: int | None) -> None:
    assert checked(ServingOptions, grpc_port=given).grpc_port == port


@pytest.mark.parametrize(
    ("http", "grpc", "one"), [(8000, 8000, True), (0, 0, False), (8000, 8001, False)]
)
def test_two_ports_are_two(http: int, grpc: int, one: bool) -> None:
    found = list(serving_inconsistencies(ServingOptions(port=http, grpc_port=grpc)))
    assert [place for place, _ in found] == [("serving", "port")] * one


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"grpc_port": 70000}, "grpc_port: it must be 65535 or less, not 70000"),
        ({"grpc_port": "nothing"}, "grpc_port: it must be a whole number, not 'nothing'"),
        ({"token": ""}, "token: it must have 1 characters or more"),
        ({"fetch_from": ["10.0.0.0/99"]}, "fetch_from.0: "),
        ({"trace_to": "ftp://h"}, "trace_to: "),
        ({"search": {"database": ""}}, "search.database: "),
        ({"limits": {"pixel": 3}}, "limits.pixel: there is no such option; did you mean pixels?"),
    ],
)
def test_values_that_are_refused(values: dict[str, object], message: str) -> None:
    assert refusal(ServingOptions, **values).startswith(message)


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(checked(ServingOptions, token="hunter2", admin_token="hunter2"))

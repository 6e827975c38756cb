"""``sightline rollout``: which addresses it asks, with which token, and what it says of answers."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any

import pytest
from tests.unit.cli.command_runner import run_command

from sightline.cli.main import app
from sightline.errors import ConfigError, NotFound, SourceError

FIGURES = {
    "answered": 1,
    "shown": 1,
    "failed": 0,
    "p50_ms": 1.0,
    "p95_ms": 1.0,
    "p99_ms": 1.0,
    "cpu_ms": 1.0,
}
ROLLOUT = {
    "model": "street", "kind": "shadow", "second_model": "next", "state": "running", "share": 0.5, "step": 1, "steps": 1,
    "reasons": [], "dropped": {}, "compared": 0, "agreement": None, "examples": 0, "first": FIGURES,
    "second": FIGURES, "per_class": {},
}  # fmt: skip


class Service:
    """Answers without a network; keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Any = {"rollouts": []}
        self.asked: list[urllib.request.Request] = []

    def open(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        assert timeout > 0
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return io.BytesIO(
            self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        )


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service()
    monkeypatch.setattr(urllib.request, "urlopen", made.open)
    for name in ("SIGHTLINE_TOKEN", "SIGHTLINE_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return made


URL = "http://127.0.0.1:8000/"


@pytest.mark.parametrize(
    ("arguments", "url", "method"),
    [
        ([], "http://127.0.0.1:8000/rollouts", "GET"),
        (["street"], "http://127.0.0.1:8000/models/street/rollout", "GET"),
        (["a/b"], "http://127.0.0.1:8000/models/a%2Fb/rollout", "GET"),
        (
            ["street", "--do", "promote"],
            "http://127.0.0.1:8000/models/street/rollout/promote",
            "POST",
        ),
    ],
)
def test_addresses(service: Service, arguments: list[str], url: str, method: str) -> None:
    service.answer = ROLLOUT if arguments else {"rollouts": [ROLLOUT]}
    found = run_command(app, "rollout", URL, *arguments)
    assert found.exit_code == 0, found.exception
    (request,) = service.asked
    assert (request.full_url, request.get_method()) == (url, method)
    assert "street: shadow next running" in found.output


def test_what_is_told_as_json_and_of_no_second_model(service: Service) -> None:
    assert "no model has a second one" in run_command(app, "rollout", URL).output
    assert json.loads(run_command(app, "rollout", URL, "--json").output) == []
    service.answer = ROLLOUT
    assert json.loads(run_command(app, "rollout", URL, "street", "--json").output) == ROLLOUT


@pytest.mark.parametrize(
    ("action", "token"), [("show", "reader"), ("promote", "admin"), ("rollback", "admin")]
)
def test_a_token_goes_to_the_service_and_to_nobody_whom_it_redirects_to(
    service: Service, monkeypatch: pytest.MonkeyPatch, action: str, token: str
) -> None:
    monkeypatch.setenv("SIGHTLINE_TOKEN", "reader")
    monkeypatch.setenv("SIGHTLINE_ADMIN_TOKEN", "admin")
    service.answer = ROLLOUT
    run_command(app, "rollout", URL, "street", "--do", action)
    (request,) = service.asked
    assert request.get_header("Authorization") == f"Bearer {token}"
    redirected = urllib.request.HTTPRedirectHandler().redirect_request(
        urllib.request.Request(request.full_url, headers=request.headers), None, 302, "", Message(), "http://elsewhere/x"  # type: ignore[arg-type]
    )  # fmt: skip
    assert redirected is not None
    assert not redirected.has_header("Authorization")


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (urllib.error.URLError("Connection refused"), SourceError, "no service answers there: Connection refused"),
        (TimeoutError("timed out"), SourceError, "no service answers there: timed out"),
        (b"<html>", SourceError, "no service answers there: something else does"),
        (urllib.error.HTTPError(URL, 404, "Not Found", Message(), io.BytesIO(b'{"error": {"message": "there is no model"}}')), NotFound, "there is no model"),
        (urllib.error.HTTPError(URL, 401, "Unauthorized", Message(), io.BytesIO(b"no json")), SourceError, "401"),
    ],
    ids=["refused", "silent", "a web page", "no model", "no token"],
)  # fmt: skip
def test_what_goes_wrong(service: Service, answer: Any, kind: type, message: str) -> None:
    service.answer = answer
    error = run_command(app, "rollout", URL, "street").exception
    assert type(error) is kind
    assert message in str(error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["localhost:8000"], "give an address such as http://127.0.0.1:8000"),
        (["ftp://host/x"], "give an address such as http://127.0.0.1:8000"),
        ([URL, "--do", "promote"], "--do promote: name the model"),
    ],
)
def test_what_is_refused_before_anything_is_asked(
    service: Service, arguments: list[str], message: str
) -> None:
    error = run_command(app, "rollout", *arguments).exception
    assert isinstance(error, ConfigError)
    assert message in str(error)
    assert service.asked == []

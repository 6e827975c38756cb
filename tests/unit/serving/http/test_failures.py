"""Errors as HTTP answers: what is the client's is explained, what is ours stays in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from sightline.errors import (
    ConfigError,
    DecodeError,
    InferenceError,
    NotFound,
    Overloaded,
    Unauthorized,
)
from sightline.serving.http.failures import answer

OURS = "the service failed; its log has more under this id"


@pytest.mark.parametrize(
    ("error", "status", "code", "message", "headers"),
    [
        pytest.param(NotFound("no model x"), 404, "NotFound", "no model x", {}, id="a request"),
        pytest.param(
            Overloaded("full", 1.2), 503, "Overloaded", "full", {"retry-after": "2"}, id="later"
        ),
        pytest.param(
            Overloaded("full", 0.01), 503, "Overloaded", "full", {"retry-after": "1"}, id="a second"
        ),
        pytest.param(
            Unauthorized("who?"),
            401,
            "Unauthorized",
            "who?",
            {"www-authenticate": "Bearer"},
            id="a token",
        ),
        pytest.param(
            DecodeError("no picture"), 422, "DecodeError", "no picture", {}, id="a picture"
        ),
        pytest.param(ConfigError("no"), 422, "InvalidRequest", "no", {}, id="options"),
        pytest.param(
            HTTPException(405, "Method Not Allowed", {"Allow": "GET"}),
            405,
            "MethodNotAllowed",
            "Method Not Allowed",
            {"allow": "GET"},
            id="of the routes",
        ),
        pytest.param(RuntimeError("/etc/x"), 500, "InternalError", OURS, {}, id="a fault of ours"),
        pytest.param(
            ConfigError("rtsp://u:hunter2@h fails"),
            422,
            "InvalidRequest",
            "rtsp://***@h fails",
            {},
            id="a secret",
        ),
    ],
)
def test_answers(
    error: Exception, status: int, code: str, message: str, headers: dict[str, str], caplog: Any
) -> None:
    found = answer(error, "id1", "/detect")
    body = json.loads(bytes(found.body))["error"]
    assert (found.status_code, body["code"], body["id"]) == (status, code, "id1")
    assert "hunter2" not in body["message"]
    assert body["message"] == message or "hunter2" in str(error)
    assert headers.items() <= dict(found.headers).items()
    logged = [r.getMessage() for r in caplog.records]
    assert logged == [f"request id1 failed: {error}"] * (status == 500)
    assert [bool(record.exc_info) for record in caplog.records] == [True] * (status == 500)


def test_a_failure_that_is_expected_is_one_line_without_a_trace(caplog: Any) -> None:
    error = InferenceError("model m: an inference of 64×64 has not ended after 10 s")
    found = answer(error, "id1", "/detect")
    assert (found.status_code, json.loads(bytes(found.body))["error"]["message"]) == (500, OURS)
    (record,) = caplog.records
    assert record.getMessage() == f"request id1 failed: {error}"
    assert not record.exc_info


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (NotFound("no model x"), 404, "no model x"),
        (DecodeError("no picture"), 400, "no picture"),
        (RuntimeError("/etc/x"), 500, f"{OURS} (id1)"),
    ],
)
def test_answers_of_the_protocol_are_one_sentence(
    error: Exception, status: int, message: str
) -> None:
    for path in ("/v2", "/v2/models/m/infer"):
        found = answer(error, "id1", path)
        assert (found.status_code, json.loads(bytes(found.body))) == (status, {"error": message})
    assert "code" in json.loads(bytes(answer(error, "id1", "/v2x").body))["error"]

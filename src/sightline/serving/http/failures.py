"""What a client hears when something fails: the one place where errors become HTTP answers."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from sightline.errors import (
    ConfigError,
    DecodeError,
    InvalidRequest,
    Overloaded,
    RequestError,
    SightlineError,
    Unauthorized,
    defect,
)
from sightline.redaction import redact
from sightline.types import JsonObject

log = logging.getLogger(__name__)


def answer(error: Exception, request_id: str, path: str) -> JSONResponse:
    """The answer to a request for ``path`` that failed.

    A fault of the client is explained to it. Of a fault of ours it learns the request's id only;
    paths, addresses and traces stand in the log under that id.
    """
    if path != "/v2" and not path.startswith("/v2/"):
        status, body, headers = failure(error, request_id)
        return JSONResponse(body, status, headers)
    # The Open Inference Protocol has a form of its own, and its clients fail at any other.
    status, message, headers = explain(error)
    if report(error, status, request_id):
        message = f"{message} ({request_id})"
    return JSONResponse({"error": message}, 400 if status == 422 else status, headers)


def failure(error: Exception, request_id: str) -> tuple[int, JsonObject, dict[str, str]]:
    """HTTP status, body and headers of such an answer."""
    status, message, headers = explain(error)
    report(error, status, request_id)
    told = {"code": _code(error, status), "message": message, "id": request_id}
    return status, {"error": told}, headers


def report(error: Exception, status: int, request_id: str) -> bool:
    """Log a fault of ours; False where it is the client's, or only the time that is wrong."""
    ours = status >= 500 and not isinstance(error, RequestError)
    if ours:
        log.error("request %s failed: %s", request_id, error, exc_info=defect(error))
    return ours


def explain(error: Exception) -> tuple[int, str, dict[str, str]]:
    """HTTP status, message for the client, and headers of an error."""
    headers: dict[str, str] = {}
    if isinstance(error, Overloaded):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RequestError):
        return error.status, redact(str(error)), headers
    if isinstance(error, (DecodeError, ConfigError)):
        return 422, redact(str(error)), headers
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail), dict(error.headers or {})
    return 500, "the service failed; its log has more under this id", headers


def _code(error: Exception, status: int) -> str:
    if status == 500:
        return "InternalError"
    if isinstance(error, ConfigError):
        return InvalidRequest.__name__
    if isinstance(error, SightlineError):
        return type(error).__name__
    return HTTPStatus(status).phrase.replace(" ", "")

"""Errors as gRPC tells them: the status code, a short text, and when to try again."""

from __future__ import annotations

import grpc

from sightline.errors import Overloaded
from sightline.monitoring.context import bound_ids
from sightline.serving.http.failures import explain, report
from sightline.serving.kserve.shared_memory import NotOffered

LONGEST_MESSAGE = 1000
"""Characters of an error: it travels as a header, which must be short."""

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.INVALID_ARGUMENT,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    503: grpc.StatusCode.RESOURCE_EXHAUSTED,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""By the errors' HTTP status; all others are INTERNAL."""


class Ending(Overloaded):
    """The service is going down and accepts nothing more."""


def explained(error: Exception) -> tuple[grpc.StatusCode, str, float | None]:
    """Status, message, and the seconds after which a client may try again."""
    status, text, _ = explain(error)
    if isinstance(error, Ending):
        return grpc.StatusCode.UNAVAILABLE, text, error.retry_after_s
    if isinstance(error, NotOffered):
        return grpc.StatusCode.UNIMPLEMENTED, text, None
    reference = bound_ids().get("request", "-")
    if report(error, status, reference):
        text = f"{text} ({reference})"
    wait_s = error.retry_after_s if isinstance(error, Overloaded) else None
    return CODES.get(status, grpc.StatusCode.INTERNAL), text[:LONGEST_MESSAGE], wait_s

"""Errors as gRPC tells them: the status code, a short text, and when to try again."""

from __future__ import annotations

import grpc

from sightline.errors import Loading, Overloaded
from sightline.monitoring.context import bound_ids
from sightline.serving.http.failures import explain, report
from sightline.serving.kserve.shared_memory import AlreadyRegistered, Full


class Ending(Overloaded):
    """The service is going down and accepts nothing more."""


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
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.RESOURCE_EXHAUSTED,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""By the errors' HTTP status; all others are INTERNAL."""

FINER: dict[type[Exception], grpc.StatusCode] = {
    Ending: grpc.StatusCode.UNAVAILABLE,
    AlreadyRegistered: grpc.StatusCode.ALREADY_EXISTS,
    Full: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Loading: grpc.StatusCode.UNAVAILABLE,
}
"""Where gRPC tells apart what has one HTTP status."""


def explained(error: Exception) -> tuple[grpc.StatusCode, str, float | None]:
    """Status, message, and the seconds after which a client may try again."""
    status, text, _ = explain(error)
    reference = bound_ids().get("request", "-")
    if report(error, status, reference):
        text = f"{text} ({reference})"
    wait_s = error.retry_after_s if isinstance(error, Overloaded) else None
    code = FINER.get(type(error)) or CODES.get(status, grpc.StatusCode.INTERNAL)
    return code, text[:LONGEST_MESSAGE], wait_s

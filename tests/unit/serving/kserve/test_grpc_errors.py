"""Errors as gRPC tells them."""

from __future__ import annotations

import pytest

from sightline.errors import (
    DeadlineExceeded,
    InvalidRequest,
    Loading,
    NotFound,
    Overloaded,
    Unauthorized,
)
from sightline.serving.kserve.grpc_errors import LONGEST_MESSAGE, Ending, explained
from sightline.serving.kserve.shared_memory import AlreadyRegistered, Full


@pytest.mark.parametrize(
    ("error", "code", "wait_s"),
    [
        (InvalidRequest("x"), "INVALID_ARGUMENT", None),
        (NotFound("x"), "NOT_FOUND", None),
        (Unauthorized("x"), "UNAUTHENTICATED", None),
        (DeadlineExceeded("x"), "DEADLINE_EXCEEDED", None),
        (Overloaded("x", 2.5), "RESOURCE_EXHAUSTED", 2.5),
        (Ending("x", 1.0), "UNAVAILABLE", 1.0),
        (AlreadyRegistered("x"), "ALREADY_EXISTS", None),
        (Full("x"), "RESOURCE_EXHAUSTED", None),
        (Loading("x"), "UNAVAILABLE", None),
        (RuntimeError("/etc/x"), "INTERNAL", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_codes(error: Exception, code: str, wait_s: float | None) -> None:
    found, text, wait = explained(error)
    assert found.name == code
    if wait_s is not None:
        assert wait == wait_s
    assert text == "x" or ("/etc/x" not in text and "its log has more" in text)


def test_a_message_is_short_enough_for_a_header() -> None:
    assert len(explained(InvalidRequest("x" * 5000))[1]) == LONGEST_MESSAGE

"""The terms that a request asks for."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.config import LimitOptions
from sightline.errors import InvalidRequest
from sightline.runtime.scheduling.executions import Watch
from sightline.runtime.scheduling.items import Terms
from sightline.serving.kserve.terms import LONGEST_S, terms_of

NOW = 1000.0
WATCH = Watch()


def terms(parameters: dict[str, Any], deadline: float | None = None) -> Terms:
    return terms_of(
        parameters, "10.0.0.1", deadline, WATCH, LimitOptions(timeout_ms=5000, queue_ms=250), NOW
    )


def test_what_is_not_asked_for_is_the_service_s() -> None:
    made = terms({})
    assert (made.client, made.priority, made.deadline) == ("10.0.0.1", "normal", NOW + 5)
    assert (made.max_wait_s, made.watch) == (0.25, WATCH)
    assert made.key
    assert made.key != terms({}).key  # its pictures go to one model, those of another to any


@pytest.mark.parametrize(
    ("given", "priority"),
    [
        ("urgent", "urgent"),
        ("batch", "batch"),
        (0, "normal"),
        (1, "urgent"),
        (2, "normal"),
        (3, "batch"),
    ],
)
def test_priorities_by_name_or_number(given: str | int, priority: str) -> None:
    assert terms({"priority": given}).priority == priority


@pytest.mark.parametrize(
    ("timeout", "deadline", "ends"),
    [
        pytest.param(0, None, NOW + 5, id="0 is the default"),
        pytest.param(2_000_000, None, NOW + 2, id="microseconds"),
        pytest.param(10**15, None, NOW + LONGEST_S, id="no more than an hour"),
        pytest.param(2_000_000, NOW + 1, NOW + 1, id="the transport's is earlier"),
        pytest.param(2_000_000, NOW + 3, NOW + 2, id="the transport's is later"),
    ],
)
def test_the_earlier_deadline_counts(timeout: int, deadline: float | None, ends: float) -> None:
    assert terms({"timeout": timeout}, deadline).deadline == pytest.approx(ends)


def test_clients_and_keys_by_name() -> None:
    made = terms({"client": "gate", "split_key": "user 7"})
    assert (made.client, made.key) == ("gate", "user 7")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"priority": "high"}, "parameter 'priority' must be urgent (1), normal (2) or batch (3)"),
        ({"priority": 4}, "parameter 'priority' must be"),
        ({"priority": True}, "parameter 'priority' must be"),
        ({"timeout": -1}, "parameter 'timeout' must be whole microseconds, not -1"),
        ({"timeout": 0.5}, "parameter 'timeout' must be whole microseconds"),
        ({"timeout": True}, "parameter 'timeout' must be whole microseconds"),
        ({"timeout": "1"}, "parameter 'timeout' must be whole microseconds"),
        ({"client": ""}, "parameter 'client' must be text of 1 to 64 characters"),
        ({"client": "x" * 65}, "parameter 'client' must be text"),
        ({"split_key": 7}, "parameter 'split_key' must be text"),
    ],
)
def test_parameters_that_are_wrong(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        terms(parameters)
    assert str(caught.value).startswith(said)

"""What the routes work with, and what is told where the service does not have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from tests.unit.serving.in_process import Fleet, InProcess

from sightline.errors import NotFound
from sightline.serving.http.state import ServiceState, no_clash, state_of


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (lambda state: state.searched, "this service searches nothing: `serving.search` names a database"),
        (lambda state: state.reported, "this service keeps nothing to report on: `history` names a database"),
        (lambda state: state.streams, "this service runs no streams"),
    ],
)  # fmt: skip
def test_what_a_service_does_not_have(part: Callable[[ServiceState], Any], message: str) -> None:
    with pytest.raises(NotFound) as caught:
        part(InProcess().state)
    assert str(caught.value) == message


def test_what_it_has() -> None:
    service = InProcess(fleet=Fleet("gate"))
    service.state.search = service.state.reports = object()
    assert service.state.streams is service.fleet
    assert service.state.searched is service.state.search
    assert service.state.reported is service.state.reports
    assert no_clash({}, "gate", None) is None  # type: ignore[arg-type]


def test_each_service_has_a_state_of_its_own() -> None:
    one, other = InProcess(), InProcess()
    assert state_of(Request({"type": "http", "app": one.app})) is one.state
    assert one.state is not other.state
    assert one.state.adding is not other.state.adding
    assert (one.state.watchers, one.state.draining, dict(one.state.rollouts())) == (0, False, {})

"""What every answer has in common: here, how fast one client is refused again and again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sightline.errors import Overloaded
from sightline.serving.http import envelope
from sightline.serving.http.envelope import AGAIN_S, SLOW_DOWN_S, Envelope
from sightline.serving.http.protocol import REFUSED


async def full(scope: Any, receive: Any, send: Any) -> None:
    raise Overloaded("busy")


def app() -> Envelope:
    return Envelope(full, lambda: False, lambda path: path)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of which takes any time."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(envelope.asyncio, "sleep", sleep)
    return made


async def ask(app: Envelope, refused: list[float] | None) -> int:
    """The status of a request on a connection that was refused at that time."""
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "POST", "path": "/detect", "headers": []}
    if refused is not None:
        scope[REFUSED] = refused
    await app(scope, None, send)  # type: ignore[arg-type]
    return statuses[0]


@pytest.mark.parametrize(
    ("age_s", "slowed"),
    [
        pytest.param(None, False, id="not refused before"),
        pytest.param(AGAIN_S / 2, True, id="refused a moment ago"),
        pytest.param(2 * AGAIN_S, False, id="it has waited"),
    ],
)
def test_who_asks_again_at_once_is_refused_a_little_later(
    pauses: list[float], age_s: float | None, slowed: bool
) -> None:
    async def run() -> None:
        now = asyncio.get_running_loop().time()
        refused = [] if age_s is None else [now - age_s]
        assert await ask(app(), refused) == 503
        assert refused[0] >= now

    asyncio.run(run())
    assert pauses == ([SLOW_DOWN_S] if slowed else [])


def test_each_connection_is_on_its_own(pauses: list[float]) -> None:
    async def run() -> None:
        one: list[float] = []
        for refused in (one, [], None, one):
            assert await ask(app(), refused) == 503

    asyncio.run(run())
    assert pauses == [SLOW_DOWN_S]

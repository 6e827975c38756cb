"""Answers of HTTP servers without a server."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from http.client import HTTPResponse
from typing import Any

import pytest

from sightline.addresses import Address, read_address
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.web import WebClient, WebFile

Answers = Callable[..., "CannedClient"]


class _Sent:
    """A socket of which everything has come."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BytesIO:
        return io.BytesIO(self._data)


def answered(data: bytes) -> HTTPResponse:
    """What `http.client` makes of the bytes of an answer."""
    response = HTTPResponse(_Sent(data), method="GET")  # type: ignore[arg-type]
    response.begin()
    return response


class CannedClient(WebClient):
    """Answers from a list; ``asked`` has each address, and the range that was asked for."""

    def __init__(self, answers: Sequence[bytes], limit_bytes: int = 1 << 30) -> None:
        self.home = read_address("http://camera/live")
        super().__init__(self.home, None, ReadAllowance(9, limit_bytes, "cam"))
        self.asked: list[tuple[str, int, int | None]] = []
        self._answers = list(answers)

    def get(
        self, address: Address, *, start: int = 0, end: int | None = None, whole: bool = False
    ) -> tuple[Address, HTTPResponse]:
        self.asked.append((address.url, start, end))
        return address, answered(self._answers.pop(0))

    def file(self) -> WebFile:
        """The file behind the first address."""
        return WebFile(self, *self.get(self.home))


@pytest.fixture
def answers() -> Answers:
    """A client that gets these answers, given as bytes, one after the other."""

    def make(*given: bytes, limit_bytes: int = 1 << 30) -> CannedClient:
        return CannedClient(given, limit_bytes)

    return make

"""A server of one model file, and downloads that do not pause between attempts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.unit.models.served_model import Server

from sightline.models import download


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "RETRY_DELAYS_S", (0.0, 0.0, 0.0))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(quick_retries: None) -> Iterator[Server]:
    server = Server()
    yield server
    server.close()

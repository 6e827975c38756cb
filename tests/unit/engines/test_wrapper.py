"""An engine around another tells the same and closes it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sightline.engines.wrapper import EngineWrapper


def test_a_wrapper_is_what_it_wraps() -> None:
    closed: list[int] = []
    inner: Any = SimpleNamespace(info="info", close=lambda: closed.append(1))
    twice = EngineWrapper(EngineWrapper(inner))  # type: ignore[arg-type]
    assert twice.info == "info"
    inner.info = "another"
    assert twice.info == "another"
    twice.close()
    assert closed == [1]

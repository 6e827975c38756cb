"""Which request and which stream a thread or task works on, for its log records and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_ids: ContextVar[Mapping[str, str]] = ContextVar("sightline_ids", default=MappingProxyType({}))


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """What is logged inside carries these: ``with bound(request="7f3a", stream="gate"):``.

    Tasks inherit them from who starts them; a new thread begins without.
    """
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def bound_ids() -> Mapping[str, str]:
    """What is bound here and now."""
    return _ids.get()

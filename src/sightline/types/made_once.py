"""A property whose value is made when it is first asked for, and then kept."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class MadeOnce(Generic[T]):
    """A decorator of methods, as ``functools.cached_property``, for objects that threads share.

    The first thread that asks makes the value, and others wait for it. ``cached_property`` makes one in
    each thread from Python 3.12 on, and up to 3.11 had one lock for all objects of a class. The owner needs a
    ``__dict__``, which holds the value under the method's name.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = ""
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | Self:
        """The value, made now. Later it is found in the object before this is asked."""
        if instance is None:
            return self
        kept = instance.__dict__
        lock_name = f"{self._name} is being made"
        with kept.setdefault(lock_name, Lock()):
            try:
                if self._name not in kept:
                    kept[self._name] = self._make(instance)
                value: T = kept[self._name]
                return value
            finally:
                kept.pop(lock_name, None)  # objects are pickled and copied

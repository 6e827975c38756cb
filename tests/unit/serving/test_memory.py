"""Memory that messages may take together."""

from __future__ import annotations

import pytest

from sightline.errors import Overloaded
from sightline.serving.memory import Memory, MemoryReservation


def test_all_calls_together_hold_no_more_than_the_limit() -> None:
    memory = Memory(10)
    with MemoryReservation(memory) as first, MemoryReservation(memory) as second:
        first.add(b"123456")
        second.take(4)
        with pytest.raises(Overloaded, match="take all memory"):
            second.add(b"1")
        assert memory.held == 10  # what was refused is not held
        first.drop(b"123456")
        second.add(b"123456")
    assert memory.held == 0


def test_what_was_never_added_gives_nothing_back() -> None:
    memory = Memory(10)
    with MemoryReservation(memory) as held:
        held.add(b"12")
        held.drop(b"12345")
        assert memory.held == 0
        held.add(b"123")
        held.drop_all()
        held.drop_all()
        assert memory.held == 0


def fail(memory: Memory) -> None:
    with MemoryReservation(memory) as held:
        held.add(b"123")
        raise ZeroDivisionError


def test_a_call_that_fails_gives_back_what_it_took() -> None:
    memory = Memory(10)
    with pytest.raises(ZeroDivisionError):
        fail(memory)
    assert memory.held == 0

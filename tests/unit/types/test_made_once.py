from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.waiting import wait_for

from sightline.types.made_once import MadeOnce


class Box:
    """``made`` counts how often its value was made; it is made while ``open`` is set."""

    def __init__(self) -> None:
        self.made, self.begun = 0, 0
        self.open = threading.Event()

    @MadeOnce
    def value(self) -> list[int]:
        """What is in it."""
        self.begun += 1
        assert self.open.wait(20)
        if self.made < 0:
            raise ValueError("broken")
        self.made += 1
        return [self.made]

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "open"}


def test_one_thread_makes_it_and_the_others_wait() -> None:
    box = Box()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(lambda: box.value) for _ in range(4)]
        wait_for(lambda: box.begun == 1)
        assert not any(one.done() for one in asked)
        box.open.set()
        values = [one.result(20) for one in asked]
    assert box.made == 1
    assert all(value is values[0] for value in values)


def test_objects_do_not_wait_for_one_another() -> None:
    held, other = Box(), Box()
    other.open.set()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: held.value)
        wait_for(lambda: held.begun == 1)
        assert other.value == [1]
        held.open.set()
        assert waiting.result(20) == [1]


def test_a_failure_is_tried_again() -> None:
    box = Box()
    box.open.set()
    box.made = -1
    with pytest.raises(ValueError, match="broken"):
        _ = box.value
    box.made = 0
    assert box.value == [1]


def test_the_value_is_pickled_and_no_lock() -> None:
    box = Box()
    box.open.set()
    assert box.value == [1]
    assert vars(pickle.loads(pickle.dumps(box))) == {"made": 1, "begun": 1, "value": [1]}
    assert Box.value.__doc__ == "What is in it."

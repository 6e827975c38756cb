from __future__ import annotations

import threading
from collections import deque

import pytest

from sightline.sinks.background import Background

DEADLINE_S = 10.0


def test_items_come_in_order_and_in_batches():
    batches: list[list[int]] = []
    gate = threading.Event()

    def consume(items):
        gate.wait(DEADLINE_S)
        batches.append(list(items))

    work = Background(consume, capacity=100, batch=4, name="test")
    for number in range(50):
        work.put(number)
    gate.set()
    work.close()
    assert [number for batch in batches for number in batch] == list(range(50))
    assert max(map(len, batches)) == 4


def test_a_lingering_batch_is_handed_on_without_another_item():
    done = threading.Event()
    work = Background(lambda _: done.set(), capacity=100, batch=50, linger_s=0.05, name="test")
    work.put(1)
    assert done.wait(DEADLINE_S)
    work.close()


def test_put_waits_while_the_queue_is_full():
    gate, started = threading.Event(), threading.Event()

    def consume(_):
        started.set()
        gate.wait(DEADLINE_S)

    work = Background(consume, capacity=2, name="test")
    work.put(0)
    assert started.wait(DEADLINE_S)
    work.put(1)
    work.put(2)
    waiting = threading.Thread(target=work.put, args=(3,))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    gate.set()
    waiting.join(DEADLINE_S)
    assert not waiting.is_alive()
    work.close()


def test_a_failure_reaches_every_put_and_close_stays_quiet_then():
    def consume(_):
        raise RuntimeError("broken")

    work = Background(consume, capacity=1, name="test")
    with pytest.raises(RuntimeError, match="broken"):
        deque((work.put(number) for number in range(1000)), maxlen=0)
    with pytest.raises(RuntimeError, match="broken"):
        work.put(0)
    work.close()


def test_close_tells_a_failure_that_nobody_saw_once():
    def consume(_):
        raise RuntimeError("broken")

    work = Background(consume, capacity=1, name="test")
    work.put(0)
    with pytest.raises(RuntimeError, match="broken"):
        work.close()
    work.close()

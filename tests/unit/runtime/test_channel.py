"""A bounded queue: order, back-pressure, its end and its failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from sightline.runtime.channel import Channel


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.002)
    return true()


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def join(thread: threading.Thread) -> None:
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_items_come_out_in_order_and_close_ends_the_iteration() -> None:
    channel: Channel[int] = Channel(2)

    def feed() -> None:
        for i in range(200):
            assert channel.put(i)
        channel.close()

    thread = in_thread(feed)
    assert list(channel) == list(range(200))
    join(thread)
    assert list(channel) == []


def test_no_more_than_its_capacity_waits() -> None:
    channel: Channel[int] = Channel(3)
    put: list[int] = []

    def feed() -> None:
        for i in range(10):
            channel.put(i)
            put.append(i)

    thread = in_thread(feed)
    assert eventually(lambda: len(put) == 3)
    time.sleep(0.05)
    assert put == [0, 1, 2]
    items = iter(channel)
    assert next(items) == 0
    assert eventually(lambda: len(put) == 4)
    assert [next(items) for _ in range(9)] == list(range(1, 10))
    join(thread)


def test_the_reader_waits_for_an_item() -> None:
    channel: Channel[str] = Channel(1)
    got: list[str] = []
    thread = in_thread(lambda: got.extend(channel))
    time.sleep(0.02)
    assert got == []
    channel.put("late")
    assert eventually(lambda: got == ["late"])
    channel.close()
    join(thread)


def test_a_failure_comes_after_the_items_before_it() -> None:
    channel: Channel[int] = Channel(5)
    channel.put(1)
    channel.put(2)
    channel.close(LookupError("broken"))
    got: list[int] = []
    with pytest.raises(LookupError, match="broken"):
        got.extend(channel)
    assert got == [1, 2]


def test_a_failure_wakes_a_waiting_reader() -> None:
    channel: Channel[int] = Channel(1)
    failures: list[BaseException] = []

    def read() -> None:
        try:
            list(channel)
        except LookupError as exc:
            failures.append(exc)

    thread = in_thread(read)
    time.sleep(0.02)
    channel.close(LookupError("broken"))
    join(thread)
    assert len(failures) == 1


@pytest.mark.parametrize("error", [None, LookupError("later")])
def test_the_first_close_counts(error: BaseException | None) -> None:
    channel: Channel[int] = Channel(1)
    channel.close()
    channel.close(error)
    assert list(channel) == []
    failing: Channel[int] = Channel(1)
    failing.close(LookupError("first"))
    failing.close(error)
    with pytest.raises(LookupError, match="first"):
        list(failing)


def test_cancel_wakes_a_waiting_writer_and_throws_items_away() -> None:
    channel: Channel[int] = Channel(1)
    results: list[bool] = []
    channel.put(0)
    thread = in_thread(lambda: results.append(channel.put(1)))
    time.sleep(0.02)
    assert results == []
    channel.cancel()
    join(thread)
    assert results == [False]
    assert channel.put(2) is False
    channel.close()
    assert list(channel) == []

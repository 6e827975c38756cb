"""Requests on their way, in a loop whose clock a test turns: who is let go when there are too many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sightline.errors import Overloaded, RequestError, TooSlow
from sightline.serving.http.arrivals import SILENT_S, START_S, Arrival, Arrivals


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Sender:
    """One request that comes in until it is told to end, or let go."""

    def __init__(self, arrivals: Arrivals, address: str, within_s: float = 60, expected: int = 0):
        self.arrival: Arrival | None = None
        self.end = asyncio.Event()
        self.task = asyncio.ensure_future(self._send(arrivals, address, within_s, expected))

    async def _send(self, arrivals: Arrivals, address: str, within_s: float, expected: int) -> None:
        async with arrivals.arriving(address, within_s, "the body", expected) as arrival:
            self.arrival = arrival
            await self.end.wait()

    async def outcome(self) -> RequestError | None:
        """Why it was let go; None: it came in whole, or comes still."""
        for _ in range(5):
            await asyncio.sleep(0)
        if not self.task.done():
            return None
        error = self.task.exception()
        assert error is None or isinstance(error, RequestError)
        return error


async def sending(arrivals: Arrivals, *addresses: str, **more: Any) -> list[Sender]:
    senders = [Sender(arrivals, address, **more) for address in addresses]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return senders


def in_loop(test: Callable[[Clock], Awaitable[None]]) -> None:
    async def run() -> None:
        try:
            await test(Clock())
        finally:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    asyncio.run(run())


def test_what_has_come_in_leaves_no_trace() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 4, clock=clock)
        (one,) = await sending(arrivals, "a")
        assert one.arrival is not None
        arrivals.grew(one.arrival, 900)
        assert (len(arrivals), arrivals.held) == (1, 900)
        one.end.set()
        await one.task
        assert (len(arrivals), arrivals.held, arrivals.coming("a")) == (0, 0, 0)

    in_loop(test)


def test_a_request_that_breaks_off_leaves_no_trace() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 4, clock=clock)

        async def break_off() -> None:
            async with arrivals.arriving("a", 60, "the body") as arrival:
                arrivals.grew(arrival, 10)
                raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await break_off()
        assert (len(arrivals), arrivals.held) == (0, 0)

    in_loop(test)


def test_what_does_not_come_in_time_is_told() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 4, clock=clock)
        (one,) = await sending(arrivals, "a", within_s=0.0)
        assert str(await one.outcome()) == "the body did not come within 0 s"

    in_loop(test)


def test_the_newcomer_is_refused_while_all_others_send() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 2, clock=clock)
        await sending(arrivals, "a", "a")
        newcomer, other = await sending(arrivals, "a", "b")
        error = await newcomer.outcome()
        assert isinstance(error, Overloaded)
        assert str(error) == "2 requests of this address are on their way already"
        assert await other.outcome() is None, "others are not concerned"

    in_loop(test)


def test_who_was_silent_for_longest_makes_room() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 2, clock=clock)
        first, second = await sending(arrivals, "a", "a")
        clock.now += SILENT_S
        assert first.arrival is not None
        arrivals.grew(first.arrival, 1)
        (newcomer,) = await sending(arrivals, "a")
        error = await second.outcome()
        assert isinstance(error, TooSlow)
        assert str(error) == "too many requests of this address send nothing"
        assert await first.outcome() is None
        assert await newcomer.outcome() is None
        assert len(arrivals) == 2

    in_loop(test)


def test_memory_is_taken_from_who_is_silent_and_else_from_the_largest() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 4, clock=clock)
        small, large, silent = await sending(arrivals, "a", "b", "c")
        for one, size in ((silent, 100), (large, 500), (small, 100)):
            assert one.arrival is not None
            arrivals.grew(one.arrival, size)
        clock.now += SILENT_S
        for one, size in ((large, 200), (small, 50)):
            arrivals.grew(one.arrival, size)  # type: ignore[arg-type]
        arrivals.grew(small.arrival, 100)  # type: ignore[arg-type]
        assert isinstance(await silent.outcome(), TooSlow)
        assert await large.outcome() is None
        assert arrivals.held == 950
        arrivals.grew(small.arrival, 100)  # type: ignore[arg-type]
        assert isinstance(await large.outcome(), TooSlow)
        assert arrivals.held == 350

    in_loop(test)


def test_who_takes_most_itself_is_refused_itself() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 4, clock=clock)
        (one,) = await sending(arrivals, "a")
        assert one.arrival is not None
        arrivals.grew(one.arrival, 1000)
        with pytest.raises(Overloaded, match="takes all memory that is set apart"):
            arrivals.grew(one.arrival, 1)

    in_loop(test)


@pytest.mark.parametrize(
    ("expected", "size", "counted"), [(100, 25, 0.25), (100, 400, 1.0), (0, 0, 0.0), (0, 5, 1.0)]
)
def test_a_request_counts_by_the_part_of_it_that_is_there(
    expected: int, size: int, counted: float
) -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 4, clock=clock)
        (one,) = await sending(arrivals, "a", expected=expected)
        assert one.arrival is not None
        arrivals.grew(one.arrival, size)
        assert arrivals.coming("a") == counted
        assert arrivals.coming("b") == 0

    in_loop(test)


def test_all_that_are_silent_end_with_the_service() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(1000, 4, clock=clock)
        silent, sends = await sending(arrivals, "a", "b")
        clock.now += 0.5
        assert sends.arrival is not None
        arrivals.grew(sends.arrival, 1)
        arrivals.end(0.5, lambda: Overloaded("the service ends"))
        assert str(await silent.outcome()) == "the service ends"
        assert await sends.outcome() is None

    in_loop(test)


def test_a_rate_is_asked_of_each_after_a_while() -> None:
    async def test(clock: Clock) -> None:
        arrivals = Arrivals(10_000, 4, least_rate=1000.0, clock=clock)
        (one,) = await sending(arrivals, "a")
        assert one.arrival is not None
        loop = asyncio.get_running_loop()
        deadline = one.arrival._deadline
        assert deadline.when() == pytest.approx(loop.time() + START_S, abs=0.5)
        clock.now += 1
        arrivals.grew(one.arrival, 3000)  # as much as it must send within three seconds
        assert deadline.when() == pytest.approx(loop.time() + START_S + 3 - 1, abs=0.5)
        one.arrival.due(loop.time() + 1e6)
        assert deadline.when() == one.arrival._latest, "never later than its own end"

    in_loop(test)

"""How fast an engine is: measured as its batches end, for one input size and batch size at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

InputSize = tuple[int, int]
"""Pictures that can share a batch: (height, width) of the network's input."""

GAIN = 1.05
"""A larger batch pays where it does so many times the pictures a second of the next smaller one."""

SMOOTHING = 0.2
"""The part of a new measurement in an average: the last five or so count."""

FULL = 0.75
"""From this part of its requests in use on, an engine counts as working as fast as it can."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One batch size: seconds of a batch that is alone, and of a picture with all requests in use."""

    pictures: int
    alone_s: float
    cost_s: float


class Speed:
    """What one engine's batches take.

    Time is shared between the batches that are in flight together: while three are, each is charged
    a third of it. So ``cost`` is seconds of the whole engine for one picture, however many
    inferences run side by side, and 1 / cost is the engine's throughput.

    Args:
        requests: batches that the engine may have in flight.
        sizes: batch sizes that are allowed at every input size; None: 1, and what ``learn`` brings.
    """

    def __init__(self, requests: int, sizes: Sequence[int] | None = None) -> None:
        self.requests = requests
        self.in_flight = 0
        self.lost = 0
        """Requests that the watchdog gave up on and that have not come back."""
        self.cost: float | None = None
        """Seconds for one picture while all requests are in use; None: not known yet."""
        self.busy_s = 0.0
        """Seconds in which the engine had all the work that it can do at a time; less work counts in part."""
        self._enough = requests
        self._given = None if sizes is None else tuple(sorted({1, *sizes}))
        self._learnt: dict[InputSize, tuple[int, ...]] = {}
        self._parallel: dict[InputSize, int] = {}
        self._times: dict[tuple[InputSize, int], float] = {}
        self._counts: dict[tuple[InputSize, int], int] = {}
        self._share = 0.0  # the integral of 1 / in_flight over time
        self._share_at = 0.0

    @property
    def free(self) -> int:
        """Batches that may be handed to the engine now."""
        return self.requests - self.lost - self.in_flight

    @property
    def hung(self) -> bool:
        """Every request of the engine hangs."""
        return self.lost >= self.requests

    def sizes(self, input_size: InputSize) -> tuple[int, ...]:
        """The batch sizes that are allowed, smallest first."""
        return self._given or self._learnt.get(input_size, (1,))

    def parallel(self, input_size: InputSize) -> int:
        """Batches that run side by side before another one has to wait inside the engine."""
        return self._parallel.get(input_size, self.requests)

    def time(self, input_size: InputSize, pictures: int) -> float:
        """Seconds from handing a batch to the engine to its end; 0 where nothing is known."""
        return self._times.get((input_size, pictures), (self.cost or 0.0) * pictures)

    def learn(self, input_size: InputSize, measured: Sequence[Measured]) -> None:
        """What a warm-up has found: the sizes to use, and their times."""
        self._learnt[input_size] = tuple(m.pictures for m in measured)
        for m in measured:
            self._times[input_size, m.pictures] = m.alone_s
            self._counts[input_size, m.pictures] = 2
        last = measured[-1]
        side_by_side = round(last.alone_s / (last.cost_s * last.pictures))
        self._parallel[input_size] = max(1, min(side_by_side, self.requests))
        self._enough = max(self._parallel.values())
        if self.cost is None:
            self.cost = last.cost_s

    def learnt(self) -> tuple[InputSize, ...]:
        """The input sizes that were warmed up."""
        return tuple(self._learnt)

    def join_nothing(self) -> None:
        """From now on every batch is one item."""
        self._given = (1,)

    def started(self, now: float) -> float:
        """A batch was handed over. Returns what ``ended`` wants to have back."""
        self._advance(now)
        self.in_flight += 1
        return self._share

    def ended(
        self, input_size: InputSize, pictures: int, started: float, share: float, now: float
    ) -> None:
        """A batch that began at ``started`` was done well."""
        self._advance(now)
        self.in_flight -= 1
        key, seconds, shared = (input_size, pictures), now - started, self._share - share
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        before = self._times.get(key)
        if before is None:
            self._times[key] = seconds
        elif count == 1:
            # The first one may have compiled a network: the second one tells.
            self._times[key] = min(before, seconds)
        else:
            self._times[key] = before + SMOOTHING * (seconds - before)
        if shared > 0 and seconds >= FULL * (self.requests - self.lost) * shared and count:
            cost = shared / pictures
            self.cost = cost if self.cost is None else self.cost + SMOOTHING * (cost - self.cost)

    def busy(self, now: float) -> float:
        """``busy_s`` until now."""
        self._advance(now)
        return self.busy_s

    def failed(self, now: float) -> None:
        """A batch came back without a result, which says nothing of the speed."""
        self._advance(now)
        self.in_flight -= 1

    def _advance(self, now: float) -> None:
        if self.in_flight:
            passed = now - self._share_at
            self._share += passed / self.in_flight
            self.busy_s += passed * min(1.0, self.in_flight / self._enough)
        self._share_at = now

"""What waits for an engine: one client's job, under the terms of that client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sightline.config import Priority
from sightline.errors import SightlineError
from sightline.runtime.scheduling.executions import Watch
from sightline.runtime.scheduling.pace import Pace, RecentRate
from sightline.runtime.scheduling.speed import InputSize, Speed
from sightline.types import Floats, Pixels

RANKS = 4
URGENT, KEPT, NORMAL, BATCH = range(RANKS)
"""The order in which items run; KEPT are those that a client's minimum rate assures it of."""
RANK: dict[Priority, int] = {"urgent": URGENT, "normal": NORMAL, "batch": BATCH}
NEVER = float("inf")

Reason = Literal["overloaded", "deadline", "stale", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms an item is run.

    Args:
        client: name of the stream or of the API client; engines are shared between these.
        priority: its budget in the queue is in ``SchedulerOptions``.
        weight: share of the engine beside the other clients' of the same priority.
        min_rate: items per second that are run before anyone but urgent ones gets more.
        max_age_s: since ``since``; what has waited for longer is dropped ("stale").
        deadline: monotonic moment after which the item is not run.
        since: monotonic moment that the age counts from; None: its arrival.
        live: a frame of a live stream. Under overload it is not refused but waits as a spare, until
            a frame of the same client comes that is newer (``since``).
        interval_s: seconds from ``since`` until the stream's next frame, where that is known. A spare is
            dropped then ("stale"), even where the next frame is not decoded.
        max_wait_s: it is refused at once where it would wait longer; None: as its priority's budget
            has it.
        watch: is told of the batches that the item's jobs are run in; None: nothing is measured.
        key: where two models share the traffic, items of one key go to one of them; None: to any.
        answered_by: is told the name of the model that has answered, where there may be several.
    """

    client: str
    priority: Priority = "normal"
    weight: float = 1.0
    min_rate: float = 0.0
    max_age_s: float | None = None
    deadline: float | None = None
    since: float | None = None
    live: bool = False
    interval_s: float | None = None
    max_wait_s: float | None = None
    watch: Watch | None = None
    key: str | None = None
    answered_by: Callable[[str], None] | None = None


class Client:
    """One client of one engine: a stream, or whoever sends requests."""

    __slots__ = (
        "active_until", "away", "busy", "frames", "known_until", "name", "paces", "passed_over",
        "rates", "refused_until", "tags", "tokens", "tokens_at", "waiting", "weight",
    )  # fmt: skip

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.weight = 1.0
        self.busy = 0  # items that wait or are in flight
        self.waiting = [0] * RANKS  # pictures, without those of spares
        self.frames: list[Item] = []  # frames of a live stream that wait
        self.tags = [0.0] * RANKS
        self.passed_over = False  # a live stream has turns to its credit
        self.active_until = self.known_until = now
        self.away = False
        self.refused_until = [now] * RANKS  # until then it counts as one that wants more
        self.paces = [Pace() for _ in range(RANKS)]
        self.rates = [RecentRate() for _ in range(RANKS)]
        self.tokens, self.tokens_at = 1.0, now


NOBODY = Client("", 0.0)
"""The client of an item until a queue has taken it."""


class Item:
    """One job of a client: what ``Engine.submit`` was called with, and its future."""

    __slots__ = (
        "again", "arrived", "client", "deadline", "error", "expiry", "fill", "future", "gone",
        "input_size", "number", "pictures", "priority", "rank", "read", "result", "since", "spare", "tag", "terms",
    )  # fmt: skip

    def __init__(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], Any],
        terms: Terms,
        now: float,
    ) -> None:
        self.pictures: int = shape[0]
        self.input_size: InputSize = shape[1:]
        self.fill, self.read, self.terms = fill, read, terms
        self.priority: Priority = terms.priority
        self.arrived = now
        self.deadline = NEVER if terms.deadline is None else terms.deadline
        self.since = now if terms.since is None else terms.since
        stale = NEVER if terms.max_age_s is None else self.since + terms.max_age_s
        self.expiry = min(self.deadline, stale)
        self.future: Future[Any] = Future()
        self.rank = RANK[terms.priority]
        self.tag = 0.0
        self.number = 0
        self.client = NOBODY
        self.spare = False
        """It has given way to items of clients that have had less: see ``Waiting``."""
        self.again = False
        """It was in a batch that failed as a whole, and is run alone."""
        self.gone = False
        """Its caller cancelled it at the last moment: its place in the batch stays empty."""
        self.error: BaseException | None = None
        self.result: Any = None


class Dropped(NamedTuple):
    """An item that is not run, and why; ``error`` is for its future, None where that is cancelled."""

    item: Item
    reason: Reason
    error: SightlineError | None


@dataclass(eq=False, slots=True)
class Batch:
    """Items that are run together. ``settled``: every one of them has its outcome."""

    items: list[Item]
    input_size: InputSize
    pictures: int
    started: float
    speed: Speed
    share: float
    settled: bool = False

"""One model of a scheduler: its engine, its queue, and the thread between the two."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from sightline.protocols import Engine
from sightline.runtime.scheduling.items import NEVER
from sightline.runtime.scheduling.queue import BatchQueue
from sightline.types import OUTCOMES, ModelStats


class QueuedModel:
    """An engine with its queue and the thread that hands it what waited."""

    def __init__(
        self, name: str, engine: Engine, queue: BatchQueue, sizes: Sequence[int] | None,
        lock: threading.Lock,
    ) -> None:  # fmt: skip
        self.name = name
        self.engine = engine
        self.queue = queue
        self.sizes = sizes
        self.outcomes: Counter[str] = Counter()
        self.changed = threading.Condition(lock)
        self.wake_at = -NEVER  # until when the thread sleeps; while it is awake, the past
        self.closed = False
        self.thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether something waits or runs."""
        return bool(self.queue.backlog or self.queue.in_flight)

    def stop(self) -> None:
        """With the lock held: its thread ends when nothing is left to do."""
        self.closed = True
        self.changed.notify()

    def join(self) -> None:
        """Wait for its thread to end."""
        if self.thread is not None:
            self.thread.join()

    def stats(self) -> ModelStats:
        """A snapshot."""
        speed = self.queue.speed
        return ModelStats(
            waiting=self.queue.backlog.by_priority(),
            in_flight=len(self.queue.in_flight),
            capacity=1.0 / speed.cost if speed.cost else 0.0,
            outcomes={outcome: self.outcomes[outcome] for outcome in OUTCOMES},
            requests=speed.requests,
            lost=speed.lost,
            batch_sizes={
                input_size[::-1]: speed.sizes(input_size) for input_size in speed.learnt()
            },
        )

"""Runs what the queues of a scheduler hand out, and gives every item exactly one outcome.

Batches are run by the thread that submits, where the engine is free, and else by one thread per model:
never in an engine's own threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from sightline.engines.metered import Metered
from sightline.errors import InferenceError, let_go_of_frames
from sightline.protocols import Engine, Meter
from sightline.runtime.scheduling.items import NEVER, Batch, Dropped, Item
from sightline.runtime.scheduling.joined import JoinedJob, NotABatch
from sightline.runtime.scheduling.queued_model import QueuedModel


class Outcomes:
    """Shared by the models of one scheduler, with its one ``lock``.

    ``models`` are all whose queues are looked after, also those that are on their way out.
    """

    def __init__(self, watchdog_s: float, meter: Meter | None, clock: Callable[[], float]) -> None:
        self.lock = threading.Lock()
        self.models: list[QueuedModel] = []
        self._watchdog_s, self._meter, self._clock = watchdog_s, meter, clock
        self._ended = threading.Condition(self.lock)  # a batch ended while somebody waits for it
        self._awaited = 0
        self._settling = 0  # steps that have yet to give items their outcomes

    def serve(self, model: QueuedModel) -> None:
        """The thread of one model: runs what waited, and sees to what is late."""
        while self._step(model):
            pass

    def _step(self, model: QueuedModel) -> bool:
        """Wait until there is something to do, and do it; False when there will be nothing more.

        What it handles is let go of when it returns: pictures must not live until the next step.
        """
        with self.lock:
            while True:
                now = self._clock()
                late = model.queue.overdue(now)
                batch = model.queue.take(now)
                dropped = self.collect()
                if late or dropped or batch is not None:
                    break
                if model.closed:
                    return False
                model.wake_at = at = model.queue.wake_at(now)
                model.changed.wait(None if at == NEVER else at - now)
                model.wake_at = -NEVER
            engine = model.engine
            hanging = [item for b in late for item in b.items if not item.gone]
            model.outcomes["failed"] += len(hanging)
            self._settling += 1
        for item in hanging:
            item.future.set_exception(self._hang(model, item))
        self._settled()
        self.settle(dropped)
        if batch is not None:
            self.run(model, engine, batch)
        return True

    def run(self, model: QueuedModel, engine: Engine, batch: Batch) -> None:
        """Hand a batch to its engine."""
        if self._meter is not None:
            for item in batch.items:
                if not (item.gone or item.again):
                    self._meter.queued(model.name, item.priority, batch.started - item.arrived)
            engine = Metered(engine, model.name, self._meter)
        job = JoinedJob(batch.items)
        try:
            future = engine.submit((batch.pictures, *batch.input_size), job.fill, job.read)
        except BaseException as exc:
            # Whatever it is, it is the batch's outcome; what is no plain failure goes on as well.
            self._returned(model, batch, exc)
            if not isinstance(exc, Exception):
                raise
        else:
            future.add_done_callback(lambda f: self._returned(model, batch, f.exception()))

    def _returned(self, model: QueuedModel, batch: Batch, error: BaseException | None) -> None:
        """A batch came back: give its items their outcomes. Runs in a thread of the engine."""
        now = self._clock()
        items = [item for item in batch.items if not item.gone]
        again: list[Item] = []
        with self.lock:
            if batch.settled:
                batch.speed.lost -= 1  # late, but its request can be used again
                model.changed.notify()
                return
            batch.settled = True
            model.queue.ended(batch, now, well=error is None)
            if isinstance(error, NotABatch):
                batch.speed.join_nothing()
            if error is not None and len(batch.items) > 1:
                again = [item for item in items if item.error is None]
                items = [item for item in items if item.error is not None]
                model.queue.backlog.requeue(again)
            for item in items:
                item.error = item.error or error
                model.outcomes["done" if item.error is None else "failed"] += 1
            if model.queue.backlog:
                model.changed.notify()
            self._settling += 1
        for item in items:
            if item.error is None:
                item.future.set_result(item.result)
            else:
                let_go_of_frames(item.error)
                item.future.set_exception(item.error)
        self._settled()

    def collect(self) -> list[tuple[QueuedModel, Dropped]]:
        """With the lock held: what the queues have dropped; it is counted here and has its outcome from ``_settle``."""
        found = [(m, d) for m in self.models for d in m.queue.backlog.dropped()]
        for model, dropped in found:
            model.outcomes[dropped.reason] += 1
        if found:
            self._settling += 1
        return found

    def settle(self, found: Sequence[tuple[QueuedModel, Dropped]]) -> None:
        """Give what was collected its outcomes; without the lock: futures call back."""
        if not found:
            return
        for model, (item, reason, error) in found:
            if error is not None:
                item.future.set_exception(error)
            if self._meter is not None and reason != "failed":
                self._meter.refused(model.name, item.priority, reason)
        self._settled()

    def _settled(self) -> None:
        """All outcomes of a step were given."""
        with self.lock:
            self._settling -= 1
            if self._awaited:
                self._ended.notify_all()

    def _hang(self, model: QueuedModel, item: Item) -> InferenceError:
        return InferenceError(
            f"model {model.name}: an inference of {item.input_size[1]}×{item.input_size[0]} has not ended "
            f"after {self._watchdog_s:g} s"
        )

    def wait(self, over: Callable[[], bool], timeout_s: float | None) -> bool:
        """Wait, with the lock held, until something is over."""
        self._awaited += 1
        try:
            return self._ended.wait_for(lambda: not self._settling and over(), timeout_s)
        finally:
            self._awaited -= 1

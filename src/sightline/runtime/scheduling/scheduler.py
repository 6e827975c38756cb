"""One scheduler for everybody who needs an engine: streams and clients of the service alike.

It joins the jobs of many into batches, in the order that ``queue`` decides. Knows threads and
futures; knows neither frames nor boxes. Batches are run by the thread that submits, where the engine
is free, and else by one thread per model: never in an engine's own threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from typing import TypeVar

from sightline import interpreter
from sightline.config import SchedulerOptions
from sightline.errors import (
    Conflict,
    NotFound,
    Overloaded,
)
from sightline.protocols import Engine, Meter
from sightline.runtime.scheduling.items import Batch, Item, Terms
from sightline.runtime.scheduling.outcomes import Outcomes
from sightline.runtime.scheduling.queue import BatchQueue
from sightline.runtime.scheduling.queued_model import QueuedModel
from sightline.runtime.scheduling.room import QueueCapacity
from sightline.runtime.scheduling.warm_up import measure_batches, new_speed
from sightline.types import EngineInfo, Floats, Pixels, SchedulerStats

T = TypeVar("T")


class Scheduler:
    """Shares engines between clients.

    Args:
        options: budgets and limits.
        meter: told of what was queued, inferred and refused, but not of warming up.
        clock: of terms and budgets, in seconds.
    """

    def __init__(
        self,
        options: SchedulerOptions,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._meter = meter
        self._clock = clock
        self._room = QueueCapacity(options.queue)
        self._outcomes = Outcomes(options.watchdog_s, meter, clock)
        self._lock = self._outcomes.lock
        self._models: dict[str, QueuedModel] = {}
        self._refusing: str | None = None
        interpreter.watch(self)

    # Engines.

    def add(self, name: str, engine: Engine, batch_sizes: Sequence[int] | None = None) -> None:
        """Schedule an engine under a model's name; it stays its owner's to close.

        ``batch_sizes`` are used at every input size, up to ``max_batch``; None: 1, and those of
        which ``warm_up`` finds that they pay. Raises Conflict: the name is taken.
        """
        if batch_sizes is not None:
            batch_sizes = [n for n in batch_sizes if n <= self._options.max_batch]
        with self._lock:
            if name in self._models:
                raise Conflict(f"model {name!r} is there already")
            queue = BatchQueue(name, self._options, self._room, new_speed(engine, batch_sizes))
            model = QueuedModel(name, engine, queue, batch_sizes, self._lock)
            model.thread = threading.Thread(
                target=self._outcomes.serve, args=(model,), name=f"schedule-{name}", daemon=True
            )
            self._models[name] = model
            self._outcomes.models.append(model)
        model.thread.start()

    def replace(self, name: str, engine: Engine) -> Engine:
        """Let another engine take over, without a failed job.

        It is warmed up first as the old one was, and what it raises there leaves everything as it
        was. Returns the old one after what it had in flight is done.
        """
        model = self._model(name)
        speed = new_speed(engine, model.sizes)
        for input_size in model.queue.speed.learnt():
            measured = measure_batches(engine, input_size, model.sizes, self._options.max_batch)
            with self._lock:
                speed.learn(input_size, measured)
        with self._lock:
            old, model.engine = model.engine, engine
            before = model.queue.speed
            model.queue.renew(speed)
            model.changed.notify()
            self._outcomes.wait(
                lambda: not any(b.speed is before for b in model.queue.in_flight), None
            )
        return old

    def remove(self, name: str) -> Engine:
        """Take a model out after what it had accepted is done. Raises NotFound."""
        with self._lock:
            model = self._model(name)
            del self._models[name]
            self._outcomes.wait(lambda: not model.busy, None)
            self._room.backlogs.remove(model.queue.backlog)
            self._outcomes.models.remove(model)
            model.stop()
        model.join()
        return model.engine

    def info(self, name: str) -> EngineInfo:
        """What the engine of a model is. Raises NotFound."""
        return self._model(name).engine.info

    def warm_up(self, name: str, canvas: tuple[int, int], *, most: int | None = None) -> None:
        """Run a model's engine at an input size (width, height) and learn what batches take.

        ``most`` is how many pictures may wait at a time, where that is known: larger batches are not
        tried.

        Raises:
            NotFound: there is no such model.
            SightlineError: it cannot run at that size.
        """
        model = self._model(name)
        sizes = model.sizes
        if most is not None and sizes is not None:
            sizes = [n for n in sizes if n <= most] or [1]
        largest = self._options.max_batch if most is None else min(most, self._options.max_batch)
        speed, input_size = model.queue.speed, (canvas[1], canvas[0])
        measured = measure_batches(model.engine, input_size, sizes, largest)
        with self._lock:
            speed.learn(input_size, measured)

    def stats(self) -> SchedulerStats:
        """A snapshot of all models."""
        with self._lock:
            return SchedulerStats({name: model.stats() for name, model in self._models.items()})

    def busy_s(self, name: str) -> float:
        """Seconds that a model's engine has worked at its full speed; 0 for a model that is not there."""
        with self._lock:
            model = self._models.get(name)
            return 0.0 if model is None else model.queue.speed.busy(self._clock())

    # Ending.

    def drain(self, timeout_s: float) -> bool:
        """Accept nothing more and finish what was accepted; False where that took too long."""
        with self._lock:
            self._refusing = self._refusing or "the service is shutting down"
            return self._outcomes.wait(
                lambda: not any(model.busy for model in self._models.values()), timeout_s
            )

    def close(self) -> None:
        """Refuse what waits, and wait for what is in flight. Idempotent."""
        with self._lock:
            self._refusing = "the service has shut down"
            models = list(self._models.values())
            for model in models:
                error = Overloaded(f"model {model.name}: {self._refusing}")
                model.queue.backlog.drop_all("overloaded", error)
                model.changed.notify()
            self._outcomes.wait(lambda: not any(model.busy for model in models), None)
            for model in models:
                model.stop()
        for model in models:
            model.join()

    def end_threads(self, deadline: float) -> None:
        """They run no native code: the interpreter may end them where they are."""

    def after_fork(self) -> None:
        """Its models' threads are the parent's, so it has no models any more and refuses everything."""
        self._refusing = (
            "this process was forked from the one that schedules: make a scheduler, or a service, "
            "in each process"
        )
        self._outcomes = Outcomes(self._options.watchdog_s, self._meter, self._clock)
        self._lock = self._outcomes.lock
        self._models = {}
        self._room = QueueCapacity(self._options.queue)

    # Jobs.

    def submit(
        self,
        name: str,
        terms: Terms,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """``Engine.submit`` under a client's terms: see ``engine``."""
        now = self._clock()
        item = Item(shape, fill, read, terms, now)
        refused: Overloaded | None = None
        batch: Batch | None = None
        with self._lock:
            model = self._model(name)
            try:
                if self._refusing:
                    raise Overloaded(f"model {name}: {self._refusing}")
                model.queue.push(item, now)
            except Overloaded as exc:
                refused = exc
                model.outcomes["overloaded"] += 1
            else:
                batch = model.queue.take(now)
                if model.queue.wake_at(now) < model.wake_at:
                    model.changed.notify()
            engine = model.engine
            dropped = self._outcomes.collect()
        self._outcomes.settle(dropped)
        if refused is not None:
            if self._meter is not None:
                self._meter.refused(name, item.priority, "overloaded")
            try:
                raise refused
            finally:
                del refused  # its trace holds this function, which holds a picture: no circle
        if batch is not None:
            # A batch may be of several clients: what an engine logs is not of this one's request.
            Context().run(self._outcomes.run, model, engine, batch)
        return item.future

    def check(self, name: str, terms: Terms, coming: float = 0.0) -> None:
        """See whether one more picture of a busy client would be refused, before it is read.

        ``coming``: pictures of the client that will be submitted before it.

        Raises Overloaded, as ``submit`` would.
        """
        now = self._clock()
        item = Item((1, 0, 0), _nothing, _nothing, terms, now)
        with self._lock:
            model = self._model(name)
            try:
                model.queue.check(item, now, coming)
            except Overloaded:
                model.outcomes["overloaded"] += 1
                if self._meter is not None:
                    self._meter.refused(name, item.priority, "overloaded")
                raise

    # Models.

    def _model(self, name: str) -> QueuedModel:
        model = self._models.get(name)
        if model is None and self._refusing and not self._models:
            raise Overloaded(f"model {name}: {self._refusing}")
        if model is None:
            raise NotFound(f"there is no model {name!r}; there are {', '.join(self._models)}")
        return model


def _nothing(_: object) -> None:
    """Fills and reads nothing: of an item that is never run."""

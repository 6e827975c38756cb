"""One scheduler for everybody who needs an engine: streams and clients of the service alike.

It joins the jobs of many into batches, in the order that ``queue`` decides. Knows threads and
futures; knows neither frames nor boxes. Batches are run by the thread that submits, where the engine
is free, and else by one thread per model: never in an engine's own threads.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from typing import TypeVar

from sightline import interpreter
from sightline.config import SchedulerOptions
from sightline.engines.metered import Metered
from sightline.errors import (
    Conflict,
    InferenceError,
    NotFound,
    Overloaded,
    let_go_of_frames,
)
from sightline.protocols import Engine, Meter
from sightline.runtime.scheduling.items import NEVER, Batch, Dropped, Item, Terms
from sightline.runtime.scheduling.joined import JoinedJob, NotABatch
from sightline.runtime.scheduling.queue import BatchQueue
from sightline.runtime.scheduling.room import Room
from sightline.runtime.scheduling.speed import InputSize, Speed
from sightline.runtime.scheduling.warm_up import joinable, measure_sizes
from sightline.types import OUTCOMES, EngineInfo, Floats, ModelStats, Pixels, SchedulerStats

T = TypeVar("T")


class _Model:
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
        self._room = Room(options.queue)
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)  # a batch ended while somebody waits for it
        self._awaited = 0
        self._settling = 0  # steps that have yet to give items their outcomes
        self._known: list[_Model] = []  # also those that are on their way out
        self._models: dict[str, _Model] = {}
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
            queue = BatchQueue(name, self._options, self._room, self._speed(engine, batch_sizes))
            model = _Model(name, engine, queue, batch_sizes, self._lock)
            model.thread = threading.Thread(
                target=self._dispatch, args=(model,), name=f"schedule-{name}", daemon=True
            )
            self._models[name] = model
            self._known.append(model)
        model.thread.start()

    def replace(self, name: str, engine: Engine) -> Engine:
        """Let another engine take over, without a failed job.

        It is warmed up first as the old one was, and what it raises there leaves everything as it
        was. Returns the old one after what it had in flight is done.
        """
        model = self._model(name)
        speed = self._speed(engine, model.sizes)
        for input_size in model.queue.speed.learnt():
            self._learn(engine, speed, input_size, model.sizes)
        with self._lock:
            old, model.engine = model.engine, engine
            before = model.queue.speed
            model.queue.renew(speed)
            model.changed.notify()
            self._wait(lambda: not any(b.speed is before for b in model.queue.in_flight), None)
        return old

    def remove(self, name: str) -> Engine:
        """Take a model out after what it had accepted is done. Raises NotFound."""
        with self._lock:
            model = self._model(name)
            del self._models[name]
            self._wait(lambda: not _busy(model), None)
            self._room.backlogs.remove(model.queue.backlog)
            self._known.remove(model)
            _stop(model)
        _join(model)
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
        self._learn(model.engine, model.queue.speed, (canvas[1], canvas[0]), sizes, most)

    def stats(self) -> SchedulerStats:
        """A snapshot of all models."""
        with self._lock:
            return SchedulerStats({name: _stats(model) for name, model in self._models.items()})

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
            return self._wait(lambda: not any(map(_busy, self._models.values())), timeout_s)

    def close(self) -> None:
        """Refuse what waits, and wait for what is in flight. Idempotent."""
        with self._lock:
            self._refusing = "the service has shut down"
            models = list(self._models.values())
            for model in models:
                error = Overloaded(f"model {model.name}: {self._refusing}")
                model.queue.backlog.drop_all("overloaded", error)
                model.changed.notify()
            self._wait(lambda: not any(map(_busy, models)), None)
            for model in models:
                _stop(model)
        for model in models:
            _join(model)

    def end_threads(self, deadline: float) -> None:
        """They run no native code: the interpreter may end them where they are."""

    def after_fork(self) -> None:
        """Its models' threads are the parent's, so it has no models any more and refuses everything."""
        self._refusing = (
            "this process was forked from the one that schedules: make a scheduler, or a service, "
            "in each process"
        )
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._known, self._models = [], {}
        self._room = Room(self._options.queue)
        self._awaited = self._settling = 0

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
            dropped = self._collect()
        self._settle(dropped)
        if refused is not None:
            if self._meter is not None:
                self._meter.refused(name, item.priority, "overloaded")
            try:
                raise refused
            finally:
                del refused  # its trace holds this function, which holds a picture: no circle
        if batch is not None:
            # A batch may be of several clients: what an engine logs is not of this one's request.
            Context().run(self._run, model, engine, batch)
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

    def _dispatch(self, model: _Model) -> None:
        """The thread of one model: runs what waited, and sees to what is late."""
        while self._step(model):
            pass

    def _step(self, model: _Model) -> bool:
        """Wait until there is something to do, and do it; False when there will be nothing more.

        What it handles is let go of when it returns: pictures must not live until the next step.
        """
        with self._lock:
            while True:
                now = self._clock()
                late = model.queue.overdue(now)
                batch = model.queue.take(now)
                dropped = self._collect()
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
        self._settle(dropped)
        if batch is not None:
            self._run(model, engine, batch)
        return True

    def _run(self, model: _Model, engine: Engine, batch: Batch) -> None:
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

    def _returned(self, model: _Model, batch: Batch, error: BaseException | None) -> None:
        """A batch came back: give its items their outcomes. Runs in a thread of the engine."""
        now = self._clock()
        items = [item for item in batch.items if not item.gone]
        again: list[Item] = []
        with self._lock:
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

    def _collect(self) -> list[tuple[_Model, Dropped]]:
        """What the queues have dropped; it is counted here and has its outcome from ``_settle``."""
        found = [(m, d) for m in self._known for d in m.queue.backlog.dropped()]
        for model, dropped in found:
            model.outcomes[dropped.reason] += 1
        if found:
            self._settling += 1
        return found

    def _settle(self, found: Sequence[tuple[_Model, Dropped]]) -> None:
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
        with self._lock:
            self._settling -= 1
            if self._awaited:
                self._ended.notify_all()

    def _hang(self, model: _Model, item: Item) -> InferenceError:
        return InferenceError(
            f"model {model.name}: an inference of {item.input_size[1]}×{item.input_size[0]} has not ended "
            f"after {self._options.watchdog_s:g} s"
        )

    # Models.

    def _model(self, name: str) -> _Model:
        model = self._models.get(name)
        if model is None and self._refusing and not self._models:
            raise Overloaded(f"model {name}: {self._refusing}")
        if model is None:
            raise NotFound(f"there is no model {name!r}; there are {', '.join(self._models)}")
        return model

    def _speed(self, engine: Engine, sizes: Sequence[int] | None) -> Speed:
        return Speed(engine.info.requests, sizes if joinable(engine) else (1,))

    def _learn(
        self,
        engine: Engine,
        speed: Speed,
        input_size: InputSize,
        sizes: Sequence[int] | None,
        most: int | None = None,
    ) -> None:
        if not joinable(engine):
            sizes = (1,)
        largest = self._options.max_batch if most is None else min(most, self._options.max_batch)
        powers = [1 << i for i in range(largest.bit_length())]
        measured = measure_sizes(engine, input_size, sizes or powers, choose=sizes is None)
        with self._lock:
            speed.learn(input_size, measured)

    def _wait(self, over: Callable[[], bool], timeout_s: float | None) -> bool:
        """Wait, with the lock held, until something is over."""
        self._awaited += 1
        try:
            return self._ended.wait_for(lambda: not self._settling and over(), timeout_s)
        finally:
            self._awaited -= 1


def _nothing(_: object) -> None:
    """Fills and reads nothing: of an item that is never run."""


def _busy(model: _Model) -> bool:
    queue = model.queue
    return bool(queue.backlog or queue.in_flight)


def _stop(model: _Model) -> None:
    model.closed = True
    model.changed.notify()


def _join(model: _Model) -> None:
    if model.thread is not None:
        model.thread.join()


def _stats(model: _Model) -> ModelStats:
    speed = model.queue.speed
    return ModelStats(
        waiting=model.queue.backlog.by_priority(),
        in_flight=len(model.queue.in_flight),
        capacity=1.0 / speed.cost if speed.cost else 0.0,
        outcomes={outcome: model.outcomes[outcome] for outcome in OUTCOMES},
        requests=speed.requests,
        lost=speed.lost,
        batch_sizes={input_size[::-1]: speed.sizes(input_size) for input_size in speed.learnt()},
    )

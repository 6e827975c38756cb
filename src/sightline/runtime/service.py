"""A model for many callers in one process: priorities, deadlines, batches; awaited or called."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from sightline import interpreter
from sightline.config import DetectParameters, LimitOptions, Priority, SchedulerOptions, checked
from sightline.errors import ConfigError, Overloaded
from sightline.protocols import Detector, Meter, SharedDetector
from sightline.runtime.repository.served_model import SharedModel
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.types import Detections, Frame

if TYPE_CHECKING:
    from sightline.sources.stills import Image

_DRAIN_S = 10.0
_QUEUE_S = LimitOptions().queue_ms / 1e3
"""What would wait for longer is refused, as it is over a network."""


class SubmitParameters(DetectParameters):
    """How a picture is looked at; the arguments of ``submit``."""

    priority: Priority


class ModelService:
    """Runs a detector behind the scheduler, without a network.

        async with ModelService(detector) as service:
            found = await service.predict(frame, priority="urgent")

        with ModelService(detector) as service:
            found = service.predict_sync("bus.jpg")

    Both faces may be used at once, from any number of threads and from one or more event loops.

    Args:
        detector: a model's detector.
        options: queue budgets and batch size.
        owned: whether the detector is closed with the service.
        meter: told of what is queued, inferred and refused.

    Raises:
        ConfigError: the detector has no engine that could be shared (``people``).
    """

    def __init__(
        self,
        detector: Detector,
        options: SchedulerOptions | None = None,
        *,
        owned: bool = False,
        meter: Meter | None = None,
    ) -> None:
        if not isinstance(detector, SharedDetector):
            raise ConfigError("this detector has no engine to share: give a model file")
        self.detector = detector
        self._options, self._meter = options or SchedulerOptions(), meter
        self._owned = owned
        self._started = False
        self._make()
        interpreter.watch(self)

    def submit(
        self,
        image: Image,
        *,
        priority: Priority = "normal",
        timeout_s: float | None = None,
        client: str = "local",
        conf: float | None = None,
        iou: float | None = None,
        classes: int | str | Sequence[int | str] | None = None,
    ) -> Future[Detections]:
        """Start looking at a picture; what ``predict`` and ``predict_sync`` wait for.

        Only theirs know their picture, which ``plot`` and ``save`` draw on: give it to those of this one.

        Args:
            image: a path, an encoded picture, pixels (height, width, 3) uint8 BGR, or a Frame.
            priority: ``urgent``, ``normal`` or ``batch``.
            timeout_s: after it the picture is not looked at any more.
            client: fairness is between clients.
            conf, iou, classes: instead of the model's.

        Raises:
            Overloaded: too much waits already.
            SourceError, DecodeError: the picture cannot be read; damage within it shows in the
                future, as DeadlineExceeded and InferenceError do.
            InvalidRequest: it is no picture.
            ConfigError: an argument is wrong, or the model has no such class.
        """
        from sightline.sources.stills import encoded_frame

        self._start_at_first_use()
        parameters = checked(
            SubmitParameters, priority=priority, conf=conf, iou=iou, classes=classes
        )
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        terms = Terms(client, parameters.priority, deadline=deadline, max_wait_s=_QUEUE_S)
        return self._model.submit(
            encoded_frame(image),
            terms,
            conf=parameters.conf,
            iou=parameters.iou,
            classes=parameters.classes,
        )

    async def predict(self, image: Image, **parameters: Any) -> Detections:
        """The objects in a picture; arguments and errors are those of ``submit``.

        Cancelling it takes the picture out of the queue.
        """
        from sightline.sources.stills import encoded_frame

        if not self._started:
            await asyncio.to_thread(self._start_at_first_use)
        read = isinstance(image, (str, Path))
        frame = await asyncio.to_thread(encoded_frame, image) if read else encoded_frame(image)
        found = await asyncio.wrap_future(self.submit(frame, **parameters))
        return _with_picture(found, image, frame)

    def predict_sync(self, image: Image, **parameters: Any) -> Detections:
        """``predict`` for code that does not await."""
        from sightline.sources.stills import encoded_frame

        frame = encoded_frame(image)
        return _with_picture(self.submit(frame, **parameters).result(), image, frame)

    async def predict_batch(
        self, images: Iterable[Image], **parameters: object
    ) -> list[Detections]:
        """The objects in each of many pictures, in their order; priority ``batch`` by default.

        However many there are, only as many wait in the queue as it takes. The first failure is
        raised.
        """
        return await asyncio.to_thread(self.predict_batch_sync, images, **parameters)

    def predict_batch_sync(self, images: Iterable[Image], **parameters: Any) -> list[Detections]:
        """``predict_batch`` for code that does not await."""
        parameters.setdefault("priority", "batch")
        return _in_turn(images, partial(self.submit, **parameters))

    def start(self) -> None:
        """Warm up; takes seconds. A context does it, else the first picture. Idempotent."""
        if not self._started:
            self._model.add()
            self._started = True
            self._model.warm_up()

    def close(self) -> None:
        """Finish what was accepted, then end. Idempotent."""
        self.scheduler.drain(_DRAIN_S)
        self.scheduler.close()
        if self._owned:
            self.detector.close()

    def end_threads(self, deadline: float) -> None:
        """Those that run native code are the engine's, and are seen to there."""

    def after_fork(self) -> None:
        """The child has a scheduler of its own; the engine makes itself again likewise."""
        self._make()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a ModelService cannot be pickled: send its model, and make one in each process"
        )

    def _make(self) -> None:
        self._starting = threading.Lock()
        self.scheduler = Scheduler(self._options, self._meter)
        self._model = SharedModel("model", self.detector, self.scheduler)
        self._started = False

    def _start_at_first_use(self) -> None:
        """Where no context has done it: in a notebook, or in a forked child, whose parent's start is past."""
        if not self._started:
            with self._starting:
                self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)


def _in_turn(
    images: Iterable[Image], submit: Callable[[Frame], Future[Detections]]
) -> list[Detections]:
    """The objects in each image; as many wait in the queue as it takes."""
    from sightline.sources.stills import encoded_frame

    waiting: deque[tuple[Future[Detections], Image, Frame]] = deque()
    results: list[Detections] = []
    room = sys.maxsize  # that the queue has for us, once it has said so
    try:
        for image in images:
            frame = encoded_frame(image)
            future = None
            while future is None:
                if len(waiting) >= room:
                    results.append(_settled(*waiting.popleft()))
                try:
                    future = submit(frame)
                except Overloaded:
                    if not waiting:
                        raise  # it is others who fill the queue
                    room = len(waiting)
            waiting.append((future, image, frame))
        results.extend(_settled(*one) for one in waiting)
    finally:
        for future, _, _ in waiting:
            future.cancel()
    return results


def _settled(future: Future[Detections], image: Image, frame: Frame) -> Detections:
    return _with_picture(future.result(), image, frame)


def _with_picture(found: Detections, image: Image, frame: Frame) -> Detections:
    """The objects, which know the picture that they were found in; of a file no pixels are kept."""
    from sightline.sources.stills import frame_reference

    return replace(found, frame_ref=frame_reference(image, frame))

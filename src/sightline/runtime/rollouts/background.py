"""A detector in a process of its own, which has the processor only when nobody else wants it.

A model that shares a process with the one that answers takes its processor, its interpreter's lock and,
where it crashes, its life. This one takes none of them.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

from sightline.errors import EngineUnavailable, InferenceError, ModelError, SightlineError
from sightline.protocols import AdjustableDetector, Detector
from sightline.runtime.repository.served_model import Overrides
from sightline.types import Detections, Frame

START_S = 120.0
"""Loading the model takes no longer."""
HANG_S = 60.0
"""A process that has not answered for so long is ended: on a full machine it waits for its turn, too."""
_PAUSE_FIRST_S = 1.0
_END_S = 5.0
"""A process that was killed is waited for so long."""

log = logging.getLogger(__name__)

MakeDetector = Callable[[], Detector]
"""Made anew in the process, so it must be picklable. Raises SightlineError."""

ReadContent = Callable[[], str]
"""The SHA-256 of the files that the detector is made of, found in the process: picklable. Raises SightlineError."""


class TimedDetections(NamedTuple):
    """The objects of a picture, and the seconds that they took: on the clock, and of the processor.

    ``cpu_s`` is None where it is not known.
    """

    objects: Detections
    seconds: float
    cpu_s: float | None = None


class ModelReady(NamedTuple):
    """What a process says of its model once that can be used.

    ``content`` is the SHA-256 of what was loaded; None where nobody asked for it.
    """

    class_names: tuple[str, ...]
    conf: float | None
    content: str | None = None


class ProcessTimeouts(NamedTuple):
    """How long a process may take.

    ``start_s`` to load the model, ``hang_s`` for a picture; one that takes longer is ended. Between two starts there
    are ``pause_max_s`` at most. ``idle_start``: it yields the processor while it loads the model, too.
    """

    start_s: float = START_S
    hang_s: float = HANG_S
    pause_max_s: float = 60.0
    idle_start: bool = False


USUAL = ProcessTimeouts()


class BackgroundDetector:
    """Runs a detector in another process, one picture at a time. For one thread.

    A process that dies or hangs is started again at the next picture, after a pause that grows.

    Args:
        name: of the model, for messages.
        make: makes the detector, in the process.
        patience: how long it may take.
        content: tells one model from another: a process that dies is started again with the same only.
    """

    def __init__(
        self,
        name: str,
        make: MakeDetector,
        clock: Callable[[], float] = time.monotonic,
        patience: ProcessTimeouts = USUAL,
        content: ReadContent | None = None,
    ) -> None:
        self._name, self._make, self._clock, self._patience = name, make, clock, patience
        self._read_content = content
        self.content: str | None = None
        """The SHA-256 of what was loaded; None: nothing was loaded yet, or nobody asked for it."""
        self._pause_s = _PAUSE_FIRST_S
        self._again_at = 0.0
        self._pipe: Connection | None = None
        self._closed = False
        self._ready: ModelReady | None = None
        self._begin()

    def wait(self) -> ModelReady:
        """Wait until the model is loaded. Raises what loading it raised; EngineUnavailable: its process has died."""
        answer = self._receive(self._patience.start_s)
        if isinstance(answer, BaseException):
            self._drop()
            self._pause()
            raise answer
        assert isinstance(answer, ModelReady)
        if self.content not in {None, answer.content}:
            self._drop()
            self._pause()
            message = (
                f"model {self._name}: its files are others than those that were loaded and judged: it is not used "
                "until its rollout is restarted"
            )
            log.error("%s", message)
            raise EngineUnavailable(message)
        self._ready, self.content = answer, answer.content
        return answer

    def ready(self) -> ModelReady:
        """What the model says of itself; it is loaded where it is not. Raises as ``detect``, and what loading it raises."""
        if self._pipe is None:
            self._restart()
        return self.wait() if self._ready is None else self._ready

    def detect(self, frame: Frame, wanted: Overrides) -> TimedDetections:
        """The objects of a picture.

        Raises:
            EngineUnavailable: the process has ended, and is not started again yet.
            SightlineError: what detecting raised, or InferenceError where the process died.
        """
        if self._pipe is None:
            self._restart()
        self._send((frame, wanted))
        answer = self._receive(self._patience.hang_s)
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, TimedDetections)
        self._pause_s = _PAUSE_FIRST_S
        return answer

    def restart(self) -> ModelReady:
        """Load the model again from its file, whatever is in it now. Raises what loading it raises."""
        self._drop()
        self.content = None
        self._begin()
        return self.wait()

    def close(self) -> None:
        """End the process, from any thread: what another one waits for fails. Idempotent."""
        self._closed = True
        self._end()

    def _drop(self) -> None:
        """Let go of the process."""
        self._ready = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        self._end()

    def _end(self) -> None:
        """End the process. On a full machine it has no time even to end: it is lent some, and not waited for."""
        self._process.kill()
        if self._process.pid is not None:
            _claim_processor(self._process.pid)
        self._process.join(_END_S)

    def _begin(self) -> None:
        # Never fork: runtimes have threads, and locks that these hold.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._make, self._read_content),
            name=f"sightline-{self._name}", daemon=True,
        )  # fmt: skip
        try:
            process.start()
        except OSError as exc:
            self._pipe = None
            self._pause()
            raise EngineUnavailable(
                f"model {self._name}: no process can be started: {exc}"
            ) from exc
        finally:
            theirs.close()
        self._process = process
        if self._patience.idle_start and process.pid is not None:
            _set_idle(process.pid)  # what it imports takes seconds of the processor already

    def _restart(self) -> None:
        if self._closed or self._clock() < self._again_at:
            raise EngineUnavailable(f"model {self._name}: its process starts again in a while")
        self._begin()
        self.wait()

    def _pause(self) -> None:
        """Start no other process for a while, each time for longer."""
        self._again_at = self._clock() + self._pause_s
        self._pause_s = min(self._patience.pause_max_s, 2 * self._pause_s)

    def _send(self, what: object) -> None:
        """Hand something to the process. One that does not take it in time is ended: pictures are larger than pipes."""
        assert self._pipe is not None
        watch = threading.Timer(self._patience.hang_s, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            self._pipe.send(what)
        except OSError as exc:
            raise self._died() from exc
        except (TypeError, AttributeError, pickle.PicklingError) as exc:  # of somebody's own source
            raise InferenceError(f"a picture cannot be handed to another process: {exc}") from exc
        finally:
            watch.cancel()

    def _receive(self, limit_s: float) -> object:
        """What the process says next; an error is returned, or raised where there is no process any more."""
        assert self._pipe is not None
        try:
            if self._pipe.poll(limit_s):
                return self._pipe.recv()
        except (EOFError, OSError) as exc:
            raise self._died() from exc
        self._process.kill()
        raise self._died(f"has not answered for {limit_s:g} s")

    def _died(self, how: str = "has died") -> InferenceError:
        self._drop()
        self._pause()
        if not self._closed:
            log.error("model %s: its process %s; it is started again", self._name, how)
        return InferenceError(f"model {self._name}: its process {how}")


def _serve(pipe: Connection, make: MakeDetector, read: ReadContent | None) -> None:
    """Answer pictures until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the parent, who ends this process
    with contextlib.suppress(EOFError, OSError):
        try:
            detector, content = _loaded(make, read)
        except SightlineError as exc:
            pipe.send(exc)
            return
        conf = getattr(detector, "conf", None)
        _yield_processor()  # its threads, too: what is still to be made inherits it
        pipe.send(ModelReady(detector.class_names, conf, content))
        while True:
            frame, wanted = pipe.recv()
            pipe.send(_answer(detector, frame, wanted))
            del frame
    # The engine's threads end with the process: nobody waits for what hangs in one.
    os._exit(0)


def _loaded(make: MakeDetector, read: ReadContent | None) -> tuple[Detector, str | None]:
    """The detector, and what it was made of. Raises ModelError: that was changed meanwhile."""
    if read is None:
        return make(), None
    content, detector = read(), make()
    if read() != content:
        raise ModelError("the model's files were changed while they were loaded: load it again")
    return detector, content


def _answer(detector: Detector, frame: Frame, wanted: Overrides) -> TimedDetections | BaseException:
    begun, used = time.monotonic(), time.process_time()
    try:
        if isinstance(detector, AdjustableDetector):
            detector = detector.replaced(**wanted._asdict())
        (objects,) = detector.submit((frame,)).result()
    except SightlineError as exc:
        return exc
    except Exception as exc:  # noqa: BLE001 - the seam: a runtime's own, which may not be picklable
        return InferenceError(f"{type(exc).__name__}: {exc}")
    return TimedDetections(objects, time.monotonic() - begun, time.process_time() - used)


def _yield_processor() -> None:
    """Let all threads of this process run only where no other process wants the processor."""
    for thread in _threads() if hasattr(os, "SCHED_IDLE") else [0]:
        _set_idle(thread)


def _set_idle(thread: int) -> None:
    """Let a thread, or a process that has begun, run only where nobody else wants the processor; 0: this one."""
    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, thread, 19)  # not Linux: as low as it goes


def _claim_processor(process: int) -> None:
    """Let a process run as any other does, where this user may say so."""
    if not hasattr(os, "SCHED_IDLE"):
        return
    with contextlib.suppress(OSError):  # it has ended, or needs a right that few have
        for thread in _threads(process):
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _threads(process: int | str = "self") -> Sequence[int]:
    tasks = f"/proc/{process}/task"
    return [int(task) for task in os.listdir(tasks)]  # noqa: PTH208 - names only

"""One stage of one stream, and the rule for what is late or fails.

A file waits for its stages, and ends with the first failure. A live stream goes on without the part
that is missing; it is counted by reason.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar

from sightline.errors import DeadlineExceeded, InferenceError, Overloaded
from sightline.protocols import Stage
from sightline.types import Observation, StreamInfo

T = TypeVar("T")


class StageRunner(Generic[T]):
    """Runs a stage, and sees to what is late or fails.

    Args:
        stage: of this stream.
        wait_s: how long a live stream waits for the stage; None: until it has ended. While it is late,
            nothing more is begun.
    """

    def __init__(self, stage: Stage[T], wait_s: float | None = None) -> None:
        self.stage = stage
        self.missing: Counter[str] = Counter()
        """Frames without this stage's part, by reason."""
        self.error: str | None = None
        """What the last frame of a live stream failed with; None where it did not."""
        self._wait_s = wait_s
        self._live = False
        self._ending = threading.Event()
        self._awaited: Future[T] | None = None
        self._late: Future[T] | None = None

    def begin(self, info: StreamInfo) -> None:
        """The source is open."""
        self._live = info.live

    def submit(self, seen: Observation) -> tuple[Observation, Future[T] | None]:
        """Begin with the next frame. Returns it, saying why where it is left out.

        Raises Overloaded: it is a file's, and ``retry`` says whether to submit it again.
        """
        if self.stage.name in seen.missing:
            return seen, None
        if self._late is not None:
            if not self._late.done():
                # A frame that was not analysed lacks no part.
                return (seen if seen.skipped else self._without(seen, "late")), None
            self._late = None
        try:
            return seen, self.stage.submit(seen)
        except Overloaded:
            if not self._live:
                raise
            return self._without(seen, "overloaded"), None
        except InferenceError as exc:
            if not self._live:
                raise
            self.error = str(exc)
            return self._without(seen, "failed"), None

    def retry(self, seen: Observation, refused: Overloaded) -> Observation:
        """Wait until a refused frame may be submitted again; where the stream ends, it is left out."""
        ends = self._ending.wait(refused.retry_after_s)
        return self._without(seen, "overloaded") if ends else seen

    def wait(
        self, seen: Observation, begun: Future[T] | None
    ) -> tuple[Observation, T | None, InferenceError | None]:
        """Wait for what was begun.

        Returns the observation, what was found, and the failure that ends the stream.
        """
        found: T | None = None
        reason: str | None = None
        while begun is not None and reason is None:
            awaited = self._awaited = (
                begun  # before it is looked whether the stream ends: see ``end``
            )
            if self._ending.is_set():
                awaited.cancel()
            try:
                error = awaited.exception(self._wait_s if self._live else None)
            except CancelledError:  # the stream ends, and the frame still waited for its turn
                reason = "stopped"
                continue
            except TimeoutError:
                self._late, reason = awaited, "late"
                continue
            # Not raised: its traceback would know this frame's picture, and the future that knows it.
            if error is None:
                found, begun, self.error = awaited.result(), None, None
            elif isinstance(error, DeadlineExceeded):
                reason = "stale"
            elif isinstance(error, Overloaded):  # accepted, then it made room for more urgent work
                if self._live:
                    reason = "overloaded"
                else:
                    seen, begun = self._again(seen, error)
            elif isinstance(error, InferenceError):
                if not self._live:
                    return self._without(seen, "failed"), None, error
                self.error, reason = str(error), "failed"
            else:  # the stage's own error
                raise error
        return (seen if reason is None else self._without(seen, reason)), found, None

    def end(self) -> None:
        """The stream ends: whoever waits here is let go. From any thread."""
        self._ending.set()
        awaited = self._awaited
        if awaited is not None:
            awaited.cancel()

    def _again(
        self, seen: Observation, refused: Overloaded
    ) -> tuple[Observation, Future[T] | None]:
        while True:
            seen = self.retry(seen, refused)
            try:
                return self.submit(seen)
            except Overloaded as exc:
                refused = exc.with_traceback(None)  # else this frame would keep itself

    def _without(self, seen: Observation, reason: str) -> Observation:
        self.missing[reason] += 1
        return seen.without(self.stage.name, reason)

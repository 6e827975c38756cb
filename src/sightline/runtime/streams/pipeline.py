"""The pipeline of one stream: which frames are looked at, and the stages that each goes through.

The thread that reads takes each frame up to the first stage, detection, so that several inferences are
in flight. Another thread waits for them in order and takes each frame through the rest.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sightline.errors import Overloaded
from sightline.protocols import Stage
from sightline.runtime.streams.record import StreamRecord
from sightline.runtime.streams.selection import EveryNth, Selection
from sightline.runtime.streams.stage_runner import StageRunner
from sightline.types import Detections, Frame, Observation, StreamInfo

Begun = tuple[Observation, "Future[Any] | None"]
"""A frame, and what a stage has begun with it."""

DEPTH = 4
"""Frames of a file that wait in one stage, while those after them are begun."""
LATE_S = 0.1
"""How long a frame of a live stream waits for each stage after detection."""

_NOTHING = Detections.empty()


class Pipeline:
    """Takes the frames of one stream through its stages, in order.

    Args:
        stages: the first one detects. It has all the time that its scheduler gives it.
        selection: chooses the frames that are analysed; all of them by default.
        record: counts what becomes of each frame.
        turn: held for the work of the processor, where many streams share few cores.
    """

    def __init__(
        self,
        stages: Sequence[Stage[Any]],
        selection: Selection | None = None,
        record: StreamRecord | None = None,
        turn: AbstractContextManager[None] | None = None,
    ) -> None:
        self.paused = False
        """While it is set, nothing is analysed."""
        first, *others = stages
        self._runners = [
            StageRunner(first),
            *(StageRunner(stage, LATE_S) for stage in others),
        ]
        self._waiting: list[deque[Begun]] = [deque() for _ in stages]
        self._depth = DEPTH
        self._selection = selection or EveryNth()
        self._record = record or StreamRecord()
        self._turn = turn or nullcontext()

    @property
    def error(self) -> str | None:
        """What a stage of a live stream fails with at the moment, or None."""
        return next((runner.error for runner in self._runners if runner.error), None)

    def missing(self) -> Mapping[str, Mapping[str, int]]:
        """Frames without the part of a stage after detection, by stage and reason."""
        return {r.stage.name: dict(r.missing) for r in self._runners[1:] if r.missing}

    def begin(self, info: StreamInfo) -> None:
        """The source is open."""
        self._selection.begin(info)
        self._depth = 0 if info.live else DEPTH
        for runner in self._runners:
            runner.begin(info)

    def take(self, frame: Frame) -> Begun:
        """Begin with the next frame, in the thread that reads."""
        self._record.took()
        first, seen = self._runners[0], Observation(frame, _NOTHING)
        with self._turn:
            reason = "paused" if self.paused else self._selection.reason(frame)
        if reason is not None:
            self._record.drop(reason)
            return seen.without(first.stage.name, reason), None
        while True:
            try:
                with self._turn:
                    seen, begun = first.submit(seen)
            except Overloaded as exc:
                seen = first.retry(seen, exc)
            else:
                if begun is None:
                    self._count(seen)
                return seen, begun

    def observations(self, taken: Iterable[Begun]) -> Iterator[Observation]:
        """What is known of each frame in the end, in order. In one thread.

        A frame that was not analysed, and of which no tracker says anything, has none.

        Raises:
            SightlineError: the first failure of what is taken or of a stage, after the observations of
                all frames before it.
        """
        taken = iter(taken)
        failed: BaseException | None = None
        while failed is None:
            try:
                seen, begun = next(taken)
            except StopIteration:
                break
            except Exception as exc:  # noqa: BLE001 - raised again, after the frames before it
                failed = exc
            else:
                yield from filter(_known, self._through(seen, begun))
        yield from filter(_known, self._settled(1, most=0))
        if failed is not None:
            try:
                raise failed
            finally:
                del failed  # its trace holds this frame: no circle

    def end(self) -> None:
        """The stream ends: whoever waits for a stage is let go. From any thread."""
        for runner in self._runners:
            runner.end()

    def _through(self, seen: Observation, begun: Future[Any] | None) -> Iterator[Observation]:
        """Take the next frame on from detection; yield the frames that are through all stages."""
        seen, found, failed = self._runners[0].wait(seen, begun)
        if begun is not None:
            self._count(seen)
        if failed is not None:
            yield from self._settled(1, most=0)
            try:
                raise failed
            finally:
                del failed
        done = self._advance(0, seen, found)
        if done is not None:
            yield done
        yield from self._settled(1, most=self._depth)

    def _settled(self, at: int, most: int) -> Iterator[Observation]:
        """Frames that are through, of those that wait in the stages from ``at`` on.

        At most so many are left waiting in each: the first ones are waited for.
        """
        for number in range(at, len(self._runners)):
            runner, waiting = self._runners[number], self._waiting[number]
            while waiting and (len(waiting) > most or _is_done(waiting[0])):
                seen, found, failed = runner.wait(*waiting.popleft())
                if failed is not None:
                    yield from self._settled(number + 1, most=0)
                    try:
                        raise failed
                    finally:
                        del failed
                done = self._advance(number, seen, found)
                if done is not None:
                    yield done

    def _advance(self, at: int, seen: Observation, found: object) -> Observation | None:
        """Settle a frame in a stage, and take it as far as it comes; None where it waits for another."""
        settled = False
        while True:
            try:
                with self._turn:
                    if not settled:
                        seen, settled = self._runners[at].stage.settle(seen, found), True
                    while (at := at + 1) < len(self._runners):
                        runner, waiting = self._runners[at], self._waiting[at]
                        seen, begun = runner.submit(seen)
                        if begun is not None or waiting:
                            waiting.append((seen, begun))
                            return None
                        seen = runner.stage.settle(seen, None)
                    return seen
            except Overloaded as exc:  # waited for without the turn
                seen = self._runners[at].retry(seen, exc)
                at -= 1

    def _count(self, seen: Observation) -> None:
        """A frame was analysed, or came to nothing."""
        reason = seen.skipped
        if reason is None:
            self._record.analyze(time.monotonic() - seen.frame.captured_at)
        else:
            self._record.drop(reason)
        self._selection.outcome(reason)


def _is_done(begun: Begun) -> bool:
    return begun[1] is None or begun[1].done()


def _known(seen: Observation) -> bool:
    return seen.skipped is None or seen.predicted

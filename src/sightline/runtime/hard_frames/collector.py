"""Keeps the hardest frames of each day of a stream, in a thread of its own: the stream never waits for a disk."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from sightline.errors import SightlineError
from sightline.imaging.blurring import blurred
from sightline.monitoring.hard_frames.appearance import appearance_of
from sightline.monitoring.hard_frames.reasons import LEAST, Reasons, hardness
from sightline.monitoring.hard_frames.selection import ChosenFrame, HardFrame, HardFrameSelection
from sightline.protocols import Embedder
from sightline.runtime.hard_frames.folder import HardFrameFolder, StoredFrame
from sightline.runtime.hard_frames.stock import FrameStock, day_of
from sightline.runtime.rollouts.jobs import JobThread
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Floats, Frame, HardFrameStatus, Observation
from sightline.wall_time import ClockWatch
from sightline.whole_files import safe_name

log = logging.getLogger(__name__)

_WAITING = 2
"""Frames that wait to be written, at most: each holds a picture."""
_PAUSE_S = 1.0
"""Between two frames on which models disagree."""
_AGAIN_S = 60.0
"""A disk that was full is tried again after so long."""
_TIDY_S = 3600.0
"""What has become too old is removed so often, also where no new frames come."""


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """How much of a stream is kept: ``per_day`` frames of each day (UTC), for ``days``, in ``bytes`` at most.

    Objects of the classes ``blur`` are made unrecognisable.
    """

    stream: str
    per_day: int
    days: float
    bytes: int
    blur: tuple[int, ...] = ()


class HardFrameCollector:
    """Takes frames that are hard, and writes those that are worth most of their day.

    Which those are is known at the day's end only: a frame is written when it is among them so far, and
    removed when a better one takes its place. What earlier runs kept counts, too. A folder that a live stream cannot
    use is told once, and tried again each minute.

    Args:
        kept: how much is kept.
        folder: where.
        embedder: tells which frames look the same; None: their brightness does. It belongs to the caller.
        live: nobody waits: what finds no place is left out and counted. Else whoever offers a frame writes it.
        clock: Unix seconds.
        monotonic: seconds that nobody sets.

    Raises SinkError: nobody waits for the stream, and the folder cannot be used.
    """

    def __init__(
        self,
        kept: RetentionLimits,
        folder: HardFrameFolder,
        embedder: Embedder | None = None,
        *,
        live: bool = True,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kept, self._folder, self._embedder = kept, folder, embedder
        self._live, self._monotonic = live, monotonic
        self._watch = ClockWatch(clock, monotonic)
        self._stock = FrameStock(folder, kept.days, kept.bytes, self._watch)
        self._day = ""
        self._selection: HardFrameSelection[StoredFrame] = HardFrameSelection(kept.per_day)
        self._working = threading.Lock()
        self._lock = threading.Lock()
        self._kinds: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._error: str | None = None
        self._disagreed_at = self._failed_at = float("-inf")
        self._status = HardFrameStatus()
        self._tidied_at = self._watch.ticks
        try:
            self._open(self._watch.now)
            self._retain()
        except SightlineError as exc:
            if not live:
                folder.close()
                raise
            self._fail(exc)
        self._tell()
        self._thread = JobThread(f"collect-{kept.stream}", _WAITING)

    def offer(self, seen: Observation, reasons: Reasons, view: Floats | None = None) -> None:
        """Take a frame where it is hard enough. Returns at once where the stream is live.

        Args:
            seen: the frame, with what was found in it.
            reasons: why it is hard.
            view: the brightness of its picture, see ``PictureSample.view``; None: it is looked at.
        """
        if hardness(reasons) < LEAST:
            if self._monotonic() - self._tidied_at >= _TIDY_S:
                self._tidied_at = self._monotonic()
                self._do(self._tidy)
        elif not self._do(lambda: self._keep(seen, reasons, view)):
            self._drop("busy")

    def disagreed(self, frame: Frame, found: Detections, agreement: float) -> None:
        """Take a frame in which two models found something else: ``agreement`` is the share that both found."""
        now = time.monotonic()
        if agreement < 1 and now - self._disagreed_at >= _PAUSE_S:
            self._disagreed_at = now
            self.offer(Observation(frame, found), {"disagreed": 1 - agreement})

    def status(self) -> HardFrameStatus:
        """How much was kept. From any thread."""
        with self._lock:
            return self._status

    def close(self) -> None:
        """End after the frame that is being written. Idempotent."""
        self._thread.close()
        self._stock.close()

    def _do(self, job: Callable[[], None]) -> bool:
        """Do a job now, or soon where nobody may wait; False where too many wait already."""
        if self._live:
            return self._thread.put(job)
        job()
        return True

    def _keep(self, seen: Observation, reasons: Reasons, view: Floats | None) -> None:
        with self._working:
            self._watch.look()
            utc = self._watch.now if seen.frame.utc is None else seen.frame.utc
            if self._watch.ticks - self._failed_at < _AGAIN_S:
                self._drop("failed")
                return
            try:
                self._open(utc)
                self._choose(seen, utc, reasons, view)
            except SightlineError as exc:
                self._fail(exc)
                self._drop("failed")
            else:
                self._recover()
            self._tell()

    def _tidy(self) -> None:
        """Remove what has become too old."""
        with self._working:
            self._watch.look()
            try:
                self._open(self._watch.now)
                self._retain()
            except SightlineError as exc:
                self._fail(exc)
            self._tell()

    def _fail(self, failure: SightlineError) -> None:
        self._failed_at = self._watch.ticks
        if self._error is None:  # once: a full disk lasts
            log.error(
                "stream %s: hard frames are not kept: %s; that is tried again each minute",
                self._kept.stream,
                failure,
            )
        self._error = str(failure)

    def _recover(self) -> None:
        if self._error is not None:
            lost = self._dropped["failed"]
            log.warning(
                "stream %s: hard frames are kept again; %d were not", self._kept.stream, lost
            )
        self._failed_at, self._error = float("-inf"), None

    def _choose(self, seen: Observation, utc: float, reasons: Reasons, view: Floats | None) -> None:
        """Raises SightlineError: it cannot be written, or not be embedded."""
        looks = appearance_of(seen.frame, self._embedder, view)
        stem = safe_name(self._kept.stream)[:80]
        moment = datetime.fromtimestamp(utc, UTC)
        name = f"{stem}-{moment:%Y%m%dT%H%M%S}-{seen.frame.index:06d}"
        if self._stock.shows(looks, hardness(reasons), self._day):
            return
        # The stream may have another embedder than it had earlier today.
        if not self._selection.fits(looks):
            self._selection = HardFrameSelection(self._kept.per_day)
        draft = StoredFrame(name, utc, reasons, looks, 0)
        choice = self._selection.choose(HardFrame(reasons, looks, draft))
        if choice is None:
            return
        shown = replace(seen, frame=replace(seen.frame, picture=_picture(seen, self._kept.blur)))
        stored = self._folder.write(name, shown, utc, reasons, looks)
        self._stock.add(stored)
        self._kinds.update(list(reasons))
        self._selection.take(ChosenFrame(HardFrame(reasons, looks, stored), choice.replaced))
        for old in choice.replaced:
            self._stock.remove(old.item)
        self._retain()

    def _open(self, utc: float) -> None:
        """Open the folder unless it is open, and begin the day unless it has begun. Raises SinkError."""
        if self._stock.open():
            self._day = ""
        self._begin_day(utc)

    def _begin_day(self, utc: float) -> None:
        """Begin a new choice with the first frame of a day: with what is there of it already."""
        if day_of(utc) == self._day:
            return
        self._day = day_of(utc)
        self._selection = HardFrameSelection(self._kept.per_day)
        for frame in self._stock.of_day(self._day):
            if not self._selection.fits(frame.appearance):
                self._selection = HardFrameSelection(self._kept.per_day)
            stored = HardFrame(frame.reasons, frame.appearance, frame)
            self._selection.take(ChosenFrame(stored, ()))

    def _retain(self) -> None:
        """Remove what is too old or too much. Raises SinkError."""
        for frame in self._stock.retain():
            self._selection.remove(frame)

    def _drop(self, reason: str) -> None:
        with self._lock:
            self._dropped[reason] += 1
        self._tell()

    def _tell(self) -> None:
        today = sum(1 for _ in self._stock.of_day(self._day))
        kept, size = len(self._stock.frames), self._stock.bytes
        with self._lock:
            self._status = HardFrameStatus(
                today, kept, size, dict(self._kinds), dict(self._dropped), self._error
            )


def _picture(seen: Observation, blur: Sequence[int]) -> ArrayPicture:
    """The picture that is written; objects of the classes ``blur`` are made unrecognisable."""
    pixels = seen.frame.image
    if blur:
        hidden = np.isin(seen.detections.class_ids, blur)
        pixels = blurred(pixels, seen.detections.boxes[hidden])
    return ArrayPicture(pixels)

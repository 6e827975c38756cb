"""A detector that looks only where something moves, at the camera's own resolution."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sightline.errors import Overloaded
from sightline.futures import all_begun, joined
from sightline.imaging.moving_parts import MovingParts
from sightline.models.composites.mosaic import MosaicPicture
from sightline.models.composites.region_choice import patches_around
from sightline.models.composites.region_results import KnownObjects, SelectedRegions, known_after
from sightline.protocols import SizedDetector
from sightline.types import Detections, Frame, Ints, Mask

IN_FLIGHT = 2
"""Frames that are looked at at a time: where objects were is known from the frame before those."""

_WAIT_S = 0.02
"""A frame waits so long for its turn, then its caller is told to come again."""

_AGAIN_S = 1.0
"""Stream seconds after which an object that stands still is looked at again, where there is room."""

_BUSY_S = 2.0
"""Where too much moves, only whole pictures are looked at for so long."""

_BUSY_EVERY = 5
"""… and the usual picture learns from every so many-th frame."""


class RegionDetector:
    """A ``Detector`` of one stream: it shows others the parts of each frame that move, side by side.

    Parts are shown at the camera's own resolution, or so that their objects have the size that a network finds
    well. Objects that stand still are known from earlier frames: they are looked at again when their part of
    the picture changes, when a mosaic has room, and with the whole picture. When too much moves, it is the
    whole picture.

    Frames come in order, one at a time, all of one stream. The results are the same on each run.

    Args:
        detector: sees whole pictures. Its owner closes it.
        mosaics: see mosaics: the same model with smaller inputs, the smallest first; none: ``detector`` does.
        refresh_s: the whole picture is looked at once in so many stream seconds.
    """

    def __init__(
        self,
        detector: SizedDetector,
        mosaics: Sequence[SizedDetector] = (),
        *,
        refresh_s: float = 2.0,
    ) -> None:
        self._detector = detector
        self._mosaics = mosaics or (detector,)
        self._refresh_s = refresh_s
        self._motion = MovingParts()
        self._known = KnownObjects(Detections.empty(detector.class_names), np.empty(0, np.float32))
        self._in_flight: deque[Future[KnownObjects]] = deque()
        self._chosen: tuple[Frame, SelectedRegions] | None = None
        self._refreshed = self._busy_until = float("-inf")
        self._busy_frames = 0
        self._unseen = False

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id, from 0."""
        return self._detector.class_names

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in the next frame.

        Raises Overloaded: the frames before it are not done, or the detector has no time. The same frame may
        be submitted again.
        """
        (frame,) = frames
        if self._chosen is None or self._chosen[0] is not frame:
            if self._chosen is not None and self._chosen[1].whole is not None:
                self._failed()  # that frame was given up
            self._settle()
            self._chosen = frame, self._choice(frame)
        looks = self._chosen[1]
        begun = all_begun(self._calls(frame, looks))
        self._chosen = None
        before = self._in_flight[-1] if self._in_flight else _done(self._known)
        found = _after(before, joined(begun, _firsts), looks)
        self._in_flight.append(
            _lasting(found, before, None if looks.whole is None else self._failed)
        )
        return joined([found], _objects)

    def close(self) -> None:
        """The detectors belong to whoever made them."""

    def _settle(self) -> None:
        """Let frames that are done count, and wait for the first one where too many are in flight."""
        while len(self._in_flight) >= IN_FLIGHT:
            oldest = self._in_flight[0]
            wait_for((oldest,), _WAIT_S)
            if not oldest.done():
                raise Overloaded("regions: frames before this one are not done", _WAIT_S)
            self._known = self._in_flight.popleft().result()

    def _failed(self) -> None:
        """The whole picture was not seen: it is looked at with the next frame, and nothing older counts."""
        self._unseen = True

    def _choice(self, frame: Frame) -> SelectedRegions:
        """What is looked at in a frame."""
        size = (frame.width, frame.height)
        canvas = self._detector.canvas(size)
        least = min(1.0, canvas[0] / size[0], canvas[1] / size[1])
        looks = SelectedRegions(
            frame.time, size, np.empty((0, 4), np.float32), (), 0, least, anew=False
        )
        if self._is_busy(frame):
            return replace(looks, anew=True)
        boxes = self._known.objects.boxes
        motions = self._motion.seen(frame, boxes)
        if motions is None:
            self._refreshed = frame.time
            return replace(looks, anew=True)
        if self._unseen or frame.time - self._refreshed >= self._refresh_s:
            looks = replace(looks, anew=self._unseen)
            self._refreshed, self._unseen = frame.time, False
        else:
            looks = replace(looks, whole=None)
        moving = np.concatenate((boxes[motions.objects], motions.boxes))
        if not len(moving):
            return looks
        canvases = [detector.canvas(size) for detector in self._mosaics]
        again = self._to_look_at_again(frame.time, motions.objects)
        while True:
            wanted = np.concatenate((moving, boxes[again]))
            chosen = patches_around(wanted, size, canvases, least)
            if chosen is not None:
                number, patches = chosen
                return replace(looks, wanted=wanted, patches=patches, mosaic=number)
            if not len(again):
                break
            again = again[: len(again) // 2]
        self._busy_until, self._refreshed = frame.time + _BUSY_S, frame.time
        return replace(looks, whole=least, anew=True)

    def _is_busy(self, frame: Frame) -> bool:
        """Whether a frame is looked at as a whole, because too much moved in those before it."""
        if frame.time >= self._busy_until:
            return False
        self._busy_frames += 1
        if self._busy_frames % _BUSY_EVERY == 0:
            self._motion.follow(frame)
        self._refreshed = frame.time
        return True

    def _to_look_at_again(self, time: float, moving: Mask) -> Ints:
        """Rows of objects that stand still and were not looked at for a while, the longest first."""
        looked_at = self._known.looked_at
        rows = np.flatnonzero(~moving & (time - looked_at >= _AGAIN_S))
        return rows[np.argsort(looked_at[rows], kind="stable")]

    def _calls(
        self, frame: Frame, looks: SelectedRegions
    ) -> list[Callable[[], Future[list[Detections]]]]:
        """What asks the detectors for the looks."""
        calls: list[Callable[[], Future[list[Detections]]]] = []
        if looks.patches:
            detector = self._mosaics[looks.mosaic]
            picture = MosaicPicture(frame, looks.patches, detector.canvas(looks.size))
            calls.append(partial(detector.submit, (replace(frame, picture=picture),)))
        if looks.whole is not None:
            calls.append(partial(self._detector.submit, (frame,)))
        return calls


def _firsts(results: list[list[Detections]]) -> list[Detections]:
    return [found[0] for found in results]


def _objects(results: list[KnownObjects]) -> list[Detections]:
    return [results[0].objects]


def _after(
    before: Future[KnownObjects], begun: Future[list[Detections]], looks: SelectedRegions
) -> Future[KnownObjects]:
    """What is known after a frame; the failure of its looks, where they fail."""
    both: list[Future[Any]] = [before, begun]
    return joined(both, lambda results: known_after(results[0], looks, results[1]))


def _done(known: KnownObjects) -> Future[KnownObjects]:
    future: Future[KnownObjects] = Future()
    future.set_result(known)
    return future


def _lasting(
    found: Future[KnownObjects], before: Future[KnownObjects], failed: Callable[[], None] | None
) -> Future[KnownObjects]:
    """What is known after a frame, which is what was known before it where it comes to nothing."""
    known: Future[KnownObjects] = Future()

    def settle(_: Future[KnownObjects]) -> None:
        if not found.cancelled() and found.exception() is None:
            known.set_result(found.result())
            return
        if failed is not None:
            failed()
        before.add_done_callback(lambda done: known.set_result(done.result()))

    found.add_done_callback(settle)
    return known

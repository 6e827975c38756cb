"""The stages of a stream: detection, embedding and tracking. Each adds its part to what is known of a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from sightline.protocols import Detector, Embedder, FrameTracker, Tracker
from sightline.tracking import appearance
from sightline.types import Detections, Floats, Frame, Mask, Observation


class DetectObjects:
    """Finds objects in the frames that were chosen.

    Args:
        detector: shared by streams; its owner closes it.
    """

    name = "detect"

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def submit(self, seen: Observation) -> Future[list[Detections]] | None:
        """Begin to detect; see ``Stage.submit``."""
        return self._detector.submit((seen.frame,))

    def settle(self, seen: Observation, found: list[Detections] | None) -> Observation:
        """The observation with what was found, where anything was looked for."""
        return seen if found is None else replace(seen, detections=found[0])


class DetectAtLevel(DetectObjects):
    """Finds objects with one of several inputs, as the load allows.

    Args:
        detectors: the same model at each size, the best first.
        size: which of them is next.
    """

    def __init__(self, detectors: Sequence[Detector], size: Callable[[], int]) -> None:
        super().__init__(detectors[0])
        self._detectors = detectors
        self._size = size

    def submit(self, seen: Observation) -> Future[list[Detections]] | None:
        """Begin to detect at the size that is next."""
        return self._detectors[self._size()].submit((seen.frame,))


class EmbedDetections:
    """Gives detections the vectors that a tracker knows objects again by.

    Args:
        embedder: shared by streams; its owner closes it.
        least: the lowest score of a detection that gets one.
    """

    name = "embed"

    def __init__(self, embedder: Embedder, least: float) -> None:
        self._embedder = embedder
        self._least = least

    def submit(self, seen: Observation) -> Future[Floats] | None:
        """Begin with the vectors of the sure detections; None: there are none."""
        rows = appearance.wanted(seen.detections, self._least)
        if seen.skipped is not None or not rows.any():
            return None
        return appearance.submit(self._embedder, seen.frame, seen.detections, rows)

    def settle(self, seen: Observation, found: Floats | None) -> Observation:
        """The observation, whose detections carry their vectors."""
        if found is None:
            return seen
        rows = appearance.wanted(seen.detections, self._least)
        return replace(seen, detections=appearance.carrying(seen.detections, rows, found))


class Track:
    """Follows objects through all frames. Of those that are not analysed, it predicts.

    Of a paused stream nothing is seen, and afterwards nothing is known of its objects.

    Args:
        tracker: of this stream alone.
    """

    name = "track"

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._update = _update_of(tracker)
        self._size: tuple[int, int] | None = None
        self._seen: Detections | None = None
        self._still = False

    def submit(self, seen: Observation) -> None:
        """There is nothing to wait for."""

    def settle(self, seen: Observation, found: None) -> Observation:  # noqa: ARG002 - the protocol's
        """The observation with the tracked objects, or with those predicted for a skipped frame."""
        frame, reason = seen.frame, seen.skipped
        size = (frame.width, frame.height)
        if self._size not in {None, size}:
            self._forget()  # positions of another geometry say nothing about this one
        self._size = size
        if reason is None:
            self._still = False
            self._seen = self._update(seen.detections, frame)
            return replace(seen, detections=self._seen)
        if reason == "paused":
            self._forget()
        if reason in {"paused", "stopped"}:
            return seen
        return replace(seen, detections=self._predicted(frame, reason), predicted=True)

    def _predicted(self, frame: Frame, reason: str) -> Detections:
        """The objects of a frame that was left out."""
        # Whether something moved since is not looked at in frames that are skipped.
        self._still = reason == "still" or (self._still and reason == "skipped")
        if self._still and self._seen is not None:
            return self._seen  # nothing has moved: they are where they were
        return _inside(self._tracker.predict(frame.time), frame)

    def _forget(self) -> None:
        self._tracker.reset()
        self._seen, self._still = None, False


def _update_of(tracker: Tracker) -> Callable[[Detections, Frame], Detections]:
    """A tracker's ``update`` with a frame, whether it looks at frames or at their time only."""
    if isinstance(tracker, FrameTracker) and tracker.takes_frames:
        return tracker.update
    return lambda detections, frame: tracker.update(detections, frame.time)


def _inside(objects: Detections, frame: Frame) -> Detections:
    """What can be seen of predicted objects: those that have left the picture are gone."""
    edges = np.array([frame.width, frame.height] * 2, np.float32)
    boxes = np.clip(objects.boxes, 0, edges)
    sides = boxes[:, 2:] - boxes[:, :2]
    visible: Mask = sides.min(axis=1) > 0
    return replace(objects, boxes=boxes)[visible]

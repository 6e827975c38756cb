"""``people``: a detector that needs no file.

OpenCV's pedestrian detector: histograms of oriented gradients and a linear SVM (Dalal and Triggs,
CVPR 2005), trained on people who stand or walk upright and are at least 96 pixels high.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import cv2
import numpy as np

from sightline import interpreter
from sightline.errors import EngineError
from sightline.geometry import Placement
from sightline.models.detector import class_ids
from sightline.models.postprocess.nms import suppress
from sightline.types import Detections, Frame

WIDTH = 640
"""Pictures are made this wide: the cost grows with the pixels, and smaller people are missed anyway."""

TALLEST = 3 * WIDTH
"""Pictures are made at most this high: a narrow strip as wide as that would fill the memory."""

WINDOW = (64, 128)

WORKERS = 2


class PeopleDetector:
    """A ``Detector`` of one class, person. Slow (about 10 frames/s a core) and modest."""

    class_names: tuple[str, ...] = ("person",)

    def __init__(
        self, conf: float | None = None, iou: float | None = None, limit: int | None = None
    ) -> None:
        self._conf = 0.25 if conf is None else conf
        self._iou = 0.45 if iou is None else iou
        self._limit = limit or 100
        self._wanted = True
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
        self._closed = False
        self._start()
        interpreter.watch(self)

    def __str__(self) -> str:
        return f"people: detect, pictures made {WIDTH} wide, 1 class (person), opencv on cpu"

    def __reduce__(self) -> tuple[Any, ...]:
        return PeopleDetector, (self._conf, self._iou, self._limit)

    def replaced(
        self,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Sequence[str] | None = None,
    ) -> Self:
        """The same detector, with the same threads, with other thresholds.

        Raises ConfigError: ``classes`` names another one than person.
        """
        other = object.__new__(type(self))  # copy() would start threads of its own
        other.__dict__.update(self.__dict__)
        other._conf = self._conf if conf is None else conf
        other._iou = self._iou if iou is None else iou
        if classes is not None:
            other._wanted = bool(class_ids(self.class_names, classes))
        return other

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in a batch of frames, one after another. Raises EngineError: it was closed."""
        self._room.acquire()
        try:
            future = self._workers.submit(lambda: [self._detect(frame) for frame in frames])
        except RuntimeError as exc:
            self._room.release()
            raise EngineError("detector people was closed") from exc
        future.add_done_callback(lambda _: self._room.release())
        return future

    def close(self) -> None:
        """End the worker threads. Idempotent."""
        self._closed = True
        self._workers.shutdown()

    def end_threads(self, deadline: float) -> None:
        """The pool's threads are no daemons: the interpreter waits for them by itself."""

    def after_fork(self) -> None:
        """In a forked child: start threads of its own."""
        if not self._closed:
            self._start()

    def _start(self) -> None:
        self._workers = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="people")
        self._room = threading.Semaphore(2 * WORKERS)

    def _detect(self, frame: Frame) -> Detections:
        scale = WIDTH / frame.width
        height = min(TALLEST, max(WINDOW[1], round(frame.height * scale)))
        picture = frame.scaled(WIDTH, height, "bgr")
        rects, weights = self._hog.detectMultiScale(
            picture, winStride=(8, 8), padding=(8, 8), scale=1.05, groupThreshold=0
        )
        if not len(rects) or not self._wanted:
            return Detections.empty(self.class_names)
        rects = np.asarray(rects, np.float32)
        # The training windows have a margin of about an eighth around the person.
        margin = rects[:, 2:] * np.array([0.125, 0.09], np.float32)
        boxes = np.concatenate(
            (rects[:, :2] + margin, rects[:, :2] + rects[:, 2:] - margin), axis=1
        )
        # Windows at the border reach beyond it.
        boxes = Placement(frame.width, frame.height, 0, 0, WIDTH, height).to_source(boxes)
        # The SVM's distance from its border, about 0 to 3, as a score between 0 and 1.
        scores = 1 - np.exp(-np.maximum(np.asarray(weights, np.float32).ravel(), 0))
        found = Detections(
            boxes, scores, np.zeros(len(boxes), np.int64), class_names=self.class_names
        )
        return suppress(found[scores > self._conf], self._iou, agnostic=True, limit=self._limit)

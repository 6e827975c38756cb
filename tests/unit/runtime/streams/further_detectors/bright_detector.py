"""A detector that finds what is bright, and frames for it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from sightline.config import DetectOptions, SegmentOptions
from sightline.runtime.streams.further_detectors.detect_in_objects import DetectInObjects
from sightline.runtime.streams.further_detectors.segment import SegmentObjects
from sightline.sources.stills import still_frame
from sightline.types import Detections, Frame, Observation

NAMES = ("person", "car")
WIDTH, HEIGHT = 320, 200


class Bright:
    """Finds what is brighter than 200 in each picture that it sees: class 0, with its mask."""

    def __init__(self, *names: str, masks: bool = True) -> None:
        self.class_names = names or ("plate",)
        self.seen: list[tuple[int, int]] = []
        self.refusals: list[Exception] = []
        self._masks = masks

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        if self.refusals:
            raise self.refusals.pop()
        self.seen += [(frame.width, frame.height) for frame in frames]
        found: Future[list[Detections]] = Future()
        found.set_result([self._look(frame.image[..., 0] > 200) for frame in frames])
        return found

    def _look(self, bright: np.ndarray) -> Detections:
        count, marks, boxes, _ = cv2.connectedComponentsWithStats(bright.astype(np.uint8))
        x, y, w, h = boxes[1:, :4].T.astype(np.float32)
        masks = np.stack([marks == i for i in range(1, count)]) if count > 1 else None
        return Detections(
            np.stack((x, y, x + w, y + h), axis=1),
            (0.5 + w * h / bright.size / 2).astype(np.float32),
            np.zeros(count - 1, np.int64),
            masks=masks if self._masks else None,
            class_names=self.class_names,
        )

    def close(self) -> None: ...


def picture(*bright: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for x0, y0, x1, y1 in bright:
        image[y0:y1, x0:x1] = 255
    return image


def seen(
    image: np.ndarray, *objects: tuple[float, float, float, float], index: int = 0, **fields: Any
) -> Observation:
    n = len(objects)
    found = Detections(
        np.array(objects, np.float32).reshape(n, 4),
        np.full(n, 0.9, np.float32),
        np.ones(n, np.int64),
        np.arange(11, 11 + n),
        class_names=NAMES,
    )
    return Observation(replace(still_frame(image), index=index), replace(found, **fields))


def run(stage: DetectInObjects | SegmentObjects, observation: Observation) -> Detections:
    begun = stage.submit(observation)
    return stage.settle(observation, None if begun is None else begun.result(0)).detections


def detecting(detector: Bright, ids: Sequence[int] | None = None, **options: Any) -> Any:
    wanted = None if ids is None else np.array(ids, np.int64)
    return DetectInObjects(detector, DetectOptions(model="m", **options), NAMES, wanted)


def segmenting(detector: Bright, **options: Any) -> SegmentObjects:
    return SegmentObjects(detector, SegmentOptions(model="m", **options), NAMES)


CAR, OTHER = (100, 50, 200, 120), (210, 60, 300, 130)

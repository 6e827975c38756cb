"""A detector around two detectors, as an ensemble is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Self

from sightline.futures import joined
from sightline.protocols import Engine, SharedDetector
from sightline.types import Detections, Frame


class PairDetector:
    """A ``SharedDetector`` and ``TrackableDetector``: what both find in a frame, the first's first."""

    tracker_options: Mapping[str, Any] | None = None
    embedder: str | None = None

    def __init__(self, first: SharedDetector, second: SharedDetector, conf: float = 0.5) -> None:
        self.members = (first, second)
        self.conf = conf

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.members[0].class_names

    @property
    def engines(self) -> tuple[Engine, ...]:
        return tuple(engine for one in self.members for engine in one.engines)

    @property
    def max_batch(self) -> int | None:
        return min((n for one in self.members if (n := one.max_batch) is not None), default=None)

    def batches(self, source: tuple[int, int]) -> Sequence[tuple[int, int, int]]:
        return [batch for one in self.members for batch in one.batches(source)]

    def with_aspects(self, aspects: Sequence[tuple[int, int]]) -> Self:
        return self._of(lambda one: one.with_aspects(aspects))

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        return self._of(lambda one: one.with_engines(wrap))

    def replaced(
        self,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Sequence[str] | None = None,
    ) -> Self:
        other = self._of(lambda one: one.replaced(conf=conf, iou=iou, classes=classes))
        other.conf = self.conf if conf is None else conf
        return other

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        return joined([one.submit(frames) for one in self.members], _both)

    def close(self) -> None:
        for one in self.members:
            one.close()

    def _of(self, change: Callable[[SharedDetector], SharedDetector]) -> Self:
        return type(self)(change(self.members[0]), change(self.members[1]), self.conf)


def _both(results: list[list[Detections]]) -> list[Detections]:
    return [Detections.concatenate(pair) for pair in zip(*results, strict=True)]

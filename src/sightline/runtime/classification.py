"""Whole pictures and frames through a classifier, in order, several at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import islice

from sightline.errors import SightlineError
from sightline.geometry import whole_box
from sightline.protocols import Classifier, Source
from sightline.types import Classification, Frame, Label

IN_FLIGHT = 4
"""Pictures that are decoded and not yet answered; each is kept until then."""


def classify_frames(
    source: Source, classifier: Classifier, every: int = 1
) -> Iterator[Classification]:
    """What a classifier says of each ``every``-th frame, seen whole.

    The source is closed at the end. Raises SightlineError: the first failure, after the answers of
    all frames before it.
    """
    waiting: deque[tuple[Frame, Future[list[tuple[Label, ...]]]]] = deque()
    failure: SightlineError | None = None
    source.open()
    try:
        frames = islice(source, 0, None, every)
        while True:
            try:
                frame = next(frames, None)
            except SightlineError as exc:
                frame, failure = None, exc
            if frame is None:
                break
            waiting.append((frame, classifier.submit(frame, whole_box(frame.width, frame.height))))
            if len(waiting) >= IN_FLIGHT:
                yield _answer(*waiting.popleft())
        while waiting:
            yield _answer(*waiting.popleft())
        if failure is not None:
            raise failure
    finally:
        source.close()


def _answer(frame: Frame, found: Future[list[tuple[Label, ...]]]) -> Classification:
    return Classification(frame, found.result()[0])

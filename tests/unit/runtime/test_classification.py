"""Frames through a classifier: in order, few at a time, closed whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from sightline.errors import DecodeError, InferenceError
from sightline.runtime.classification import IN_FLIGHT, classify_frames
from sightline.types import Frame, Label


class Source:
    """So many frames, then an error where there is one."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error = count, error
        self.read, self.opened, self.closed = 0, 0, 0

    def open(self) -> None:
        self.opened += 1

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            self.read += 1
            yield Frame("pictures", index, float(index), 0.0, PICTURE)  # type: ignore[arg-type]
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed += 1


class Picture:
    width, height = 64, 48


PICTURE = Picture()


class Classifier:
    """Answers later: the test sets the futures."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.boxes: list[Any] = []
        self.waiting: list[tuple[int, Future[Any]]] = []

    def submit(self, frame: Frame, boxes: Any) -> Future[Any]:
        self.boxes.append(boxes.tolist())
        future: Future[Any] = Future()
        self.waiting.append((frame.index, future))
        if self.at_once:
            future.set_result([(Label("n", str(frame.index), 1.0),)])
        return future


def indices(source: Source, classifier: Classifier, **more: Any) -> list[tuple[int, str]]:
    found = classify_frames(source, classifier, **more)  # type: ignore[arg-type]
    return [(one.frame.index, one.labels[0].value) for one in found]


@pytest.mark.parametrize("count", [0, 1, IN_FLIGHT, IN_FLIGHT + 3])
def test_each_frame_is_answered_in_order_and_seen_whole(count: int) -> None:
    source, classifier = Source(count), Classifier()
    assert indices(source, classifier) == [(i, str(i)) for i in range(count)]
    assert classifier.boxes == [[[0, 0, 64, 48]]] * count
    assert (source.opened, source.closed) == (1, 1)


@pytest.mark.parametrize(("every", "found"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6]), (9, [0])])
def test_some_frames_only(every: int, found: list[int]) -> None:
    assert [index for index, _ in indices(Source(7), Classifier(), every=every)] == found


def test_no_more_frames_are_held_than_allowed() -> None:
    source, classifier = Source(100), Classifier()
    found = classify_frames(source, classifier)  # type: ignore[arg-type]
    for number in range(10):
        next(found)
        assert source.read <= number + IN_FLIGHT
    found.close()
    assert source.closed == 1


def test_a_broken_source_is_told_after_the_answers_before_it() -> None:
    source = Source(6, DecodeError("the file is damaged"))
    found: list[int] = []
    with pytest.raises(DecodeError, match="the file is damaged"):
        found.extend(one.frame.index for one in classify_frames(source, Classifier()))  # type: ignore[arg-type]
    assert found == list(range(6))
    assert source.closed == 1


def test_a_failure_of_the_classifier_is_told_in_its_place() -> None:
    source, classifier = Source(8), Classifier()
    submit = classifier.submit

    def third_fails(frame: Frame, boxes: Any) -> Future[Any]:
        if frame.index != 2:
            return submit(frame, boxes)
        future: Future[Any] = Future()
        future.set_exception(InferenceError("out of memory"))
        return future

    classifier.submit = third_fails  # type: ignore[method-assign]
    found: list[int] = []
    with pytest.raises(InferenceError, match="out of memory"):
        found.extend(one.frame.index for one in classify_frames(source, classifier))  # type: ignore[arg-type]
    assert found == [0, 1]
    assert source.closed == 1

"""The newest looks at a stream: so many count, and old ones do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sightline.config import FEWEST_LOOKS
from sightline.evaluation.estimation.evidence import SeenFrame, evidence
from sightline.runtime.estimation.window import LookWindow
from sightline.types import Detections

NAMES = ("person", "car")


def look(score: float = 0.9, count: int = 3) -> Any:
    boxes = np.array([[20 * i, 0, 20 * i + 10, 10] for i in range(count)], np.float32).reshape(
        -1, 4
    )
    found = Detections(
        boxes, np.full(count, score, np.float32), np.ones(count, np.int64), class_names=NAMES
    )
    return evidence([SeenFrame(found, None)], still=True)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def window(clock: Clock, frames: int = 200, longest_s: float = 60.0) -> LookWindow:
    return LookWindow(NAMES, None, frames, longest_s, clock, referred=False)


def test_few_looks_say_nothing() -> None:
    made = window(Clock())
    states = [made.add(look()).state for _ in range(FEWEST_LOOKS)]
    assert states == ["waiting"] * (FEWEST_LOOKS - 1) + ["estimated"]


def test_sure_objects_make_a_high_estimate_and_unsure_ones_a_low_one() -> None:
    found = []
    for score in (0.95, 0.3):
        made = window(Clock())
        found.append([made.add(look(score)) for _ in range(FEWEST_LOOKS)][-1])
    sure, unsure = found
    assert sure.map50 is not None and unsure.map50 is not None  # noqa: PT018
    assert sure.map50 > unsure.map50
    assert sure.low <= sure.map50 <= sure.high  # type: ignore[operator]
    assert set(sure.per_class) == {"car"}
    assert sure.frames == FEWEST_LOOKS


def test_where_nothing_is_there_nothing_is_estimated() -> None:
    made = window(Clock())
    status = [made.add(look(count=0)) for _ in range(FEWEST_LOOKS)][-1]
    assert (status.state, status.map50) == ("empty", None)


def test_only_the_newest_count() -> None:
    made = window(Clock(), frames=FEWEST_LOOKS + 2)
    last = [made.add(look()) for _ in range(FEWEST_LOOKS + 9)][-1]
    assert last.frames == FEWEST_LOOKS + 2


def test_old_ones_do_not_count_and_the_newest_may_be_too_old() -> None:
    clock = Clock()
    made = window(clock)
    assert not made.expired
    for _ in range(FEWEST_LOOKS):
        made.add(look())
    clock.now += 60.0
    assert not made.expired
    clock.now += 0.1
    assert made.expired
    assert made.add(look()).frames == 1
    assert not made.expired


def test_without_a_calibration_no_pace_is_known() -> None:
    made = window(Clock())
    assert (made.apart_s, made.uses_reference) == (0.0, False)


@pytest.mark.parametrize("referred", [True, False])
def test_a_reference_counts_where_it_looks(referred: bool) -> None:
    made = LookWindow(NAMES, None, 9, 60.0, Clock(), referred=referred)
    assert made.uses_reference is referred

"""One frame in so many seconds is looked at, whatever its time is rounded to."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from sightline.monitoring.profiles.profiler import Profiler, Profilers
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Event, Frame, Observation

NUMBERS = itertools.count()


def observation(time: float) -> Observation:
    picture = ArrayPicture(np.zeros((48, 64, 3), np.uint8))
    return Observation(Frame("gate", next(NUMBERS), time, 0.0, picture), Detections.empty())


def taken(times: list[float], interval_s: float) -> list[float]:
    profiler = Profiler(interval_s)
    samples = [profiler.see(observation(time)) for time in times]
    return [sample.time for sample in samples if sample is not None]


@pytest.mark.parametrize("fps", [5, 12.5, 25, 29.97, 30])
@pytest.mark.parametrize("digits", [9, 3])
def test_no_sample_is_lost_to_rounding(fps: float, digits: int) -> None:
    times = [round(number / fps, digits) for number in range(round(40 * fps))]
    assert len(taken(times, 1.0)) == 40
    assert len(taken(times, 2 / fps)) == pytest.approx(20 * fps, abs=1)


def test_a_gap_is_not_caught_up_with() -> None:
    assert taken([0.0, 1.0, 10.0, 10.2, 10.9, 11.0, 11.1], 1.0) == [0.0, 1.0, 10.0, 11.0]


def test_zero_takes_each_frame() -> None:
    assert taken([0.0, 0.0, 0.1], 0.0) == [0.0, 0.0, 0.1]


def test_frames_that_were_not_analysed_wait_for_the_next() -> None:
    profiler = Profiler(1.0)
    assert profiler.see(observation(0.0)) is not None
    assert profiler.see(observation(1.0).without("detect", "skipped")) is None
    assert profiler.see(observation(1.2)) is not None
    assert profiler.see(observation(2.0)) is not None


def test_stages_that_want_the_same_interval_share_what_was_seen() -> None:
    profilers = Profilers()
    first, second = profilers.every(1.0), profilers.every(1.0)
    assert profilers.every(2.0) is not first
    for time in (0.0, 0.5, 1.0):
        seen = observation(time)
        sample = first.see(seen)
        assert (sample is None) == (time == 0.5)
        assert second.see(replace(seen, events=(Event("drift", time, "gate"),))) is sample

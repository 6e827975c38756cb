"""What was wrong with pictures, from histograms of samples whose pictures are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sightline.monitoring.history.summary import PeriodSummary
from sightline.monitoring.profiles.object_statistics import ObjectStatistics
from sightline.monitoring.profiles.picture_statistics import PictureSample, picture_sample
from sightline.monitoring.profiles.profile import FrameSample, Profile
from sightline.monitoring.reports.quality import mean_of, quality_problems
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, Observation, Pixels

HOUR = 3600


def hour_of(pictures: list[Pixels]) -> PeriodSummary:
    profile, before = Profile(), None
    for number, picture in enumerate(pictures):
        frame = Frame("gate", number, float(number), 0.0, ArrayPicture(picture))
        before = taken(frame, before)
        objects = ObjectStatistics().sample(Observation(frame, Detections.empty()), before)
        profile.add(FrameSample(frame.time, None, before, objects))
    found = PeriodSummary()
    found.add_profile(profile)
    return found


def taken(frame: Frame, before: PictureSample | None) -> PictureSample:
    return picture_sample(frame, before)


def scenes(count: int = 6) -> list[Pixels]:
    rng = np.random.default_rng(1)
    levels = [rng.integers(20, 236, (12, 16, 3), np.uint8) for _ in range(count)]
    return [cv2.resize(one, (512, 384), interpolation=cv2.INTER_NEAREST) for one in levels]


def dark(pictures: list[Pixels]) -> list[Pixels]:
    return [picture // 12 for picture in pictures]


def frozen(pictures: list[Pixels]) -> list[Pixels]:
    return [pictures[0]] * len(pictures)


def blank(pictures: list[Pixels]) -> list[Pixels]:
    return [np.full_like(picture, 128 + number) for number, picture in enumerate(pictures)]


def blurred(pictures: list[Pixels]) -> list[Pixels]:
    return [cv2.GaussianBlur(picture, (0, 0), 5.0) for picture in pictures]


def glaring(pictures: list[Pixels]) -> list[Pixels]:
    return [np.maximum(picture, 240) for picture in pictures]


@pytest.mark.parametrize("change", [dark, frozen, blank, blurred, glaring])
def test_a_wrong_hour_is_named_with_its_time(change: object) -> None:
    assert callable(change)
    hours = {number * HOUR: hour_of(scenes()) for number in range(5)}
    hours[2 * HOUR] = hour_of(change(scenes()))
    kinds = {one.kind: one for one in quality_problems(hours, HOUR)}
    found = kinds[change.__name__]
    assert found.times == [(2 * HOUR, 3 * HOUR)]
    assert 0.1 < found.share <= 0.21


def test_usual_hours_have_nothing_wrong() -> None:
    assert quality_problems({n * HOUR: hour_of(scenes()) for n in range(5)}, HOUR) == []
    assert quality_problems({}, HOUR) == []


def test_neighbouring_hours_are_one_time() -> None:
    hours = {n * HOUR: hour_of(dark(scenes(3)) if n in (1, 2) else scenes(3)) for n in range(4)}
    (found,) = (one for one in quality_problems(hours, HOUR) if one.kind == "dark")
    assert found.times == [(HOUR, 3 * HOUR)]


def test_means() -> None:
    found = hour_of(scenes(2))
    brightness = mean_of(found, "brightness")
    assert brightness is not None
    assert 100 < brightness < 150
    assert mean_of(found, "label_score") is None

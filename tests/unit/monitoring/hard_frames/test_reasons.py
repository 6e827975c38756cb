"""Frames are hard for reasons that need no truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.monitoring.drift.simulated import Camera

from sightline.monitoring.hard_frames.reasons import DRIFTED, HardnessMeter, hardness
from sightline.monitoring.profiles.object_statistics import ObjectSample
from sightline.monitoring.profiles.profile import FrameSample


def sample(unsure: int = 0, gaps: int = 0, classes: dict[str, int] | None = None) -> FrameSample:
    """A frame with eight objects."""
    scores = np.full(8, 0.9, np.float32)
    scores[:unsure] = 0.3
    numbers = {"confidence": scores, "track_gaps": np.ones(gaps, np.float32)}
    objects = ObjectSample(numbers, {"classes": Counter(classes or {"car": 8})})
    return FrameSample(0.0, None, Camera().sample().picture, objects)


def test_of_a_frame_of_which_the_model_is_sure_nothing_is_said() -> None:
    assert HardnessMeter().reasons(sample()) == {}


def test_objects_of_which_the_model_is_unsure_are_hard() -> None:
    assert HardnessMeter().reasons(sample(unsure=2)) == {"uncertain": 0.2}
    assert HardnessMeter().reasons(sample(unsure=8)) == {"uncertain": 0.4}


def test_more_unsure_objects_than_usual_are_harder_than_as_many_as_ever() -> None:
    meter = HardnessMeter(("uncertain",))
    usual = [meter.reasons(sample(unsure=4))["uncertain"] for _ in range(20)]
    assert set(usual) == {0.4}
    assert meter.reasons(sample(unsure=5)) == {"uncertain": pytest.approx(0.8)}


def dark(sample: FrameSample, levels: float) -> FrameSample:
    """The same frame, darker."""
    numbers = dict(sample.picture.numbers)
    for name in ("brightness", "shadows", "highlights"):
        numbers[name] -= levels
    return replace(sample, picture=replace(sample.picture, numbers=numbers))


def test_pictures_unlike_those_before_are_rare_until_they_are_many() -> None:
    meter = HardnessMeter(("rare",))
    one = sample()
    assert [meter.reasons(one) for _ in range(30)] == [{}] * 30
    nights = [meter.reasons(dark(one, 60)).get("rare", 0.0) for _ in range(12)]
    assert nights[0] == 1.0
    assert nights == sorted(nights, reverse=True)
    assert nights[-1] == 0.0


def test_where_there_is_a_reference_that_says_what_is_unusual() -> None:
    meter = HardnessMeter(("rare",))
    for _ in range(30):
        meter.reasons(sample(), 0.0)
    assert meter.reasons(dark(sample(), 60), 0.0) == {}


def test_tracks_that_came_back_are_hard() -> None:
    assert HardnessMeter().reasons(sample(gaps=2)) == {"flickering": 0.5}


def test_a_rare_class_is_hard_once_it_is_known_what_is_rare() -> None:
    meter = HardnessMeter()
    assert meter.reasons(sample(classes={"horse": 1})) == {}
    for _ in range(6):
        meter.reasons(sample(classes={"car": 20}))
    assert meter.reasons(sample(classes={"horse": 1}))["rare"] > 0.7


def test_what_is_unlike_the_reference_is_hard() -> None:
    meter = HardnessMeter()
    assert meter.reasons(sample(), 1.5) == {"anomalous": 0.5}
    assert meter.reasons(sample(), 9.0, drifted=True) == {"anomalous": 1.0, "drifted": DRIFTED}


def test_only_reasons_that_are_asked_for_count() -> None:
    meter = HardnessMeter(("flickering", "drifted"))
    assert meter.reasons(sample(unsure=4, gaps=4), 3.0) == {"flickering": 1.0}


@pytest.mark.parametrize(
    ("reasons", "together"),
    [({}, 0.0), ({"uncertain": 0.5}, 0.5), ({"uncertain": 0.5, "rare": 0.5}, 0.75)],
)
def test_reasons_add_up_as_chances_do(reasons: dict[str, float], together: float) -> None:
    assert hardness(reasons) == pytest.approx(together)  # type: ignore[arg-type]

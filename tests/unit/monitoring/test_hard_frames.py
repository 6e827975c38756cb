"""The hardest frames are kept, within the budget, no two of them alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from tests.unit.monitoring.drift.simulated import Camera, reference_of

from sightline.monitoring.hard_frames import HardFrameSelection
from sightline.monitoring.profiles.object_statistics import ObjectSample
from sightline.monitoring.profiles.profile import FrameSample
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, Observation

RNG = np.random.default_rng(0)


def sample(
    unsure: int = 0, gaps: int = 0, classes: dict[str, int] | None = None, view: int | None = None
) -> FrameSample:
    """A frame with eight objects; frames of the same ``view`` look the same."""
    scores = np.full(8, 0.9, np.float32)
    scores[:unsure] = 0.3
    numbers = {"confidence": scores, "track_gaps": np.ones(gaps, np.float32)}
    objects = ObjectSample(numbers, {"classes": Counter(classes or {"car": 8})})
    rng = RNG if view is None else np.random.default_rng(view)
    picture = Camera().sample().picture
    looks = replace(picture, view=rng.random((72, 128)).astype(np.float32) * 200)
    return FrameSample(0.0, None, looks, objects)


def seen(number: int) -> Observation:
    frame = Frame("gate", number, float(number), 0.0, ArrayPicture(np.zeros((4, 4, 3), np.uint8)))
    return Observation(frame, Detections.empty())


def chosen(selection: HardFrameSelection, samples: list[FrameSample]) -> list[int]:
    for number, one in enumerate(samples):
        selection.add(seen(number), one)
    return [frame.seen.frame.index for frame in selection.frames()]


def test_the_hardest_are_kept_in_order() -> None:
    samples = [sample(unsure) for unsure in (1, 3, 0, 2, 4, 1)]
    assert chosen(HardFrameSelection(3), samples) == [4, 1, 3]


def test_frames_of_which_the_model_is_sure_are_not_collected() -> None:
    assert chosen(HardFrameSelection(10), [sample(), sample()]) == []


def test_of_frames_that_show_the_same_the_hardest_is_kept() -> None:
    samples = [sample(1, view=7), sample(3, view=7), sample(2, view=7), sample(2, view=8)]
    assert chosen(HardFrameSelection(10), samples) == [1, 3]


def test_tracks_that_came_back_are_hard() -> None:
    selection = HardFrameSelection(10)
    assert chosen(selection, [sample(), sample(gaps=2)]) == [1]
    assert selection.frames()[0].reasons == {"flickering": 0.5}


def test_a_rare_class_is_hard_once_it_is_known_what_is_rare() -> None:
    usual = [sample(classes={"car": 20}) for _ in range(6)]
    selection = HardFrameSelection(10)
    assert chosen(
        selection, [sample(classes={"horse": 1}), *usual, sample(classes={"horse": 1})]
    ) == [7]
    assert selection.frames()[0].reasons["rare class"] > 0.7


def test_unusual_pictures_are_hard_where_there_is_a_reference() -> None:
    camera = Camera()
    reference = reference_of(camera)
    usual = camera.sample()
    camera.change = {"brightness": -70.0, "noise": 6.0, "shadows": -40.0}
    odd = camera.sample()
    selection = HardFrameSelection(10, reference)
    assert chosen(selection, [usual, odd]) == [1]
    assert "anomalous" in selection.frames()[0].reasons

"""How a stage uses a detector: its thresholds and input, or why it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fixed_detector import FixedDetector

from sightline.build.stage_detectors import suited
from sightline.config import DetectOptions, SegmentOptions
from sightline.errors import ConfigError


class Adjustable(FixedDetector):
    """Keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: dict[str, Any] = {}

    def replaced(self, *, conf: Any = None, iou: Any = None, classes: Any = None) -> Adjustable:
        if classes == ("dragon",):
            raise ConfigError("there is no class 'dragon'")
        other = Adjustable()
        other.wanted = {"conf": conf, "iou": iou, "classes": classes}
        return other


def test_without_wishes_it_is_the_detector_itself() -> None:
    detector = FixedDetector()
    assert suited(detector, DetectOptions(model="plates")) is detector


def test_thresholds_and_classes_are_the_stages() -> None:
    found = suited(Adjustable(), DetectOptions(model="plates", conf=0.4, classes=("car",)))
    assert found.wanted == {"conf": 0.4, "iou": None, "classes": ("car",)}


@pytest.mark.parametrize(
    ("options", "detector", "message"),
    [
        (DetectOptions(model="m", conf=0.4), FixedDetector(), "detect m: the conf and classes of this detector are fixed"),
        (DetectOptions(model="m", size=640), FixedDetector(), "detect m: size: tiles and ensembles are looked at in one size only"),
        (DetectOptions(model="m", classes=("dragon",)), Adjustable(), "detect m: there is no class 'dragon'"),
    ],
)  # fmt: skip
def test_what_a_detector_cannot_do_names_the_stage(
    options: Any, detector: Any, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        suited(detector, options)
    assert str(caught.value) == message


def test_masks_are_taken_of_a_detector_that_does_not_tell_its_task() -> None:
    detector = FixedDetector()
    assert suited(detector, SegmentOptions(model="m")) is detector

"""Detectors that look only at parts of pictures: which can be shown regions, and at which sizes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fixed_detector import FixedDetector

from sightline.build.regions import by_regions
from sightline.config import DetectionOptions
from sightline.errors import ConfigError

OPTIONS = DetectionOptions(regions="motion")


class Sized(FixedDetector):
    """Shows pictures at one size."""

    def canvas(self, source: tuple[int, int]) -> tuple[int, int]:
        return (64, 64)


def test_a_detector_that_does_not_tell_its_size_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match="leave `regions` out, or give a model file"):
        by_regions(FixedDetector(), OPTIONS, lambda one: one)


def test_each_detector_is_made_ready() -> None:
    asked: list[Any] = []

    def ready(detector: Sized) -> Sized:
        asked.append(detector)
        return Sized()

    own = Sized()
    found = by_regions(own, OPTIONS, ready)
    assert asked == [own, own], "one for whole pictures, one for mosaics"
    assert found.class_names == own.class_names

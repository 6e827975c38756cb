"""Which variant is packed, and by how much the others miss the limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.deploy.package.targets import Target
from sightline.deploy.package.trials import PackageTrial, best, missed, tried

TARGET = Target(size_mb=2, latency_ms=20, kept=0.9)


def trial(variant: str, size_mb: float, latency_ms: float, kept: float) -> PackageTrial:
    return PackageTrial(variant, Path("a.onnx"), None, size_mb, latency_ms, kept)


GOOD = trial("good", 2, 20, 0.9)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(GOOD, [], id="just met"),
        pytest.param(trial("a", 3.5, 5, 1), ["size 3.50 MB is 1.50 MB above 2"], id="size"),
        pytest.param(trial("a", 1, 25, 1), ["latency 25.0 ms is 5.0 ms above 20"], id="latency"),
        pytest.param(trial("a", 1, 5, 0.7), ["kept 0.700 is 0.200 below 0.9"], id="kept"),
        pytest.param(trial("a", 1, 5, float("nan")), ["kept nan is nan below 0.9"], id="nan"),
    ],
)
def test_what_is_missed(one: PackageTrial, expected: list[str]) -> None:
    assert missed(one, TARGET) == expected


def test_no_more_is_tried_than_needed() -> None:
    large, later = trial("large", 3, 5, 1), trial("later", 1, 1, 1)
    assert list(tried([large, GOOD, later], TARGET)) == [large, GOOD]
    assert best([large, GOOD], TARGET) is GOOD


def test_the_nearest_is_none_that_finds_nothing() -> None:
    slow, blind = trial("slow", 1, 24, 1), trial("blind", 0.5, 2, 0)
    assert best([slow, blind], TARGET) is slow

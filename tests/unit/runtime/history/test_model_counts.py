"""What models do, counted by model until it is taken, and told on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sightline.monitoring.history.latency import latency_bin
from sightline.monitoring.history.series import SERVICE, Series
from sightline.runtime.history.model_counts import ModelCounts
from sightline.types import Detections

STREET = Series("model", "street")


class Heard:
    """A meter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: self.told.append((name, *args))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def counts(heard: Heard) -> ModelCounts:
    return ModelCounts(heard)


def test_counts_by_model(counts: ModelCounts) -> None:
    counts.inferred("street", 4, 0.02, None)
    counts.inferred("street", 2, 0.02, None)
    counts.inferred("street", 3, 0.5, "InferenceError")
    counts.inferred("people", 1, 0.1, None)
    counts.queued("street", "normal", 0.004)
    counts.refused("street", "normal", "overloaded")
    counts.answered(200, 0.03)
    counts.answered("UNAVAILABLE", 0.03)
    found = counts.take()
    assert set(found) == {STREET, Series("model", "people"), SERVICE}
    assert found[STREET].counts == {
        "pictures": 6, "failed": 3, "error/InferenceError": 3, "refused/overloaded": 1,
    }  # fmt: skip
    assert found[STREET].histograms == {
        "inference": {latency_bin(0.02): 6}, "queue": {latency_bin(0.004): 1},
    }  # fmt: skip
    assert found[SERVICE].counts == {"requests/200": 1, "requests/UNAVAILABLE": 1}
    assert found[SERVICE].histograms == {"latency": {latency_bin(0.03): 2}}
    assert counts.take() == {}


def test_all_is_told_on(counts: ModelCounts, heard: Heard) -> None:
    counts.inferred("street", 4, 0.02, None)
    counts.queued("street", "high", 0.1)
    counts.refused("street", "high", "late")
    counts.detected("gate", Detections.empty())
    assert [one[0] for one in heard.told] == ["inferred", "queued", "refused", "detected"]
    assert heard.told[2] == ("refused", "street", "high", "late")


def test_a_flood_of_names_takes_bounded_memory(counts: ModelCounts) -> None:
    for number in range(300):
        counts.inferred(f"m{number}", 1, 0.01, None)
    counts.inferred("m7", 1, 0.01, None)
    found = counts.take()
    assert len(found) == 201
    assert found[Series("model", "other")].counts["pictures"] == 100
    assert found[Series("model", "m7")].counts["pictures"] == 2

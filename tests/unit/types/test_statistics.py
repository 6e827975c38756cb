"""What the scheduler tells of all its models."""

from __future__ import annotations

import pytest

from sightline.types import OUTCOMES, PRIORITIES, ModelStats, SchedulerStats


def model(waiting: int, in_flight: int, capacity: float, done: int, lost: int = 0) -> ModelStats:
    return ModelStats(
        dict.fromkeys(PRIORITIES, 0) | {"normal": waiting},
        in_flight,
        capacity,
        dict.fromkeys(OUTCOMES, 0) | {"done": done},
        requests=2,
        lost=lost,
        batch_sizes={},
    )


def test_sums_over_models() -> None:
    stats = SchedulerStats({"a": model(1, 2, 30.0, 4), "b": model(10, 0, 0.5, 40)})
    assert stats.waiting == {"urgent": 0, "normal": 11, "batch": 0}
    assert (stats.in_flight, stats.capacity) == (2, 30.5)
    assert stats.outcomes == dict.fromkeys(OUTCOMES, 0) | {"done": 44}


def test_no_models_have_nothing() -> None:
    stats = SchedulerStats({})
    assert stats.waiting == dict.fromkeys(PRIORITIES, 0)
    assert (stats.in_flight, stats.capacity) == (0, 0)
    assert set(stats.outcomes) == set(OUTCOMES)


@pytest.mark.parametrize(("lost", "hung"), [(0, False), (1, False), (2, True)])
def test_a_model_hangs_when_all_its_requests_do(lost: int, hung: bool) -> None:
    assert model(0, 0, 0, 0, lost).hung is hung

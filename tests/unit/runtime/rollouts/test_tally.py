"""Counts of two models: what was answered, shown and compared, and what counts no more."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sightline.evaluation.pairs import PairCounts
from sightline.runtime.rollouts import tally as module
from sightline.runtime.rollouts.tally import Tally
from sightline.types import ClassFigures, ModelFigures


class Clock:
    now = 100.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


@pytest.fixture
def tally(clock: Clock) -> Tally:
    made = Tally(("person", "car"))
    clock.now += 60
    return made


def test_each_model_has_its_own_counts_and_times(tally: Tally) -> None:
    assert tally.models() == (ModelFigures(), ModelFigures())
    for milliseconds in range(1, 101):
        assert tally.answered(False, milliseconds / 1e3)
    tally.shown(True, None, None)
    tally.shown(True, 0.25, 0.03)
    tally.shown(True, 0.35, 0.05)
    assert tally.failed(True)
    # numpy.percentile, linear: of 1 … 100 the median is 50.5, and 99 % are at 99.01.
    assert tally.models() == (
        ModelFigures(100, 0, 0, 50.5, 95.05, 99.01, None),
        ModelFigures(0, 3, 1, 300.0, 345.0, 349.0, 40.0),
    )


def test_only_the_newest_times_count(tally: Tally) -> None:
    for _ in range(2000):
        tally.answered(False, 1.0)
    for _ in range(1999):
        tally.answered(False, 0.002)
    first, _ = tally.models()
    assert (first.answered, first.p50_ms, first.p99_ms) == (3999, 2.0, 2.0)


def test_what_was_asked_before_it_began_anew_does_not_count(tally: Tally, clock: Clock) -> None:
    tally.answered(True, 0.1)
    tally.pair(PairCounts.none(2))
    tally.drop("busy")
    era = tally.era
    tally.reset()
    assert (tally.era, tally.compared, dict(tally.dropped)) == (era + 1, 0, {})
    clock.now += 2
    assert not tally.answered(True, 3.0)
    assert not tally.failed(True, 3.0)
    assert tally.models() == (ModelFigures(), ModelFigures())
    assert tally.answered(True, 1.5)
    assert tally.failed(False, 1.5)
    first, second = tally.models()
    assert (first.failed, second.answered) == (1, 1)


def test_classes_add_up_by_name(tally: Tally) -> None:
    for _ in range(2):
        tally.pair(PairCounts(*(np.array([i, 10 * i]) for i in (4, 3, 5, 6))))
    tally.drop("busy")
    tally.drop("busy")
    assert tally.per_class() == {
        "person": ClassFigures(8, 6, 10, 12),
        "car": ClassFigures(80, 60, 100, 120),
    }
    assert (tally.compared, dict(tally.dropped)) == (2, {"busy": 2})
    assert tally.per_class()["car"].agreement == 0.75

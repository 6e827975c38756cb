"""What is learnt, and from how much."""

from __future__ import annotations

import pytest
from tests.unit.evaluation.estimation.simulated import NAMES, footage

from sightline.errors import ConfigError
from sightline.evaluation.estimation.learning import learn_calibration


def test_few_conditions_give_no_correction() -> None:
    few = learn_calibration([footage(n, skill=0.3 + 0.2 * n) for n in range(3)], NAMES, "m", "r")
    many = learn_calibration([footage(n, skill=0.3 + 0.08 * n) for n in range(8)], NAMES, "m", "r")
    assert few.referred is not None
    assert many.referred is not None
    assert (few.referred.offset, few.referred.slope, few.referred.spread) == (0, 1, 0.2)
    assert many.referred.spread < 0.1
    assert many.conditions == 8


def test_what_a_reference_misses_is_counted() -> None:
    learnt = learn_calibration([footage(n, skill=0.5) for n in range(3)], NAMES, "m", "r")
    assert learnt.referred is not None
    assert 1.0 <= learnt.referred.unseen < 1.1
    assert learnt.alone.unseen == pytest.approx(2.0, abs=0.2)
    assert learnt.alone.missed is None


def test_too_little_is_refused() -> None:
    with pytest.raises(ConfigError, match="too few to learn from"):
        learn_calibration([footage(0, skill=0.5, frames=2)], NAMES, "m")

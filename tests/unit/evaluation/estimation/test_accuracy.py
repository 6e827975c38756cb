"""Estimates against truth, where both are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.unit.evaluation.estimation.simulated import NAMES, footage

from sightline.evaluation.estimation.accuracy import estimate_accuracy
from sightline.evaluation.estimation.calibration import AccuracyCalibration
from sightline.evaluation.estimation.evidence import SeenFrame, evidence
from sightline.evaluation.estimation.learning import learn_calibration
from sightline.types import Detections

SKILLS = (0.3, 0.45, 0.6, 0.7, 0.8, 0.9)


@pytest.fixture(scope="module")
def learnt() -> AccuracyCalibration:
    footages = [footage(number, skill=skill) for number, skill in enumerate(SKILLS * 2)]
    return learn_calibration(footages, NAMES, "small", "large")


@pytest.mark.parametrize("skill", [0.35, 0.55, 0.75, 0.95])
def test_what_a_reference_finds_tells_what_was_missed(
    skill: float, learnt: AccuracyCalibration
) -> None:
    of_test = footage(99, skill=skill)
    estimate = estimate_accuracy(of_test.seen, NAMES, learnt, still=True)
    assert estimate.map50 == pytest.approx(of_test.map50, abs=0.05)
    assert estimate.low <= of_test.map50 <= estimate.high
    assert estimate.per_class.keys() == set(NAMES)
    assert estimate.notes == ()


def test_a_calibration_corrects_scores_that_promise_too_much() -> None:
    boasting = [footage(n, skill=s, bias=3.0, reference=False) for n, s in enumerate(SKILLS)]
    learnt = learn_calibration(boasting, NAMES, "small")
    of_test = footage(99, skill=0.6, bias=3.0, reference=False)
    plain, corrected = (
        abs(estimate_accuracy(of_test.seen, NAMES, known, still=True).map50 - of_test.map50)
        for known in (None, learnt)
    )
    assert corrected < 0.15 < plain


def test_without_reference_it_says_what_it_lacks(learnt: AccuracyCalibration) -> None:
    of_test = footage(99, skill=0.6, reference=False)
    estimate = estimate_accuracy(of_test.seen, NAMES, learnt, still=True)
    assert 0 < estimate.map50 < 1
    assert len(estimate.notes) == 1
    assert "Give a better one as reference" in estimate.notes[0]
    assert "evaluate calibrate" in estimate_accuracy(of_test.seen, NAMES, still=True).notes[0]


def test_a_calibration_without_reference_does_not_use_one() -> None:
    alone = learn_calibration([footage(n, skill=s) for n, s in enumerate(SKILLS)], NAMES, "small")
    of_test = footage(99, skill=0.6)
    estimate = estimate_accuracy(of_test.seen, NAMES, alone, still=True)
    without = [SeenFrame(one.found) for one in of_test.seen]
    assert estimate.map50 == estimate_accuracy(without, NAMES, alone, still=True).map50
    assert "learnt without a reference" in estimate.notes[0]


@pytest.mark.parametrize("reference", [None, Detections.empty(NAMES)])
def test_of_nothing_nothing_is_known(
    reference: Detections | None, learnt: AccuracyCalibration
) -> None:
    nothing = [SeenFrame(Detections.empty(NAMES), reference)] * 3
    assert math.isnan(estimate_accuracy(nothing, NAMES, learnt).map50)
    assert math.isnan(estimate_accuracy(nothing, NAMES).map50)


def test_objects_that_stay_count_more_than_those_that_flicker() -> None:
    box = np.array([[10, 10, 60, 60]], np.float32)
    there = SeenFrame(
        Detections(box, np.array([0.6], np.float32), np.array([0]), class_names=NAMES)
    )
    gone = SeenFrame(Detections.empty(NAMES))
    steady, flickering = evidence([there] * 5), evidence([there, gone] * 3)
    assert steady.features[2, 4:].min() > 0.3
    assert flickering.features[:, 4:].max() == 0

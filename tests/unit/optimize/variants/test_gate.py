"""What a variant may lose."""

from __future__ import annotations

import math

import pytest

from sightline.evaluation.agreement import AgreementScores, ClassAgreement
from sightline.evaluation.detection import ClassScores, DetectionScores
from sightline.optimize.variants.gate import (
    FEWEST_OBJECTS,
    LossLimits,
    judge_agreement,
    judge_scores,
)

LIMITS = LossLimits(map_drop=0.01, class_drop=0.05, agreement=0.97)


def scores(mean: float, **classes: tuple[float, int]) -> DetectionScores:
    each = {name: ClassScores(ap, ap, ap, count) for name, (ap, count) in classes.items()}
    return DetectionScores(mean, mean, mean, mean, mean, mean, each)


def agreement(**classes: tuple[float, int]) -> AgreementScores:
    each = {name: ClassAgreement(ap, ap, ap, 0.0, count) for name, (ap, count) in classes.items()}
    mean = sum(ap for ap, _ in classes.values()) / len(classes)
    return AgreementScores(mean, mean, mean, 0.0, 1, each)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(scores(0.495, car=(0.6, 90), bus=(0.38, 40)), "", id="a little less"),
        pytest.param(scores(0.52, car=(0.64, 90), bus=(0.41, 40)), "", id="better"),
        pytest.param(
            scores(0.485, car=(0.57, 90), bus=(0.40, 40)), "mAP falls from 0.500 to 0.485", id="mean"
        ),
        pytest.param(
            scores(0.50, car=(0.67, 90), bus=(0.33, 40)), "AP of class bus from 0.400 to 0.330", id="class"
        ),
        pytest.param(
            scores(math.nan, car=(0.6, 90), bus=(0.4, 40)), "mAP falls", id="nothing that could be scored"
        ),
    ],
)  # fmt: skip
def test_against_labels(found: DetectionScores, reason: str) -> None:
    verdict = judge_scores(found, scores(0.5, car=(0.6, 90), bus=(0.4, 40)), LIMITS)
    assert reason in verdict.reason
    assert verdict.accepted == (not reason)


def test_a_class_of_few_objects_is_named_and_not_judged() -> None:
    few = FEWEST_OBJECTS - 1
    verdict = judge_scores(
        scores(0.5, car=(0.6, 90), bus=(0.0, few)),
        scores(0.5, car=(0.6, 90), bus=(0.4, few)),
        LIMITS,
    )
    assert verdict.accepted
    assert verdict.unjudged == ("bus",)


@pytest.mark.parametrize(
    ("found", "kept", "reason"),
    [
        pytest.param(agreement(car=(0.99, 90), bus=(0.98, 40)), 0.985, "", id="nearly all"),
        pytest.param(agreement(car=(0.95, 90), bus=(0.97, 40)), 0.96, "0.97 is wanted", id="all a bit"),
        pytest.param(agreement(car=(1.0, 90), bus=(0.0, 40)), 0.5, "class bus from 1.000 to 0.000", id="a class"),
        pytest.param(agreement(car=(0.99, 90), dog=(0.2, 3)), 0.99, "", id="few objects do not count"),
        pytest.param(agreement(dog=(0.2, 3)), 0.2, "agrees with the original by 0.200", id="none but few"),
    ],
)  # fmt: skip
def test_without_labels(found: AgreementScores, kept: float, reason: str) -> None:
    verdict = judge_agreement(found, LIMITS)
    assert verdict.kept == pytest.approx(kept)
    assert reason in verdict.reason
    assert verdict.accepted == (not reason)

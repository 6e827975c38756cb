"""What a variant may lose."""

from __future__ import annotations

import math

import pytest

from sightline.evaluation.agreement import AgreementScores, ClassAgreement
from sightline.evaluation.classification import AttributeScores, ValueScores
from sightline.evaluation.detection import ClassScores, DetectionScores
from sightline.evaluation.retrieval import VectorAgreement
from sightline.optimize.variants.gate import (
    FEWEST_OBJECTS,
    LossLimits,
    Verdict,
    judge_agreement,
    judge_names,
    judge_retrieval,
    judge_scores,
    judge_shapes,
    judge_sure_names,
    judge_vectors,
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


def masks(mean: float, **classes: float) -> DetectionScores:
    """Scores of boxes that have lost nothing, and of masks."""
    each = {name: ClassScores(0.5, 0.5, 0.5, 40, mask_ap=ap) for name, ap in classes.items()}
    return DetectionScores(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, each, mask_map=mean)


@pytest.mark.parametrize(
    ("found", "kept", "reason"),
    [
        pytest.param(masks(0.398, car=0.4, bus=0.396), 0.995, "", id="a little less"),
        pytest.param(masks(0.3, car=0.36, bus=0.36), 0.75, "mask mAP falls from 0.400 to 0.300", id="all"),
        pytest.param(masks(0.4, car=0.6, bus=0.2), 1, "mask AP of class bus from 0.400 to 0.200", id="a class"),
        pytest.param(masks(math.nan, car=0.4, bus=0.4), 0, "mask mAP falls from 0.400 to nothing", id="none at all"),
    ],
)  # fmt: skip
def test_masks_against_labels(found: DetectionScores, kept: float, reason: str) -> None:
    verdict = judge_scores(found, masks(0.4, car=0.4, bus=0.4), LIMITS)
    assert verdict.kept == pytest.approx(kept)
    assert reason in verdict.reason
    assert verdict.accepted == (not reason)


def shapes(count: int = 40, **figures: tuple[float, float]) -> AgreementScores:
    """Boxes as the original's, and figures of shapes of the classes car and bus."""
    each = {
        name: ClassAgreement(
            1, 1, 1, 0.0, count, **{kind: values[row] for kind, values in figures.items()}
        )
        for row, name in enumerate(("car", "bus"))
    }
    means = {kind: sum(values) / 2 for kind, values in figures.items()}
    return AgreementScores(1, 1, 1, 0.0, 2 * count, each, **means)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(shapes(mask_iou=(0.93, 0.95)), "", id="edges"),
        pytest.param(shapes(mask_iou=(0.8, 0.8)), "its masks are those of the original by 0.800 (mean IoU), and 0.9", id="masks"),
        pytest.param(shapes(mask_iou=(1.0, 0.82)), "IoU of masks of class bus from 1.000 to 0.820", id="masks of a class"),
        pytest.param(shapes(keypoint_oks=(0.5, 0.6)), "its keypoints are those of the original by 0.550 (mean OKS)", id="keypoints"),
        pytest.param(shapes(turned_iou=(0.5, 0.6)), "its turned boxes are those of the original by 0.550", id="turned boxes"),
        pytest.param(shapes(5, mask_iou=(1.0, 0.82)), "", id="few of a class"),
    ],
)  # fmt: skip
def test_shapes_without_labels(found: AgreementScores, reason: str) -> None:
    verdict = judge_agreement(found, LIMITS)
    assert verdict.kept == pytest.approx(*found.shapes.values())
    assert reason in verdict.reason
    assert verdict.accepted == (not reason)


def test_only_shapes_that_labels_do_not_tell_are_judged_by_the_original() -> None:
    found = shapes(mask_iou=(0.2, 0.2), keypoint_oks=(0.95, 0.95))
    assert judge_shapes(found, LIMITS, ["keypoint_oks"]) == Verdict(0.95)


def names(accuracy: float, **values: tuple[float, int]) -> AttributeScores:
    each = {name: ValueScores(recall, count) for name, (recall, count) in values.items()}
    return AttributeScores(accuracy, sum(count for _, count in values.values()), each)


ORIGINAL = {"colour": names(0.9, red=(0.9, 50), blue=(0.9, 50)), "kind": names(0.8, car=(0.8, 100))}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(names(0.895, red=(0.9, 50), blue=(0.89, 50)), "", id="a little less"),
        pytest.param(names(0.85, red=(0.86, 50), blue=(0.86, 50)), "accuracy of colour falls from 0.900 to 0.850", id="all"),
        pytest.param(names(0.9, red=(1.0, 50), blue=(0.8, 50)), "accuracy of class colour blue from 0.900 to 0.800", id="one value"),
    ],
)  # fmt: skip
def test_names_against_labels(found: AttributeScores, reason: str) -> None:
    verdict = judge_names({**ORIGINAL, "colour": found}, ORIGINAL, LIMITS)
    assert reason in verdict.reason
    assert verdict.accepted == (not reason)
    assert verdict.kept == pytest.approx(min(found.accuracy / 0.9, 1))


@pytest.mark.parametrize(
    ("found", "shift", "reason"),
    [
        pytest.param(names(0.98, red=(0.97, 50), blue=(0.99, 50)), -0.01, "", id="the same"),
        pytest.param(names(0.96, red=(0.96, 50), blue=(0.96, 50)), 0.0, "it names as the original by 0.960", id="others"),
        pytest.param(names(0.98, red=(0.88, 50), blue=(1.0, 500)), 0.0, "agreement of class red from 1.000 to 0.880", id="one value"),
        pytest.param(names(0.98, red=(0.1, 5), blue=(1.0, 500)), 0.0, "", id="a rare value is not judged"),
        pytest.param(names(1.0, red=(1.0, 50), blue=(1.0, 50)), -0.2, "falls by 0.200, and may fall by 0.05", id="less sure"),
    ],
)  # fmt: skip
def test_names_against_the_original(found: AttributeScores, shift: float, reason: str) -> None:
    verdict = judge_sure_names({"colour": found}, {"colour": shift}, LIMITS)
    assert reason in verdict.reason
    assert verdict.accepted == (not reason)
    assert verdict.kept == found.accuracy
    assert verdict.unjudged == (("red",) if found.per_value["red"].count < FEWEST_OBJECTS else ())


@pytest.mark.parametrize(
    ("agreement", "reason"),
    [
        pytest.param(VectorAgreement(0.995, 0.98, 0.99, 100), "", id="the same"),
        pytest.param(VectorAgreement(0.995, 0.98, 0.9, 100), "for 0.900 of the pictures", id="neighbours"),
        pytest.param(VectorAgreement(0.9, 0.95, 1.0, 100), "mean cosine to the original's vectors is 0.900", id="cosines"),
        pytest.param(VectorAgreement(0.98, 0.7, 1.0, 100), "a cosine below 0.700", id="some of them"),
        pytest.param(VectorAgreement(math.nan, math.nan, 1.0, 100), "mean cosine", id="no numbers"),
    ],
)  # fmt: skip
def test_vectors_against_the_original(agreement: VectorAgreement, reason: str) -> None:
    verdict = judge_vectors(agreement, LIMITS)
    assert reason in verdict.reason
    assert verdict.accepted == (not reason)


def test_retrieval_against_identities() -> None:
    assert judge_retrieval(0.795, 0.8, LIMITS).accepted
    assert "falls from 0.800 to 0.780" in judge_retrieval(0.78, 0.8, LIMITS).reason

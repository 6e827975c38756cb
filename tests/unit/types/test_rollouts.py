"""What a second model has come to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sightline.types import ClassFigures, ModelFigures, RolloutReason, RolloutStats


def stats(**classes: tuple[int, int]) -> RolloutStats:
    """A rollout in which so many confident objects of each class, and so many of these, agreed."""
    per_class = {name: ClassFigures(c, a, c, c) for name, (c, a) in classes.items()}
    return RolloutStats(
        "m", "n", "canary", "running", 0.1, 1, 3, 100, per_class, ModelFigures(), ModelFigures(),
        reasons=(RolloutReason("kept", "every rule holds"),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("classes", "agreement"),
    [
        pytest.param({}, None, id="nothing was found"),
        pytest.param({"car": (0, 0)}, None, id="nothing that a model is sure of"),
        pytest.param({"car": (8, 6)}, 0.75, id="one class"),
        pytest.param({"car": (90, 90), "dog": (10, 0)}, 0.9, id="by objects, not by classes"),
    ],
)
def test_agreement_is_of_all_objects(classes: dict[str, Any], agreement: float | None) -> None:
    made = stats(**classes)
    assert made.agreement == agreement
    assert made.to_dict()["agreement"] == agreement


def test_json_has_the_agreement_of_each_class() -> None:
    told = json.loads(json.dumps(stats(car=(8, 6), dog=(0, 0)).to_dict()))
    assert told["per_class"]["car"] == {
        "confident": 8, "agreed": 6, "first": 8, "second": 8, "agreement": 0.75,
    }  # fmt: skip
    assert told["per_class"]["dog"]["agreement"] is None
    assert told["reasons"] == [{"rule": "kept", "message": "every rule holds"}]
    assert str(stats().reasons[0]) == "every rule holds"


@pytest.mark.parametrize(
    ("answered", "shown", "failed", "rate"),
    [(0, 0, 0, 0.0), (6, 2, 2, 0.2), (0, 0, 3, 1.0)],
)
def test_errors_are_a_share_of_what_a_model_was_given(
    answered: int, shown: int, failed: int, rate: float
) -> None:
    figures = ModelFigures(answered, shown, failed)
    assert figures.tried == answered + shown + failed
    assert figures.error_rate == rate

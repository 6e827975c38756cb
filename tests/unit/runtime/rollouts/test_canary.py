"""The steps of a canary, in simulated counts."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sightline.config import CanaryOptions
from sightline.runtime.rollouts.canary import Canary
from sightline.types import ClassFigures, ModelFigures, RolloutStats


def options(**given: Any) -> CanaryOptions:
    return CanaryOptions(model="next", **{"pictures": 100, "steps": (0.1, 0.5), **given})


def figures(
    compared: int,
    per_class: dict[str, ClassFigures] | None = None,
    first: ModelFigures | None = None,
    second: ModelFigures | None = None,
) -> RolloutStats:
    return RolloutStats(
        "street", "next", "canary", "running", 0.1, 1, 2, compared, per_class or {},
        first or ModelFigures(), second or ModelFigures(),
    )  # fmt: skip


def alike(objects: int, agreed: float = 1.0, change: float = 0.0) -> ClassFigures:
    return ClassFigures(
        2 * objects, round(2 * objects * agreed), objects, round(objects * (1 + change))
    )


def model(p95: float, p99: float, answered: int = 100) -> ModelFigures:
    return ModelFigures(answered=answered, p50_ms=p95 / 2, p95_ms=p95, p99_ms=p99)


def test_a_good_one_takes_every_step_and_is_promoted() -> None:
    canary = Canary(options())
    good = {"car": alike(200, 0.97)}
    assert canary.share == 0.1
    assert canary.decide(figures(99, good)) == ("go on", ())
    assert canary.share == 0.1
    decision, reasons = canary.decide(figures(100, good))
    assert (decision, canary.share) == ("go on", 0.5)
    assert (reasons[0].rule, "every rule holds" in str(reasons[0])) == ("kept", True)
    assert canary.decide(figures(199, good))[0] == "go on"
    assert canary.decide(figures(200, good))[0] == "promote"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(
            figures(20, {"car": alike(200), "person": ClassFigures(40, 0, 40, 0)}),
            "class person: agreement 0.00 is below 0.5", id="a class is lost",
        ),
        pytest.param(
            figures(30, {"car": alike(200, 0.5)}), "agreement 0.50 is below 0.8", id="disagrees",
        ),
        pytest.param(
            figures(30, {"car": ClassFigures(0, 0, 100, 400)}), "400 objects where the first model found 100",
            id="far more objects",
        ),
        pytest.param(
            figures(0, second=ModelFigures(answered=5, failed=5)), "error rate 0.500 is above 0.02", id="fails",
        ),
        pytest.param(
            figures(0, first=model(20, 30), second=model(100, 110)), "latency p95 of 100.0 ms is 5.00 times",
            id="far slower",
        ),
    ],
)  # fmt: skip
def test_what_is_beyond_doubt_ends_it_at_once(found: RolloutStats, reason: str) -> None:
    decision, reasons = Canary(options()).decide(found)
    assert decision == "roll back"
    assert any(reason in one.message for one in reasons), reasons


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param({"per_class": {"car": alike(200, 0.78)}}, "agreement 0.78", id="agreement"),
        pytest.param(
            {"per_class": {"car": alike(500), "bus": alike(10, 0.45)}}, "class bus: agreement 0.45",
            id="agreement of a class",
        ),
        pytest.param(
            {"per_class": {"bus": alike(20, 1.0, -0.6)}}, "class bus: 8 objects where", id="fewer objects"
        ),
        pytest.param(
            {"second": ModelFigures(answered=97, failed=3)}, "error rate 0.030", id="errors"
        ),
        pytest.param(
            {"first": model(20, 40), "second": model(35, 50)}, "latency p95", id="p95"
        ),
        pytest.param(
            {"first": model(20, 40), "second": model(25, 90)}, "latency p99", id="p99"
        ),
    ],
)  # fmt: skip
def test_what_may_be_chance_is_judged_at_the_end_of_the_step(
    found: dict[str, Any], reason: str
) -> None:
    canary = Canary(options())
    assert canary.decide(figures(99, **found)) == ("go on", ())
    decision, reasons = canary.decide(figures(100, **found))
    assert decision == "roll back"
    assert any(reason in one.message for one in reasons), reasons


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(figures(9, {"car": ClassFigures(200, 0, 200, 0)}), id="few pictures"),
        pytest.param(figures(100, {"bus": ClassFigures(19, 0, 19, 0)}), id="few objects"),
        pytest.param(figures(0, second=ModelFigures(answered=0, failed=9)), id="few failures"),
        pytest.param(
            figures(0, first=model(10, 10), second=model(99, 99, answered=49)), id="few latencies"
        ),
    ],
)
def test_too_little_is_no_reason(found: RolloutStats) -> None:
    assert Canary(options()).decide(found)[0] == "go on"


def test_a_rule_can_be_moved() -> None:
    bad = figures(100, {"car": alike(200, 0.6)})
    assert Canary(options()).decide(bad)[0] == "roll back"
    assert Canary(options(min_agreement=0.5)).decide(bad)[0] == "go on"


def test_a_model_that_is_just_good_enough_is_seldom_rolled_back_by_chance() -> None:
    """Agreement 0.85 where 0.8 is wanted, looked at after every picture, in 200 simulated rollouts."""
    chance = random.Random(3)
    wrong = 0
    for _ in range(200):
        canary, agreed = Canary(options(steps=(0.5,), pictures=200)), 0
        for picture in range(1, 201):
            agreed += sum(chance.random() < 0.85 for _ in range(6))
            counts = {"car": ClassFigures(6 * picture, agreed, 3 * picture, 3 * picture)}
            decision, _ = canary.decide(figures(picture, counts))
            if decision != "go on":
                wrong += decision == "roll back"
                break
    assert wrong <= 2

"""Second models as Prometheus metrics: values by label, and no series for what is not known."""

from __future__ import annotations

from collections import Counter

from prometheus_client.core import Metric

from sightline.monitoring.rollouts import STATES, rollout_metrics
from sightline.types import ClassFigures, ModelFigures, RolloutStats
from sightline.types.rollouts import RolloutReason


def stats(**changes: object) -> RolloutStats:
    values: dict[str, object] = {
        "model": "street", "second_model": "new", "kind": "canary", "state": "promoting", "share": 0.25,
        "step": 1, "steps": 3, "compared": 40, "dropped": {"busy": 3}, "examples": 2,
        "first": ModelFigures(100, 1, 2, 10.0, 20.0, 30.0, None),
        "second": ModelFigures(7, 40, 0, None, None, None, 12.0),
        "per_class": {"car": ClassFigures(10, 9, 11, 12), "bus": ClassFigures(0, 0, 1, 0)},
        "reasons": (RolloutReason("agreement", "low"), RolloutReason("agreement", "lower")),
    }  # fmt: skip
    return RolloutStats(**(values | changes))  # type: ignore[arg-type]


def series(*rollouts: RolloutStats) -> dict[tuple[str, ...], float]:
    """By name and the values of its labels."""
    found: dict[tuple[str, ...], float] = {}
    names: Counter[str] = Counter()
    metric: Metric
    for metric in rollout_metrics({one.model: one for one in rollouts}):
        names[metric.name] += 1
        for sample in metric.samples:
            found[(sample.name.removeprefix("sightline_rollout_"), *sample.labels.values())] = (
                sample.value
            )
    assert set(names.values()) <= {1}
    return found


def test_values() -> None:
    found = series(stats())
    pair = ("street", "new")
    states = {state: found[("state", *pair, "canary", state)] for state in STATES}
    assert states == {"running": 0, "promoting": 1, "promoted": 0, "rolled back": 0}
    assert found[("share", *pair)] == 0.25
    assert found[("compared_total", *pair)] == 40
    assert found[("dropped_total", *pair, "busy")] == 3
    assert found[("examples_total", *pair)] == 2
    assert found[("class_agreement", *pair, "car")] == 0.9
    assert ("class_agreement", *pair, "bus") not in found  # nobody was confident of one
    assert found[("objects_total", *pair, "street", "car")] == 11
    assert found[("objects_total", *pair, "new", "car")] == 12
    assert [
        found[("pictures_total", *pair, "street", o)] for o in ("answered", "shown", "failed")
    ] == [100, 1, 2]
    assert found[("latency_p95_seconds", *pair, "street")] == 0.02
    assert ("latency_p95_seconds", *pair, "new") not in found
    assert found[("cpu_seconds", *pair)] == 0.012
    assert found[("reasons", *pair, "agreement")] == 2


def test_no_rollouts_are_no_series() -> None:
    assert series() == {}

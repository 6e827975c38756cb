"""What second models came to, as Prometheus metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sightline.types import ModelFigures, RolloutStats

STATES = ("running", "promoting", "promoted", "rolled back")

_PAIR = ("model", "second_model")
_QUANTILES: tuple[tuple[str, Callable[[ModelFigures], float | None]], ...] = (
    ("p50", lambda one: one.p50_ms),
    ("p95", lambda one: one.p95_ms),
    ("p99", lambda one: one.p99_ms),
)


def rollout_metrics(rollouts: Mapping[str, RolloutStats]) -> Iterator[Metric]:
    """All of them; a value that is not known yet has no series."""
    state = GaugeMetricFamily(
        "sightline_rollout_state", "1 for the state that a second model is in, 0 for the others.", labels=(*_PAIR, "kind", "state"),
    )  # fmt: skip
    share = GaugeMetricFamily(
        "sightline_rollout_share", "Part of the traffic that a second model answers; of a shadow, that it is shown.", labels=_PAIR,
    )  # fmt: skip
    compared = CounterMetricFamily(
        "sightline_rollout_compared", "Pictures that both models saw.", labels=_PAIR
    )
    dropped = CounterMetricFamily(
        "sightline_rollout_dropped", "Pictures that were to be compared and were not.", labels=(*_PAIR, "reason"),
    )  # fmt: skip
    reasons = GaugeMetricFamily(
        "sightline_rollout_reasons", "Reasons for which a second model was promoted or rolled back, by rule.", labels=(*_PAIR, "rule"),
    )  # fmt: skip
    examples = CounterMetricFamily(
        "sightline_rollout_examples", "Pictures on which the two disagree that were kept.", labels=_PAIR,
    )  # fmt: skip
    for one in rollouts.values():
        pair = (one.model, one.second_model)
        examples.add_metric(pair, one.examples)
        for rule, count in Counter(reason.rule for reason in one.reasons).items():
            reasons.add_metric((*pair, rule), count)
        for name in STATES:
            state.add_metric((*pair, one.kind, name), float(one.state == name))
        share.add_metric(pair, one.share)
        compared.add_metric(pair, one.compared)
        for reason, count in one.dropped.items():
            dropped.add_metric((*pair, reason), count)
    yield from (state, reasons, share, compared, dropped, examples)
    yield from _of_classes(rollouts)
    yield from _of_models(rollouts)


def _of_classes(rollouts: Mapping[str, RolloutStats]) -> Iterator[Metric]:
    agreement = GaugeMetricFamily(
        "sightline_rollout_agreement", "Share of confident objects of either model that the other found too.", labels=_PAIR,
    )  # fmt: skip
    of_class = GaugeMetricFamily(
        "sightline_rollout_class_agreement", "The same of one class.", labels=(*_PAIR, "class")
    )
    objects = CounterMetricFamily(
        "sightline_rollout_objects", "Objects in the pictures that both models saw.", labels=(*_PAIR, "by", "class"),
    )  # fmt: skip
    for one in rollouts.values():
        pair = (one.model, one.second_model)
        if one.agreement is not None:
            agreement.add_metric(pair, one.agreement)
        for name, figures in one.per_class.items():
            if figures.agreement is not None:
                of_class.add_metric((*pair, name), figures.agreement)
            for by, count in zip(pair, (figures.first, figures.second), strict=True):
                objects.add_metric((*pair, by, name), count)
    yield from (agreement, of_class, objects)


def _of_models(rollouts: Mapping[str, RolloutStats]) -> Iterator[Metric]:
    pictures = CounterMetricFamily(
        "sightline_rollout_pictures", "Pictures by model and outcome: answered, shown (for comparison only), failed.", labels=(*_PAIR, "by", "outcome"),
    )  # fmt: skip
    latencies = [
        GaugeMetricFamily(
            f"sightline_rollout_latency_{name}_seconds", f"From asked to answered, {name} of the last 2,000 pictures of a model.", labels=(*_PAIR, "by"),
        )
        for name, _ in _QUANTILES
    ]  # fmt: skip
    cost = GaugeMetricFamily(
        "sightline_rollout_cpu_seconds", "Processor time for each picture of a shadow.", labels=_PAIR,
    )  # fmt: skip
    for one in rollouts.values():
        pair = (one.model, one.second_model)
        for by, figures in zip(pair, (one.first, one.second), strict=True):
            for outcome in ("answered", "shown", "failed"):
                pictures.add_metric((*pair, by, outcome), getattr(figures, outcome))
            for latency, (_, quantile) in zip(latencies, _QUANTILES, strict=True):
                if (value := quantile(figures)) is not None:
                    latency.add_metric((*pair, by), value / 1e3)
        if one.second.cpu_ms is not None:
            cost.add_metric(pair, one.second.cpu_ms / 1e3)
    yield from (pictures, *latencies, cost)

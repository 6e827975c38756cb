"""Alert rules for Prometheus: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sightline.types import JsonObject

PICTURES = 'route=~"POST /(detect|predict|classify|search).*|POST /v2/models/.*infer|ModelInfer.*"'
"""Requests with pictures or tensors. Live pictures and events last as long as somebody watches."""


@dataclass(frozen=True)
class Thresholds:
    """When somebody is told.

    Args:
        p95_ms: requests with pictures take longer, at p95.
        min_fps: frames that all streams of a service together are analysed at, a second.
        error_rate: share of a model's pictures that failed or were refused, 0 to 1.
        accuracy_drop: how much lower the agreement of two models is than a day before, as a share.
        latency_rise: how much longer requests take than a day before at p95, as a share.
    """

    p95_ms: float = 150.0
    min_fps: float = 20.0
    error_rate: float = 0.02
    accuracy_drop: float = 0.05
    latency_rise: float = 0.3


@dataclass(frozen=True)
class AlertRule:
    """One rule. ``expression`` is PromQL that has a value where something is wrong."""

    name: str
    expression: str
    wait: str
    severity: str
    summary: str

    def to_dict(self) -> JsonObject:
        """As Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.wait,
            "labels": {"severity": self.severity},
            "annotations": {"summary": self.summary},
        }


def alert_rules(limits: Thresholds) -> list[AlertRule]:
    """All rules; what is measured over time is measured over five minutes."""
    return [*_of_requests(limits), *_of_models(limits), *_of_streams(limits), *_of_the_service()]


def rules_file(limits: Thresholds) -> JsonObject:
    """The content of a rule file."""
    rules = [rule.to_dict() for rule in alert_rules(limits)]
    return {"groups": [{"name": "sightline", "rules": rules}]}


def _p95(offset: str = "") -> str:
    rate = f"rate(sightline_request_seconds_bucket{{{PICTURES}}}[5m]{offset})"
    return f"histogram_quantile(0.95, sum by (le, job, instance, protocol, route) ({rate}))"


def _of_requests(limits: Thresholds) -> Iterator[AlertRule]:
    yield AlertRule(
        "SightlineSlow",
        f"{_p95()} > {limits.p95_ms / 1e3:g}",
        "5m",
        "warning",
        f"{{{{ $labels.route }}}} takes {{{{ $value | humanizeDuration }}}} at p95, more than {limits.p95_ms:g} ms",
    )
    yield AlertRule(
        "SightlineSlowerThanYesterday",
        f"{_p95()} > {1 + limits.latency_rise:g} * {_p95(' offset 1d')}",
        "15m",
        "warning",
        f"{{{{ $labels.route }}}} takes {limits.latency_rise:.0%} longer at p95 than a day before",
    )


def _of_models(limits: Thresholds) -> Iterator[AlertRule]:
    by = "sum by (job, instance, model)"
    failed = f'{by} (rate(sightline_inferences_total{{status!="ok"}}[5m]))'
    refused = f'{by} (rate(sightline_refused_total{{reason=~"overloaded|deadline"}}[5m]))'
    done = f"{by} (rate(sightline_inferences_total[5m]))"
    none = f"0 * {done}"  # a model that never failed has no such series
    wrong = f"(({failed}) or {none}) + (({refused}) or {none})"
    asked = f"({done} + (({refused}) or {none}))"
    yield AlertRule(
        "SightlineErrors",
        f"({wrong}) / {asked} > {limits.error_rate:g}",
        "5m",
        "critical",
        f"{{{{ $value | humanizePercentage }}}} of what model {{{{ $labels.model }}}} was given failed or was "
        f"refused, more than {limits.error_rate:.0%}",
    )
    agreement = "sightline_rollout_agreement"
    yield AlertRule(
        "SightlineAccuracyDropped",
        f"{agreement} < {1 - limits.accuracy_drop:g} * avg_over_time({agreement}[1h] offset 1d)",
        "15m",
        "warning",
        f"models {{{{ $labels.model }}}} and {{{{ $labels.second_model }}}} agree {limits.accuracy_drop:.0%} less than a "
        "day before: one of the two has become worse, or the pictures are others",
    )
    yield AlertRule(
        "SightlineRolledBack",
        'sightline_rollout_state{kind="canary", state="rolled back"} == 1',
        "0m",
        "warning",
        "canary {{ $labels.second_model }} of model {{ $labels.model }} was rolled back: GET /models/NAME/rollout says why",
    )


def _of_streams(limits: Thresholds) -> Iterator[AlertRule]:
    by = "sum by (job, instance)"
    running = f'{by} (sightline_stream_state{{state="running"}}) > 0'
    yield AlertRule(
        "SightlineFewFrames",
        f"({by} (sightline_stream_fps_analyzed) < {limits.min_fps:g}) and ({running})",
        "5m",
        "warning",
        f"all streams together are analysed at {{{{ $value | humanize }}}} frames a second, fewer than {limits.min_fps:g}",
    )
    yield AlertRule(
        "SightlineStreamDown",
        'sightline_stream_state{state=~"connecting|reconnecting|restarting|failed"} == 1',
        "1m",
        "critical",
        "stream {{ $labels.stream }} is {{ $labels.state }}",
    )
    yield AlertRule(
        "SightlineDrift",
        "sightline_stream_drift == 1",
        "10m",
        "warning",
        "stream {{ $labels.stream }} is no longer like its reference: GET /streams/NAME says what has changed",
    )
    accuracy = "sightline_stream_estimated_accuracy"
    yield AlertRule(
        "SightlineEstimatedAccuracyFell",
        f"{accuracy}_high < avg_over_time({accuracy}[7d])",
        "1h",
        "warning",
        "the estimated accuracy of the model of stream {{ $labels.stream }} lies below the mean of the week with all of its "
        "interval: look at newest frames, and at GET /streams/NAME",
    )
    yield AlertRule(
        "SightlineResultsLost",
        'sightline_stream_state{state="degraded"} == 1',
        "1m",
        "critical",
        "an output of stream {{ $labels.stream }} cannot be written",
    )


def _of_the_service() -> Iterator[AlertRule]:
    yield AlertRule(
        "SightlineGone",
        'up{job="sightline"} == 0',
        "1m",
        "critical",
        "no service answers at {{ $labels.instance }}",
    )
    yield AlertRule(
        "SightlineWorkersDie",
        "increase(sightline_worker_restarts_total[1h]) > 3",
        "0m",
        "warning",
        "worker processes of {{ $labels.instance }} have died {{ $value | humanize }} times within an hour",
    )

"""Dashboards for Grafana, one panel for each metric and an overview: https://grafana.com/docs/grafana/latest/dashboards/."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sightline.monitoring.provisioning.alert_rules import PICTURES, Thresholds
from sightline.monitoring.provisioning.metric_table import PREFIX, MetricRow, metric_table
from sightline.types import JsonObject

WINDOW = "$__rate_interval"
"""Grafana's own word for a window that holds a few readings."""

_WITHOUT = "sum without (job, instance)"
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 24
_UNITS = (
    ("_seconds", "s"), ("_bytes", "bytes"), ("_ratio", "percentunit"), ("_watts", "watt"),
    ("_agreement", "percentunit"), ("_share", "percentunit"), ("_joules", "watt"),
)  # fmt: skip
_GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "streams": ("Sightline: streams", ("stream", "detections", "worker")),
    "rollouts": ("Sightline: second models", ("rollout",)),
    "hardware": ("Sightline: hardware", ("gpu", "energy")),
    "models": ("Sightline: models and requests", ("",)),
}
"""Dashboards by the first words of their metrics' names; the last takes the rest."""


@dataclass(frozen=True)
class Panel:
    """One plot. ``queries`` are PromQL and the legend of each; ``limit`` is drawn as a line."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    limit: float | None = None


def dashboards(limits: Thresholds) -> dict[str, JsonObject]:
    """All dashboards, by the name of their file."""
    made = {"overview": _dashboard("overview", "Sightline: overview", _overview(limits))}
    left = metric_table()
    for name, (title, words) in _GROUPS.items():
        own = [row for row in left if row.name.removeprefix(PREFIX).startswith(words)]
        left = [row for row in left if row not in own]
        made[name] = _dashboard(name, title, [_panel(row) for row in own])
    return made


def queries(dashboard: JsonObject) -> Iterator[str]:
    """Every query of a dashboard."""
    panels = dashboard["panels"]
    assert isinstance(panels, list)
    for panel in panels:
        yield from (target["expr"] for target in panel["targets"])


def _latency(share: float) -> str:
    buckets = f"sightline_request_seconds_bucket{{{PICTURES}}}"
    return f"histogram_quantile({share}, sum by (le) (rate({buckets}[{WINDOW}])))"


def _overview(limits: Thresholds) -> list[Panel]:
    rate = f"sum by (model) (rate(sightline_inferences_total[{WINDOW}]))"
    failed = f'sum by (model) (rate(sightline_inferences_total{{status!="ok"}}[{WINDOW}]))'
    return [
        Panel(
            "How long requests with pictures take",
            [(_latency(0.5), "p50"), (_latency(0.95), "p95"), (_latency(0.99), "p99")],
            "s",
            limits.p95_ms / 1e3,
        ),
        Panel(
            "Frames analysed per second, of all streams",
            [("sum(sightline_stream_fps_analyzed)", "all")],
            "short",
            limits.min_fps,
        ),
        Panel("Pictures per second, by model", [(rate, "{{model}}")]),
        Panel(
            "Share of pictures that failed, by model",
            [(f"({failed} or 0 * {rate}) / {rate}", "{{model}}")],
            "percentunit",
            limits.error_rate,
        ),
        Panel("Streams, by state", [("sum by (state) (sightline_stream_state) > 0", "{{state}}")]),
        Panel(
            "Frames that were not analysed per second, by reason",
            [
                (
                    f"sum by (reason) (rate(sightline_stream_frames_dropped_total[{WINDOW}]))",
                    "{{reason}}",
                )
            ],
        ),
        Panel(
            "Agreement with second models",
            [("sightline_rollout_agreement", "{{model}} and {{second_model}}")],
            "percentunit",
        ),
        *_watched_streams(),
        Panel(
            "Memory of the process", [("process_resident_memory_bytes", "{{instance}}")], "bytes"
        ),
    ]


def _watched_streams() -> list[Panel]:
    """What is known of streams that are watched for drift, or whose accuracy is estimated."""
    return [
        Panel(
            "Drift of streams: largest change over its limit",
            [("sightline_stream_drift_effect", "{{stream}}")],
            "short",
            1.0,
        ),
        Panel(
            "Estimated accuracy of streams' models (mAP@50)",
            [("sightline_stream_estimated_accuracy", "{{stream}}")],
            "percentunit",
        ),
    ]


def _panel(row: MetricRow) -> Panel:
    """The plot of one metric, whatever its labels are."""
    unit = next((unit for suffix, unit in _UNITS if row.name.endswith(suffix)), "short")
    if row.kind == "counter":
        per_second = f"{_WITHOUT} (rate({row.series}[{WINDOW}]))"
        return Panel(f"{row.meaning} Per second.", [(per_second, "__auto")], unit)
    if row.kind == "histogram":
        by = f"{_WITHOUT} (rate({row.series}[{WINDOW}]))"
        shares = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
        found = [(f"histogram_quantile({share}, {by})", f"{name} __auto") for share, name in shares]
        return Panel(row.meaning, found, unit)
    return Panel(row.meaning, [(row.series, "__auto")], unit)


def _dashboard(name: str, title: str, panels: Sequence[Panel]) -> JsonObject:
    return {
        "uid": f"sightline-{name}",
        "title": title,
        "tags": ["sightline"],
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}]
        },
        "panels": [_drawn(number, panel) for number, panel in enumerate(panels)],
    }  # fmt: skip


def _drawn(number: int, panel: Panel) -> JsonObject:
    defaults: JsonObject = {"unit": panel.unit, "min": 0}
    if panel.limit is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.limit}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    across = _COLUMNS // _WIDTH
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": {
            "x": number % across * _WIDTH,
            "y": number // across * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + i), "expr": expression, "legendFormat": legend, "datasource": _SOURCE}
            for i, (expression, legend) in enumerate(panel.queries)
        ],
    }  # fmt: skip

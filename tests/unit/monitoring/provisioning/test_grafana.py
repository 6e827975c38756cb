"""Dashboards: laid out, and made of every metric that there is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sightline.monitoring.provisioning.alert_rules import Thresholds, alert_rules
from sightline.monitoring.provisioning.grafana import dashboards, queries
from sightline.monitoring.provisioning.metric_table import metric_table

MADE = dashboards(Thresholds())


def test_every_metric_has_a_panel_and_none_is_made_up() -> None:
    own = [d for name, d in MADE.items() if name != "overview"]
    shown = [set(re.findall(r"sightline_\w+", q)) for d in own for q in queries(d)]
    series = {row.series for row in metric_table()}
    assert set.union(*shown) == series
    for query in queries(MADE["overview"]):
        assert set(re.findall(r"sightline_\w+", query)) <= series
    for rule in alert_rules(Thresholds()):
        assert set(re.findall(r"sightline_\w+", rule.expression)) <= series, rule.name


@pytest.mark.parametrize("name", MADE)
def test_a_dashboard_is_laid_out(name: str) -> None:
    dashboard: Any = MADE[name]
    panels = dashboard["panels"]
    assert panels
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    assert dashboard["uid"] == f"sightline-{name}"


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    told = ",".join(
        f'{key}="{value}"' for key, value in {"job": "sightline", "instance": "a", **labels}.items()
    )
    return {"series": f"{name}{{{told}}}", "values": values}

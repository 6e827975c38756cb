"""The files that Prometheus and Grafana read at their start."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from sightline.monitoring.provisioning.alert_rules import Thresholds, rules_file
from sightline.monitoring.provisioning.grafana import dashboards
from sightline.types import JsonObject

RULES = "sightline-alerts.yml"


def monitoring_files(limits: Thresholds, target: str) -> dict[Path, str]:
    """Every file by its path, relative to a folder of their own.

    Args:
        limits: of the alert rules.
        target: host and port of the service.
    """
    found = {
        Path("prometheus.yml"): _yaml(_prometheus(target)),
        Path(RULES): _yaml(rules_file(limits)),
        Path("grafana/provisioning/datasources/sightline.yml"): _yaml(_SOURCES),
        Path("grafana/provisioning/dashboards/sightline.yml"): _yaml(_PROVIDERS),
    }
    for name, dashboard in dashboards(limits).items():
        path = Path("grafana/dashboards") / f"sightline-{name}.json"
        found[path] = json.dumps(dashboard, indent=2) + "\n"
    return found


def _prometheus(target: str) -> JsonObject:
    return {
        "global": {"scrape_interval": "10s", "evaluation_interval": "10s"},
        "rule_files": [RULES],
        "scrape_configs": [
            {"job_name": "sightline", "static_configs": [{"targets": [target]}]},
        ],
    }


_SOURCES: JsonObject = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Prometheus",
            "type": "prometheus",
            "url": "http://localhost:9090",
            "isDefault": True,
        }
    ],
}
_PROVIDERS: JsonObject = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "sightline",
            "folder": "Sightline",
            "type": "file",
            "options": {"path": "/var/lib/grafana/dashboards"},
        }
    ],
}


def _yaml(content: JsonObject) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=120)

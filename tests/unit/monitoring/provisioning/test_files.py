"""The files that Prometheus and Grafana read at their start go together."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from sightline.monitoring.provisioning.alert_rules import Thresholds
from sightline.monitoring.provisioning.files import RULES, monitoring_files

FILES = monitoring_files(Thresholds(), "10.0.0.7:9000")


def test_prometheus_asks_the_service_and_reads_the_rules() -> None:
    found = yaml.safe_load(FILES[Path("prometheus.yml")])
    (job,) = found["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["10.0.0.7:9000"]}]
    assert found["rule_files"] == [RULES]
    assert Path(RULES) in FILES
    groups = yaml.safe_load(FILES[Path(RULES)])["groups"]
    assert all(rule["expr"] for group in groups for rule in group["rules"])


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    (source,) = yaml.safe_load(FILES[Path("grafana/provisioning/datasources/sightline.yml")])[
        "datasources"
    ]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (provider,) = yaml.safe_load(FILES[Path("grafana/provisioning/dashboards/sightline.yml")])[
        "providers"
    ]
    assert provider["type"] == "file"
    boards = {
        path: text for path, text in FILES.items() if path.parent == Path("grafana/dashboards")
    }
    assert len(boards) > 2
    titles = [json.loads(text)["title"] for text in boards.values()]
    assert len(set(titles)) == len(titles)
    assert all(path.name.startswith("sightline-") and path.suffix == ".json" for path in boards)


def test_paths_stay_in_their_folder() -> None:
    assert not any(path.is_absolute() or ".." in path.parts for path in FILES)


def test_limits_are_those_that_are_wanted() -> None:
    other = monitoring_files(Thresholds(p95_ms=321.0), "h:1")
    assert other[Path(RULES)] != FILES[Path(RULES)]
    assert "0.321" in other[Path(RULES)] or "321" in other[Path(RULES)]

"""Files for Prometheus and Grafana: whole, valid, and made of every metric that there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.command import in_process

from sightline.monitoring.provisioning.alert_rules import Thresholds, alert_rules, rules_file
from sightline.monitoring.provisioning.grafana import dashboards, queries
from sightline.monitoring.provisioning.metric_table import metric_table

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"
MADE = dashboards(Thresholds())


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    return found


def test_the_table_has_every_metric() -> None:
    told = set(re.findall(r"^\| `(sightline_[a-z0-9_]+)` \|", DOCS.read_text(), re.MULTILINE))
    assert {row.series.removesuffix("_bucket") for row in metric_table()} == told


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


def test_thresholds_are_drawn_and_watched() -> None:
    limits = Thresholds(p95_ms=80, min_fps=7, error_rate=0.1, accuracy_drop=0.2, latency_rise=0.5)
    found = {rule.name: rule.expression for rule in alert_rules(limits)}
    assert found["SightlineSlow"].endswith("> 0.08")
    assert "< 7)" in found["SightlineFewFrames"]
    assert found["SightlineErrors"].endswith("> 0.1")
    assert "< 0.8 *" in found["SightlineAccuracyDropped"]
    assert "> 1.5 *" in found["SightlineSlowerThanYesterday"]
    assert '"value": 0.08' in str(dashboards(limits)["overview"]).replace("'", '"')


def test_rules_are_what_prometheus_takes(tmp_path: Path, promtool: str) -> None:
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules_file(Thresholds())))
    done = subprocess.run(
        [promtool, "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    told = ",".join(
        f'{key}="{value}"' for key, value in {"job": "sightline", "instance": "a", **labels}.items()
    )
    return {"series": f"{name}{{{told}}}", "values": values}


CASES = [
    pytest.param(
        "SightlineSlow",
        [
            series("sightline_request_seconds_bucket", "0+60x20", le="0.1", protocol="http", route="POST /detect"),
            series("sightline_request_seconds_bucket", "0+600x20", le="0.2", protocol="http", route="POST /detect"),
            series("sightline_request_seconds_bucket", "0+600x20", le="+Inf", protocol="http", route="POST /detect"),
        ],
        True, id="slow",
    ),
    pytest.param(
        "SightlineSlow",
        [
            series("sightline_request_seconds_bucket", "0+0x20", le="5", protocol="http", route="GET /events"),
            series("sightline_request_seconds_bucket", "0+60x20", le="+Inf", protocol="http", route="GET /events"),
        ],
        False, id="somebody watches events",
    ),
    pytest.param(
        "SightlineErrors",
        [
            series("sightline_inferences_total", "0+97x20", model="street", status="ok"),
            series("sightline_inferences_total", "0+3x20", model="street", status="InferenceError"),
        ],
        True, id="three of a hundred fail",
    ),
    pytest.param(
        "SightlineErrors",
        [
            series("sightline_inferences_total", "0+97x20", model="street", status="ok"),
            series("sightline_refused_total", "0+5x20", model="street", priority="normal", reason="overloaded"),
        ],
        True, id="five are refused",
    ),
    pytest.param(
        "SightlineErrors",
        [series("sightline_inferences_total", "0+97x20", model="street", status="ok")],
        False, id="all is well",
    ),
    pytest.param(
        "SightlineFewFrames",
        [
            series("sightline_stream_fps_analyzed", "8x20", stream="gate"),
            series("sightline_stream_fps_analyzed", "8x20", stream="yard"),
            series("sightline_stream_state", "1x20", stream="gate", state="running"),
        ],
        True, id="16 of 20 frames a second",
    ),
    pytest.param(
        "SightlineFewFrames",
        [
            series("sightline_stream_fps_analyzed", "0x20", stream="gate"),
            series("sightline_stream_state", "0x20", stream="gate", state="running"),
        ],
        False, id="no stream runs",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "given", "fires"), CASES)
def test_a_rule_fires_when_it_should(
    tmp_path: Path, promtool: str, rule: str, given: list[dict[str, str]], fires: bool
) -> None:
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules_file(Thresholds())))
    wanted = [{"exp_labels": {"severity": "any"}}] if fires else []
    case = {
        "interval": "1m",
        "input_series": given,
        "alert_rule_test": [{"eval_time": "15m", "alertname": rule, "exp_alerts": wanted}],
    }
    (tmp_path / "case.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [case]})
    )
    done = subprocess.run(
        [promtool, "test", "rules", "case.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    told = done.stdout + done.stderr
    if fires:  # promtool compares every word: that something fired is enough here
        assert re.search(r"got:\[\s*(\d+:)?\s*Labels", told), told
    else:
        assert done.returncode == 0, told


def test_the_command_writes_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = in_process(tmp_path, monkeypatch, capsys)
    done = run("monitor", "init", "watch", "--target", "cameras.example:9", "--min-fps", 3)
    assert done.returncode == 0, done.stderr
    assert "cameras.example:9" in (tmp_path / "watch" / "prometheus.yml").read_text()
    rules = tmp_path / "watch" / "sightline-alerts.yml"
    assert "< 3)" in rules.read_text()
    again = run("monitor", "init", "watch")
    assert again.returncode == 2
    assert "exists: --force replaces it" in again.stderr
    assert "< 3)" in rules.read_text()
    assert run("monitor", "init", "watch", "--force").returncode == 0
    assert "< 20)" in rules.read_text()
    for option, value, why in (
        ("--target", "http://x", "give a host and a port"),
        ("--target", "x:99999", "give a host and a port"),
        ("--min-fps", "inf", "give a number that can be reached"),
    ):
        wrong = run("monitor", "init", "other", option, value)
        assert (wrong.returncode, why in wrong.stderr) == (2, True), wrong.stderr
    assert not (tmp_path / "other").exists()

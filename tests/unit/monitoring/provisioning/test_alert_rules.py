"""Alert rules: what Prometheus takes, with the thresholds that were given, firing when they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from sightline.monitoring.provisioning.alert_rules import Thresholds, alert_rules, rules_file
from sightline.monitoring.provisioning.grafana import dashboards


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    return found


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

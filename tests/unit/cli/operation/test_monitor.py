"""`sightline monitor init` writes files for Prometheus and Grafana once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.command import in_process


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

"""Motion regions as users have them: on the command line, in a configuration and in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import sightline as sl
from sightline.cli.main import app
from sightline.errors import ConfigError

STREET = "street://?seed=302&duration=2&fps=8&width=960&height=540&density=0.15&shake=0"


def seen(file: Path) -> list[Any]:
    """The objects of each frame."""
    return [json.loads(line)["objects"] for line in file.read_text().splitlines()]


def test_command_line_configuration_and_python_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["-m", "street", "--backend=onnxruntime", "--regions=motion", "--json=lines.jsonl"]
    done = CliRunner().invoke(app, ["track", STREET, *flags, "--save-config=saved.yaml", "--quiet"])
    assert done.exit_code == 0, done.output
    tracked = seen(tmp_path / "lines.jsonl")
    done = CliRunner().invoke(app, ["run", "saved.yaml"])
    assert done.exit_code == 0, done.output
    assert seen(tmp_path / "lines.jsonl") == tracked
    with sl.load("street", backend="onnxruntime") as model:
        found = [len(one.detections) for one in sl.track(STREET, model, regions="motion")]
    assert found == [len(objects) for objects in tracked]
    assert any(objects for objects in tracked)


def test_what_cannot_be_shown_in_regions_is_refused(data: Path) -> None:
    with pytest.raises(ConfigError, match="show no motion"):
        next(iter(sl.track(data / "images", "street", regions="motion")))
    with pytest.raises(ConfigError, match="tiles, ensembles and detectors of your own"):
        next(iter(sl.track(STREET, sl.Tiled("street"), regions="motion")))

"""``sightline street``: the thin commands around export and contact sheet."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from sightline.cli.street import app
from sightline.errors import ConfigError

SMALL = "street://?seed=3&width=160&height=96"


def test_export(tmp_path: Path) -> None:
    arguments = ["export", str(tmp_path), SMALL, "--set", "light=night", "--frames", "3"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "3 frames of street://?seed=3" in result.output
    coco = json.loads((tmp_path / "coco.json").read_text())
    assert len(coco["images"]) == 3
    assert "light=night" in coco["info"]["description"]


def test_export_as_video(tmp_path: Path) -> None:
    arguments = ["export", str(tmp_path), SMALL, "--frames", "2", "--format", "mp4"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert (tmp_path / "street.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        pytest.param("light", "write KEY=VALUE", id="no value"),
        pytest.param("ligth=day", "did you mean 'light'", id="unknown key"),
        pytest.param("light=nihgt", "did you mean 'night'", id="unknown value"),
    ],
)
def test_bad_options(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(
            app, ["export", str(tmp_path), "street://", "-s", setting], catch_exceptions=False
        )


def test_sheet(tmp_path: Path) -> None:
    path = tmp_path / "sheet.jpg"
    result = CliRunner().invoke(app, ["sheet", str(path), SMALL, "--columns", "1", "--width", "80"])
    assert result.exit_code == 0
    assert cv2.imread(str(path)).shape == (48, 80, 3)

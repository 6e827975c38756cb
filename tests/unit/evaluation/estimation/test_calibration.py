"""Files of what was learnt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation.estimation.calibration import FILE_KIND, AccuracyCalibration, Weights
from sightline.replaced_files import check_replaced

ALONE = Weights(np.arange(7.0), None, 1.2, 0.1, 0.9, 0.08)
REFERRED = Weights(np.arange(10.0), np.arange(3.0), 1.1, 0.0, 1.0, 0.05)
LEARNT = AccuracyCalibration("small 12", "large 34", 8, ALONE, REFERRED)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    LEARNT.save(tmp_path / "small.json")
    read = AccuracyCalibration.load(tmp_path / "small.json")
    assert (read.model, read.reference, read.conditions) == ("small 12", "large 34", 8)
    assert read.alone.to_dict() == ALONE.to_dict()
    assert read.referred is not None
    assert read.referred.to_dict() == REFERRED.to_dict()


@pytest.mark.parametrize(
    ("model", "reference", "words"),
    [
        ("other", None, "of the model small 12, not of other"),
        ("small 12", "other", "not with other"),
    ],
)
def test_of_another_model_it_is_refused(model: str, reference: str | None, words: str) -> None:
    LEARNT.check_fits("small 12", "large 34")
    LEARNT.check_fits("small 12", None)
    with pytest.raises(ConfigError, match=words):
        LEARNT.check_fits(model, reference)


@pytest.mark.parametrize(
    "change",
    [{"alone": {}}, {"alone": None}, {"referred": ALONE.to_dict()}, {"conditions": "many"},
     {"alone": ALONE.to_dict() | {"right": [1.0]}}, {"alone": ALONE.to_dict() | {"unseen": float("nan")}},
     {"referred": REFERRED.to_dict() | {"missed": [0.0, float("inf"), 1.0]}}, {"alone": ALONE.to_dict() | {"slope": True}},
     {"alone": ALONE.to_dict() | {"offset": "0.1"}}, {"referred": REFERRED.to_dict() | {"right": [None] * 10}}],
)  # fmt: skip
def test_a_damaged_file_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "small.json"
    LEARNT.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match="damaged"):
        AccuracyCalibration.load(path)


def test_its_files_are_known_again_and_others_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    LEARNT.save(path)
    check_replaced(path, "--output", FILE_KIND)
    path.write_text('{"images": []}')
    with pytest.raises(ConfigError, match="another kind is there, not a calibration"):
        check_replaced(path, "--output", FILE_KIND)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sightline_calibration": 9}'])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match="no calibration"):
        AccuracyCalibration.load(path)
    with pytest.raises(ConfigError, match="`sightline evaluate calibrate` makes one"):
        AccuracyCalibration.load(tmp_path / "absent.json")

"""Learning a reference: how much of the time is over, restarts, and what is refused of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.monitoring.drift.simulated import Camera

from sightline.errors import ConfigError
from sightline.monitoring.drift.learner import ReferenceLearner
from sightline.monitoring.drift.reference import ALL_HOURS, BLOCK, WINDOWS

DAY_S = 86_400.0
START = 1.8e9


def learner(
    camera: str = "gate", days: float = 0.5, size: tuple[int, int] = (640, 480)
) -> ReferenceLearner:
    return ReferenceLearner(camera, "street", size, 1.0, days)


@pytest.mark.parametrize(
    ("steps", "learnt_s"),
    [
        pytest.param([], 0, id="the first sample"),
        pytest.param([10, 20], 30, id="a few"),
        pytest.param([-3600, 10], 10, id="a clock that is set back"),
        pytest.param([400 * DAY_S, 10], DAY_S + 10, id="a clock that finds the time"),
    ],
)
def test_time_counts_as_it_passes(steps: list[float], learnt_s: float) -> None:
    one, camera, now = learner(days=10), Camera(), START
    one.add(camera.sample(), now)
    for step in steps:
        now += step
        assert not one.add(camera.sample(), now)
    assert one.seconds == learnt_s
    assert one.share == pytest.approx(learnt_s / (10 * DAY_S))
    assert one.samples == len(steps) + 1


def test_it_is_over_when_the_days_are() -> None:
    one, camera = learner(days=0.5), Camera()
    assert not one.add(camera.sample(), START)
    assert not one.add(camera.sample(), START + DAY_S / 2 - 1)
    assert one.add(camera.sample(), START + DAY_S / 2)
    assert one.share == 1


def learnt(windows: int) -> ReferenceLearner:
    """So many of the longer windows, a sample each second."""
    one, camera = learner(days=100), Camera()
    for second in range(windows * WINDOWS[-1] * BLOCK):
        one.add(camera.sample(), START + second)
    return one


@pytest.fixture(scope="module")
def enough() -> ReferenceLearner:
    return learnt(6)


def test_a_reference_of_less_than_an_hour_is_of_all_hours(enough: ReferenceLearner) -> None:
    made = enough.reference()
    assert (made.camera, made.model, made.size) == ("gate", "street", (640, 480))
    assert set(made.usual) == {ALL_HOURS}
    assert made.usual[ALL_HOURS].profile.mean("brightness") == pytest.approx(110, abs=5)
    assert made.usual[ALL_HOURS].profile.samples == 6 * WINDOWS[-1] * BLOCK


def test_too_few_samples_are_told() -> None:
    with pytest.raises(ConfigError, match="gate"):
        learnt(0).reference()


def test_a_restart_goes_on(enough: ReferenceLearner, tmp_path: Path) -> None:
    path = tmp_path / "learning.json"
    enough.save(path)
    again = learner(days=100)
    assert again.restore(path)
    assert (again.samples, again.seconds) == (enough.samples, enough.seconds)
    again.save(tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())
    later = START + 9 * DAY_S
    before = again.seconds
    again.add(Camera().sample(), later)
    assert again.seconds == before, "what passed while it did not run does not count"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"sightline_learning": 99}, id="another version"),
        pytest.param({"camera": "yard"}, id="another camera"),
        pytest.param({"model": "other"}, id="another model"),
        pytest.param({"size": [1, 1]}, id="another size"),
        pytest.param({"interval_s": 2.0}, id="another interval"),
        pytest.param({"hours": {"7": {}}}, id="half an hour"),
        pytest.param({"learnt_s": "many"}, id="no number"),
        pytest.param({"first": 3}, id="no list"),
    ],
)
def test_files_of_others_change_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    path, one = tmp_path / "learning.json", learner()
    one.save(path)
    values = json.loads(path.read_text())
    assert set(change) <= set(values)
    path.write_text(json.dumps(values | change))
    other = learner()
    assert not other.restore(path)
    assert (other.samples, other.seconds) == (0, 0)


@pytest.mark.parametrize("text", ["", "[", "7", "[" * 100_000, "\xff"])
def test_damaged_files_change_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "learning.json"
    path.write_text(text, encoding="latin-1")
    assert not learner().restore(path)
    assert not learner().restore(tmp_path / "none.json")

"""References are written and read, and those that cannot be used are refused by name."""

from __future__ import annotations

import base64
import json
import os
import time
import zlib
from pathlib import Path

import pytest
from tests.unit.monitoring.drift.simulated import Camera, blocks_of, reference_of

from sightline.errors import ConfigError
from sightline.monitoring.drift.comparison import notable
from sightline.monitoring.drift.learner import ReferenceLearner
from sightline.monitoring.drift.reference import ALL_HOURS, WINDOWS, Reference, hour_of, usual_of

DAY_S = 86400.0


def test_a_reference_is_written_and_read(tmp_path: Path) -> None:
    own = reference_of(Camera())
    own.save(tmp_path / "gate.json")
    read = Reference.load(tmp_path / "gate.json")
    assert (read.camera, read.model, read.size, read.samples) == ("gate", "street", (640, 384), 600)
    assert read.usual[ALL_HOURS].limits == own.usual[ALL_HOURS].limits


def test_limits_are_worth_a_word_and_above_what_is_usual() -> None:
    usual = usual_of("gate", blocks_of(Camera(), 600))
    for window in WINDOWS:
        for name, limit in usual.limits[window].items():
            assert limit >= notable(name)
    assert usual.limit(WINDOWS[0], "classes/elephant") == notable("classes")


def test_too_few_samples() -> None:
    with pytest.raises(ConfigError, match=r"gate: 180 sampled frames are too few.*200 are needed"):
        usual_of("gate", blocks_of(Camera(), 180))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "is no reference: it is not JSON"),
        ("[1, 2]", "make one with `sightline drift learn`"),
        ('{"model": 3}', "make one with `sightline drift learn`"),
        ('{"sightline_reference": 99}', "another version"),
        ("[" * 100_000, "it is not JSON"),
        ('{"sightline_reference": 1}', "is damaged"),
    ],
)
def test_what_is_no_reference(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gate.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        Reference.load(tmp_path / "gate.json")


@pytest.mark.parametrize("key", ["usual", "size", "interval_s", "camera"])
def test_a_damaged_reference(tmp_path: Path, key: str) -> None:
    path = tmp_path / "gate.json"
    reference_of(Camera()).save(path)
    values = json.loads(path.read_text())
    values[key] = {"": {"profile": {}, "limits": {}}} if key == "usual" else None
    if key == "camera":
        del values[key]
    path.write_text(json.dumps(values))
    with pytest.raises(ConfigError, match="is damaged"):
        Reference.load(path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("interval_s",), float("nan")),
        (("interval_s",), -1),
        (("size",), [float("inf"), 1]),
        (("usual", "", "limits", "5", "brightness"), float("nan")),
        (("usual", "", "limits", "5", "brightness"), 0),
        (("usual", "", "profile", "samples"), float("inf")),
        (("usual", "", "profile", "samples"), 0),
        (("usual", "", "profile", "numbers", "brightness"), []),
        (("usual", "", "profile", "numbers", "brightness"), [[128, 1]]),
        (("usual", "", "profile", "numbers", "brightness"), [[-1, 1]]),
        (("usual", "", "profile", "numbers", "brightness"), [[3, 10**30]]),
        (("usual", "", "profile", "categories", "classes"), {"car": -3}),
        (("usual", "", "profile", "view"), base64.b64encode(zlib.compress(bytes(9217))).decode()),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, place: tuple[str, ...], value: object) -> None:
    path = tmp_path / "gate.json"
    reference_of(Camera(), 200).save(path)
    values = json.loads(path.read_text())
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(values))
    with pytest.raises(ConfigError, match="is damaged"):
        Reference.load(path)


def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    for name in ("pipe", "large"):
        with pytest.raises(ConfigError, match="no file, or one of more than 64 MiB"):
            Reference.load(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the reference"):
        Reference.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("camera", "model", "size", "message"),
    [
        ("yard", "street", (640, 384), "of the camera gate, not of yard"),
        (None, "people", (640, 384), "learnt with the model street, not with people"),
        (None, "street", (1920, 1080), "pictures of 640×384, and these have 1920×1080"),
    ],
)
def test_a_reference_of_something_else(
    camera: str | None, model: str, size: tuple[int, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        reference_of(Camera()).check_fits(camera, model, size)


def test_hours_are_learnt_each_for_itself() -> None:
    """A week in which nights are dark: what is usual at night is none at noon."""
    began = time.mktime((2026, 11, 2, 0, 0, 0, 0, 0, 0))  # a Monday here
    learner = ReferenceLearner("gate", "street", (640, 384), 1.0, 7)
    camera = Camera(1)
    over = False
    for day in range(8):
        for hour in (3, 12):
            camera.change = {"brightness": -80.0} if hour == 3 else {}
            for _ in range(400):
                now = began + day * DAY_S + hour * 3600
                over = learner.add(camera.sample(), now)
    assert over
    reference = learner.reference()
    night, noon = began + 9 * DAY_S + 3 * 3600, began + 9 * DAY_S + 12 * 3600
    assert reference.usual_at(night).profile.mean("brightness") < 50
    assert reference.usual_at(noon).profile.mean("brightness") > 100
    assert set(reference.usual) >= {ALL_HOURS, hour_of(night), hour_of(noon)}
    assert reference.usual_at(night + 6 * 3600) is reference.usual[ALL_HOURS]  # never seen


def test_a_short_time_is_learnt_as_a_recording_is() -> None:
    learner = ReferenceLearner("gate", "street", (640, 384), 1.0, 0.005)
    camera, now = Camera(), 1e9
    while not learner.add(camera.sample(), now):
        now += 1
    assert set(learner.reference().usual) == {ALL_HOURS}
    with pytest.raises(ConfigError, match="too few"):
        ReferenceLearner("gate", "street", (640, 384), 1.0, 0.005).reference()


def test_learning_goes_on_after_a_restart(tmp_path: Path) -> None:
    def learner(camera: str = "gate") -> ReferenceLearner:
        return ReferenceLearner(camera, "street", (640, 384), 10.0, 0.2)

    kept, whole, camera, now = tmp_path / "gate.json.learning", learner(), Camera(), 1e9
    for _ in range(900):
        whole.add(camera.sample(), now)
        now += 10
    whole.save(kept)
    again = learner()
    assert again.restore(kept)
    assert again.share == whole.share
    again.add(camera.sample(), now + 5 * DAY_S)  # while it was off nothing was learnt
    assert again.share == whole.share
    before = whole.reference().usual[ALL_HOURS]
    after = again.reference().usual[ALL_HOURS]
    assert after.limits == before.limits
    assert (
        after.profile.numbers["brightness"].tolist()
        == before.profile.numbers["brightness"].tolist()
    )
    assert not learner("yard").restore(kept)
    kept.write_text("{}")
    assert not learner().restore(kept)
    assert not learner().restore(tmp_path / "none")


def test_a_few_more_objects_of_many_are_no_change() -> None:
    camera = Camera()
    camera.classes = {"car": 20.0, "person": 20.0}
    usual = usual_of("gate", blocks_of(camera, 2000))
    assert usual.limit(WINDOWS[0], "objects") >= 0.3 * usual.profile.mean("objects")

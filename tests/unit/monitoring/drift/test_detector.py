"""Drift is found soon where something has changed, and not where nothing has."""

from __future__ import annotations

import time

import pytest
from tests.unit.monitoring.drift.simulated import Camera, blocks_of, reference_of

from sightline.monitoring.drift.causes import causes
from sightline.monitoring.drift.detector import DriftDetector, DriftState, anomaly
from sightline.monitoring.drift.reference import ALL_HOURS, Reference, hour_of, usual_of


def found(detector: DriftDetector, camera: Camera, samples: int) -> list[DriftState]:
    looks = [detector.add(camera.sample()) for _ in range(samples)]
    return [look for look in looks if look is not None]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_nothing_changes(seed: int) -> None:
    camera = Camera(seed)
    detector = DriftDetector(reference_of(camera))
    assert not any(look.drifted for look in found(detector, camera, 1000))


@pytest.mark.parametrize(
    ("statistic", "by"),
    [("brightness", -25), ("sharpness", -0.3), ("noise", 1.5), ("blockiness", 0.6), ("frozen", 1.0), ("blue_cast", 8)],
)  # fmt: skip
def test_a_change_is_found_within_200_samples(statistic: str, by: float) -> None:
    camera = Camera(1)
    detector = DriftDetector(reference_of(camera))
    found(detector, camera, 100)
    camera.change = {statistic: by}
    looks = found(detector, camera, 200)
    first = next(look for look in looks if look.drifted)
    change = first.changes[0]
    assert change.statistic == statistic
    assert change.higher == (by > 0)
    assert str(change)


def test_other_looks_are_found_and_are_the_cause_where_nothing_else_has_changed() -> None:
    camera = Camera(3)
    detector = DriftDetector(reference_of(camera))
    found(detector, camera, 100)
    camera.looks[0] = 4.0
    first = next(look for look in found(detector, camera, 200) if look.drifted)
    assert str(first.changes[0]).startswith("with objects that look different (")
    assert [cause.name for cause in causes(first)] == ["looks"]
    camera.change = {"blockiness": 0.6, "noise": -1.0, "sharpness": -0.2}
    assert causes(found(detector, camera, 200)[-1])[0].name == "compressed"


def test_vectors_of_another_embedder_are_not_compared() -> None:
    camera = Camera(3)
    reference = reference_of(camera)
    for usual in reference.usual.values():
        usual.profile.looks["another"] = usual.profile.looks.pop("embedder")
    camera.looks[0] = 4.0
    assert not any(look.drifted for look in found(DriftDetector(reference), camera, 300))


def test_more_of_a_class_is_told_with_its_shares() -> None:
    camera = Camera(2)
    detector = DriftDetector(reference_of(camera))
    camera.classes = {"car": 3.0, "person": 3.0, "truck": 4.0}
    last = found(detector, camera, 200)[-1]
    truck = next(change for change in last.changes if change.statistic == "classes/truck")
    assert str(truck).startswith("more truck (share of new objects ")
    assert "usually" in str(truck)


def test_a_class_that_was_never_there() -> None:
    camera = Camera(2)
    detector = DriftDetector(reference_of(camera))
    camera.classes = {**camera.classes, "elephant": 2.0}
    last = found(detector, camera, 200)[-1]
    assert any(change.statistic == "classes/elephant" for change in last.changes)


def test_a_passing_change_is_none() -> None:
    camera = Camera(3)
    detector = DriftDetector(reference_of(camera))
    found(detector, camera, 200)
    camera.change = {"brightness": -12.0}
    found(detector, camera, 20)
    camera.change = {}
    assert not any(look.drifted for look in found(detector, camera, 300))


def test_a_drift_is_over_when_all_is_usual_again() -> None:
    camera = Camera(4)
    detector = DriftDetector(reference_of(camera))
    camera.change = {"brightness": -40.0}
    assert found(detector, camera, 200)[-1].drifted
    camera.change = {}
    assert not found(detector, camera, 400)[-1].drifted


@pytest.mark.parametrize("jump_s", [86400.0, -500.0], ids=["off for a day", "clock set back"])
def test_a_gap_is_no_drift_and_begins_anew(jump_s: float) -> None:
    camera = Camera(5)
    detector = DriftDetector(reference_of(camera))
    found(detector, camera, 190)
    assert detector.add(camera.sample(jump_s)) is None
    looks = found(detector, camera, 99)  # 100 samples with the one after the gap
    assert len(looks) == 1
    assert not looks[0].drifted


def test_statistics_of_the_interval_are_left_out_where_it_is_another() -> None:
    camera = Camera(6)
    detector = DriftDetector(reference_of(camera), same_interval=False)
    camera.change = {"motion": 30.0}
    last = found(detector, camera, 200)[-1]
    assert "motion" not in last.effects
    assert not last.drifted


def test_an_anomaly_is_what_was_never_seen() -> None:
    camera = Camera(7)
    usual = reference_of(camera).usual[ALL_HOURS]
    assert max(anomaly(camera.sample(), usual) for _ in range(50)) < 0.5
    camera.change = {"brightness": -60.0, "noise": 4.0, "highlights": -60.0}
    assert anomaly(camera.sample(), usual) > 2


def test_dusk_that_does_not_come_on_the_hour_is_no_drift() -> None:
    """At noon it is bright, an hour later dark: from one to the other is usual, too, and darker than either is not."""
    noon = time.mktime((2026, 11, 4, 12, 0, 0, 0, 0, 0))
    bright, dark = Camera(1), Camera(1)
    dark.change = {"brightness": -60.0, "shadows": -30.0, "highlights": -60.0}
    everything = usual_of("gate", [*blocks_of(bright, 300), *blocks_of(dark, 300)])
    hours = {
        hour_of(noon): usual_of("gate", blocks_of(Camera(2), 600)),
        hour_of(noon + 3600): usual_of("gate", blocks_of(dark, 600)),
    }
    reference = Reference("gate", "street", (640, 384), 1.0, {ALL_HOURS: everything, **hours})
    camera = Camera(3, utc=noon + 3500)
    detector = DriftDetector(reference)
    looks = found(detector, camera, 100)
    camera.change = dark.change
    looks += found(detector, camera, 300)
    assert not any(look.drifted for look in looks)
    camera.change = {"brightness": -95.0}
    assert found(detector, camera, 200)[-1].drifted


def test_that_a_rare_class_is_missing_for_a_while_is_no_drift() -> None:
    camera = Camera(2)
    camera.classes = {"car": 6.0, "person": 3.0, "truck": 1.0}
    detector = DriftDetector(reference_of(camera))
    camera.classes = {"car": 6.0, "person": 3.0}
    assert not any(look.drifted for look in found(detector, camera, 300))

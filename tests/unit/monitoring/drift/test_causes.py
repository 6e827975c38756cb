"""The cause is told whose signature the changes have."""

from __future__ import annotations

import pytest
from tests.unit.monitoring.drift.simulated import Camera, reference_of

from sightline.monitoring.drift.causes import CAUSES, causes
from sightline.monitoring.drift.comparison import VIEWS
from sightline.monitoring.drift.detector import Change, DriftState
from sightline.monitoring.drift.reference import ALL_HOURS
from sightline.monitoring.drift.view import ViewChange
from sightline.monitoring.profiles.profile import Profile
from sightline.monitoring.profiles.statistic import CATEGORIES, NUMBERS

USUAL = reference_of(Camera()).usual[ALL_HOURS]


def state(effects: dict[str, float]) -> DriftState:
    changes = [Change(name, abs(e), None, None) for name, e in effects.items() if abs(e) >= 1]
    view = ViewChange(0.0, 0.0, 1.0, 1.0)
    return DriftState(0.0, None, 100, effects, changes, Profile(), USUAL, view)


@pytest.mark.parametrize("name", CAUSES)
@pytest.mark.parametrize("strength", [1.2, 4.0])
def test_each_signature_is_known_again_at_any_strength(name: str, strength: float) -> None:
    effects = {
        key: strength * (1 if weight > 0 else -1) * weight**2
        for key, weight in CAUSES[name].signature.items()
    }
    assert causes(state(effects))[0].name == name


@pytest.mark.parametrize("name", CAUSES)
def test_signatures_are_of_statistics_that_there_are(name: str) -> None:
    kind = CAUSES[name]
    assert kind.signature.keys() <= NUMBERS.keys() | CATEGORIES.keys() | VIEWS.keys()
    assert kind.words
    assert kind.advice


def test_categories_count_whichever_way_they_went() -> None:
    assert causes(state({"classes/truck": 2.0, "classes/car": -1.5}))[0].name == "classes"


def test_what_fits_nothing_is_unknown() -> None:
    assert [cause.name for cause in causes(state({"label_score": 3.0}))] == ["unknown"]


def test_no_change_has_no_cause() -> None:
    assert causes(state({"brightness": 0.9})) == []


def test_lorries_that_hide_the_street_are_no_dirt_on_the_lens() -> None:
    assert causes(state({"covered": 1.5, "classes/truck": 1.2, "edges": -0.5}))[0].name == "classes"
    assert causes(state({"covered": 1.5, "classes/truck": 0.8, "edges": -0.9}))[0].name == "covered"


def test_what_hides_a_part_is_told_before_what_follows_from_it() -> None:
    darker = {"noise": -3.8, "shadows": -3.7, "brightness": -2.5, "colours": 2.5, "covered": 2.5}
    assert causes(state({**darker, "hidden": 1.1}))[0].name == "hidden"


def test_without_blocks_nothing_is_compressed() -> None:
    smoother = {"noise": -1.5, "colours": 1.1, "sharpness": -0.9}
    assert causes(state({**smoother, "blockiness": 1.5}))[0].name == "compressed"
    assert causes(state(smoother))[0].name != "compressed"

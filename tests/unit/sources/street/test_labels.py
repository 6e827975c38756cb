"""What anybody would call a vehicle of the street."""

from __future__ import annotations

import pytest

from sightline.sources.street.labels import LIVERIES, PAINTS, labels_of
from sightline.sources.street.vehicles import car_body

LOOKS = range(300)


def labels(kind: str, look: int) -> dict[str, str]:
    found = labels_of(kind, look)
    assert {one.score for one in found} <= {1.0}
    return {one.attribute: one.value for one in found}


def test_people_have_none() -> None:
    assert {labels_of("person", look) for look in LOOKS} == {()}


@pytest.mark.parametrize("kind", ["bicycle", "motorcycle"])
def test_what_is_painted_of_two_wheels_is_too_thin_for_a_colour(kind: str) -> None:
    assert all(labels(kind, look) == {"type": kind} for look in LOOKS)


@pytest.mark.parametrize(("kind", "colours"), [("car", set(PAINTS)), ("truck", set(PAINTS)), ("bus", set(LIVERIES))])  # fmt: skip
def test_cars_trucks_and_buses_have_colours(kind: str, colours: set[str]) -> None:
    found = [labels(kind, look) for look in LOOKS]
    assert {one["colour"] for one in found} <= colours
    assert len({one["colour"] for one in found}) > 3
    assert {one["type"] for one in found} == ({"car", "van"} if kind == "car" else {kind})


def test_a_van_is_a_van_to_the_eye() -> None:
    for look in LOOKS:
        assert (labels("car", look)["type"] == "van") is (car_body(look) == "van")


def test_one_look_always_has_the_same_labels() -> None:
    labels_of.cache_clear()
    before = [labels_of("car", look) for look in LOOKS]
    labels_of.cache_clear()
    assert [labels_of("car", look) for look in LOOKS] == before

"""Parameters that a detector knows."""

from __future__ import annotations

import pytest

from sightline.errors import InvalidRequest
from sightline.serving.kserve.parameters import class_names, share


@pytest.mark.parametrize(
    ("given", "value"), [({}, None), ({"conf": 0}, 0.0), ({"conf": 1}, 1.0), ({"conf": 0.5}, 0.5)]
)
def test_a_share(given: dict[str, float], value: float | None) -> None:
    assert share(given, "conf") == value


@pytest.mark.parametrize("value", [-0.1, 1.1, True, "0.5", float("nan")])
def test_what_is_no_share(value: float | str) -> None:
    with pytest.raises(InvalidRequest, match="parameter 'conf' must be a number from 0 to 1, not"):
        share({"conf": value}, "conf")


def test_names_with_commas() -> None:
    assert class_names({}) is None
    assert class_names({"classes": "car, traffic light"}) == ("car", "traffic light")
    with pytest.raises(InvalidRequest, match="'classes' must be names with commas"):
        class_names({"classes": 3})

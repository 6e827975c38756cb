"""Arguments of Python calls: what is taken, and what is named where it is wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sightline.api.arguments import names, positive, track_key, whole_number
from sightline.errors import ConfigError


@pytest.mark.parametrize("value", [1, 10, np.int64(3), np.uint8(7)])
def test_whole_numbers(value: Any) -> None:
    assert whole_number("count", value) == int(value)


@pytest.mark.parametrize("value", [0, -1, 1.0, "3", None, [], np.float32(2), True, False, np.True_])
def test_no_whole_numbers(value: Any) -> None:
    with pytest.raises(ConfigError, match="count: it must be a whole number, 1 or more, not"):
        whole_number("count", value)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.25), np.int64(9), 1e-9])
def test_numbers_above_0(value: Any) -> None:
    assert positive("timeout", value, 10) == float(value)


@pytest.mark.parametrize("value", [0, -1, 10.1, math.inf, math.nan, "1", None, [1], 10**400, True])
def test_no_numbers_above_0(value: Any) -> None:
    with pytest.raises(ConfigError, match="timeout: it must be a number above 0, 10 at most, not"):
        positive("timeout", value, 10)


@pytest.mark.parametrize(
    ("value", "parted_by", "found"),
    [
        ("car", None, ("car",)), (" car ", None, ("car",)), ("car,bus", None, ("car,bus",)),
        ("car, bus,", ",", ("car", "bus")), ("", ",", ()), (["car", "bus"], ",", ("car", "bus")),
        (("a",), None, ("a",)), ([], None, ()),
    ],
)  # fmt: skip
def test_names(value: object, parted_by: str | None, found: tuple[str, ...]) -> None:
    assert names("classes", value, parted_by) == found


@pytest.mark.parametrize("value", [7, ["car", 7], None, {"car"}, b"car"])
def test_no_names(value: object) -> None:
    with pytest.raises(ConfigError, match="classes: give names in a list, not"):
        names("classes", value)


def test_tracks() -> None:
    assert track_key(("gate", np.int64(17))) == ("gate", 17)
    assert track_key(["gate", 17]) == ("gate", 17)
    for value in (
        "gate",
        ("gate",),
        (17, "gate"),
        ("gate", 1.5),
        ("gate", "17"),
        ("gate", True),
        None,
    ):
        with pytest.raises(ConfigError, match=r"\('gate', 17\), not"):
            track_key(value)

"""Options of `sightline search`, and a line of what was found."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sightline.cli.search.options import line, narrowing_of
from sightline.errors import ConfigError
from sightline.runtime.search.stored import Narrowing
from sightline.types import Match


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param((None, None, None, None), Narrowing(), id="nothing"),
        pytest.param(("car, bus", ["gate", "a,b"], None, None), Narrowing(("car", "bus"), ("gate", "a,b")), id="names"),
        pytest.param(("car,", None, None, None), Narrowing(("car",)), id="a comma too many"),
        pytest.param(
            (None, None, "2026-11-28T09:00:00+01:00", "2026-11-28T12:00:00Z"),
            Narrowing(after=datetime(2026, 11, 28, 8, tzinfo=UTC), before=datetime(2026, 11, 28, 12, tzinfo=UTC)),
            id="times",
        ),
    ],
)  # fmt: skip
def test_narrowing(given: tuple[Any, ...], expected: Narrowing) -> None:
    assert narrowing_of(*given) == expected


def test_a_moment_that_is_none_is_named_with_its_option() -> None:
    with pytest.raises(ConfigError, match="--before"):
        narrowing_of(None, None, None, "yesterday")


def match(track: int | None, utc: float | None) -> Match:
    return Match(1, 0.93149, "gate", track, "car", 0.5, (0, 0, 1, 1), 4, 12.345, utc, None, b"")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(match(17, 1.8e9), "0.931  car  gate, track 17  2027-01-15T08:00:00.000Z", id="of a camera"),
        pytest.param(match(17, None), "0.931  car  gate, track 17  12.35 s", id="of a film"),
        pytest.param(match(None, None), "0.931  car  gate", id="of a picture"),
        pytest.param(match(None, 1.8e9), "0.931  car  gate  2027-01-15T08:00:00.000Z", id="of a dated picture"),
    ],
)  # fmt: skip
def test_lines(found: Match, told: str) -> None:
    assert line(found) == told

"""How a stream is watched for drift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.config.refused import refusal

from sightline.config.monitoring.drift import DriftOptions


def test_a_week_is_learnt_and_a_frame_a_second_is_looked_at() -> None:
    options = DriftOptions(reference="gate.drift")  # type: ignore[arg-type]
    assert (options.reference, options.learn_days, options.every_s) == (Path("gate.drift"), 7, 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "reference: it is missing"),
        ({"reference": "x", "learn_days": 0}, "learn_days: it must be more than 0, not 0"),
        ({"reference": "x", "learn_days": 61}, "learn_days: it must be 60 or less, not 61"),
        ({"reference": "x", "every_s": 3601}, "every_s: it must be 3600 or less, not 3601"),
        (
            {"reference": "x", "refrence": "y"},
            "refrence: there is no such option; did you mean reference?",
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    assert refusal(DriftOptions, **values) == message

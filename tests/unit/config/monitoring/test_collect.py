"""How hard frames of a stream are collected."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.config.refused import refusal

from sightline.config.monitoring.collect import (
    HARD_FRAME_KINDS,
    OF_DRIFT,
    CollectFramesOptions,
)


def test_reasons() -> None:
    assert len(set(HARD_FRAME_KINDS)) == len(HARD_FRAME_KINDS)
    assert set(OF_DRIFT) < set(HARD_FRAME_KINDS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "folder: it is missing"),
        ({"folder": "x", "per_day": 0}, "per_day: it must be 1 or more, not 0"),
        ({"folder": "x", "per_day": 10_001}, "per_day: it must be 10000 or less, not 10001"),
        ({"folder": "x", "keep_days": 0}, "keep_days: it must be more than 0, not 0"),
        ({"folder": "x", "max_mb": -5}, "max_mb: it must be more than 0, not -5"),
        ({"folder": "x", "kinds": []}, "kinds: "),
        ({"folder": "x", "kinds": ["odd"]}, "kinds.0: it must be 'uncertain'"),
        ({"folder": "x", "embedder": "a/b"}, "embedder: "),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    assert refusal(CollectFramesOptions, **values).startswith(message)


def test_all_reasons_count_where_none_is_given() -> None:
    assert CollectFramesOptions(folder="x").kinds is None  # type: ignore[arg-type]
    chosen = CollectFramesOptions(folder="x", kinds=("rare", "anomalous"))  # type: ignore[arg-type]
    assert chosen.kinds == ("rare", "anomalous")

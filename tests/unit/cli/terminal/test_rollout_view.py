"""What a second model has come to, as tables."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from sightline.cli.terminal.rollout_view import print_rollout

FIGURES = {
    "answered": 10,
    "shown": 4,
    "failed": 1,
    "p50_ms": 5.04,
    "p95_ms": 9.96,
    "p99_ms": None,
    "cpu_ms": 3.0,
}


def printed(**more: Any) -> str:
    told = {
        "model": "street", "kind": "canary", "second_model": "street-2", "state": "running", "share": 0.25,
        "step": 2, "steps": 4, "reasons": [], "dropped": {}, "compared": 7, "agreement": 0.98765, "examples": 0,
        "first": FIGURES, "second": FIGURES | {"failed": 0}, "per_class": {}, **more,
    }  # fmt: skip
    out = io.StringIO()
    print_rollout(told, Console(file=out, width=120))
    return out.getvalue()


def test_the_state_and_the_share() -> None:
    first, second, *_ = printed().splitlines()
    assert first.strip() == "street: canary street-2 running, 25% of the traffic, step 2 of 4"
    assert second.strip() == "7 pictures compared, agreement 0.988"
    assert "step" not in printed(steps=1).splitlines()[0]


def test_what_was_left_out_and_kept() -> None:
    told = printed(dropped={"busy": 3, "failed": 1}, examples=2, agreement=None)
    assert "agreement not known; left out: 3 busy, 1 failed; 2 examples kept" in told


def test_reasons_stand_below_the_state() -> None:
    lines = printed(reasons=[{"message": "p99 is twice as long"}]).splitlines()
    assert lines[1].rstrip() == "  p99 is twice as long"


def test_figures_of_both_models() -> None:
    rows = [
        line.split() for line in printed().splitlines() if line.split()[0] in ("street", "street-2")
    ]
    assert rows == [
        ["street", "10", "4", "1", "5.0", "10.0", "3.0"],
        ["street-2", "10", "4", "0", "5.0", "10.0", "3.0"],
    ]


def test_classes_that_were_seen() -> None:
    told = printed(
        per_class={
            "car": {"first": 9, "second": 8, "agreement": 0.5},
            "bus": {"first": 0, "second": 0, "agreement": None},
            "van\x1b[31m": {"first": 0, "second": 1, "agreement": None},
        }
    )
    rows = [line.split() for line in told.splitlines()]
    assert ["car", "0.500", "9", "8"] in rows
    assert not any(row[:1] == ["bus"] for row in rows)
    assert "\x1b[31m" not in told

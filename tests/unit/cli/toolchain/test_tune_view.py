"""What is said of a search: where no way to run a model keeps the limits, where others used the machine."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from sightline.cli.toolchain.tune_view import no_choice, show
from sightline.optimize.tuning.candidates import Limits, Trial, TuningCandidate

LIMITS = Limits(p99_ms=50, min_accuracy=0.95)
ONE = TuningCandidate("openvino", "fp32", 320)


def test_the_nearest_is_named_with_the_option_that_would_allow_it() -> None:
    late = Trial(ONE, accuracy=1.0, pictures_per_s=10, p99_ms=80, seconds=1)
    assert "openvino fp32 320, batch 1 with p99 80 ms" in no_choice([late], LIMITS)
    assert "--p99-ms" in no_choice([late], LIMITS)
    bad = Trial(ONE, accuracy=0.9)
    assert "with 0.900: allow less with --min-accuracy" in no_choice([bad], LIMITS)
    assert "not in fp32" in no_choice([Trial(ONE, refused="not in fp32")], LIMITS)


def test_a_remedy_that_was_tried_is_not_named() -> None:
    late = Trial(ONE, accuracy=1.0, pictures_per_s=10, p99_ms=80, seconds=1)
    assert "--requests 1" in no_choice([late], LIMITS)
    alone = replace(late, candidate=replace(ONE, requests=1), p99_ms=60)
    assert "--requests 1" not in no_choice([late, alone], LIMITS)


@pytest.mark.parametrize(
    ("settled", "said"), [(True, "holds not even one camera"), (False, "no number of cameras held")]
)
def test_a_machine_that_is_too_uneven_is_not_said_to_hold_no_camera(
    settled: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    row = asdict(Trial(ONE, accuracy=1.0, pictures_per_s=10, p99_ms=40, seconds=1))
    facts = {
        "pareto": [row],
        "chosen": row,
        "trials": [row],
        "space": 1,
        "search_s": 1.0,
        "other_load": {},
    }
    limits = {"target_fps": 5, "p99_ms": 100}
    cameras = {"cameras": 0, "cameras_load": None, "more_load": None, "bottleneck": None}
    show(facts | cameras | {"limits": limits, "settled": settled}, None)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("share", "told"), [(0.4, True), (0.02, False), (None, False)])
def test_figures_that_other_programs_falsified_are_told(
    share: float | None, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = Trial(ONE, accuracy=1.0, pictures_per_s=10, p99_ms=40, seconds=1)
    row = asdict(trial)
    facts = {"pareto": [row], "chosen": row, "trials": [row], "space": 1, "search_s": 1.0}
    show(facts | {"other_load": {"search": 0.01, "cameras": share}}, None)
    said = "other programs took 40% of the processor"
    assert (said in capsys.readouterr().out) == told
    late = replace(trial, p99_ms=80)
    assert (said in no_choice([late], LIMITS, share)) == told

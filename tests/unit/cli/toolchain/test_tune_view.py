"""What is said where no way to run a model keeps the limits."""

from __future__ import annotations

from sightline.cli.toolchain.tune_view import no_choice
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

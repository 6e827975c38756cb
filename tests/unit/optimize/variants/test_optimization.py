"""Which variants gain enough to be used in the original's place."""

from __future__ import annotations

import pytest

from sightline.optimize.variants.gate import Verdict
from sightline.optimize.variants.optimization import Variant, judged_by_gain
from sightline.optimize.variants.speed import VariantSpeed


def variant(ratio: float, size: int, *, content: bytes | None = b"it", reason: str = "") -> Variant:
    return Variant(
        "int8",
        content,
        size_bytes=size,
        verdict=Verdict(0.99, reason),
        speed=VariantSpeed(1.0, 100.0, ratio),
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(variant(2.4, 50), "", id="smaller and faster"),
        pytest.param(variant(2.0, 50), "", id="smaller and as fast"),
        pytest.param(variant(2.4, 120), "", id="larger but faster"),
        pytest.param(variant(1.8, 50), "slower here: 0.90 times", id="smaller but slower"),
        pytest.param(variant(2.0, 120), "neither smaller nor faster here", id="nothing gained"),
        pytest.param(variant(1.0, 100, content=None), "", id="the original's own file"),
        pytest.param(variant(1.0, 50, reason="it loses cars"), "it loses cars", id="refused before"),
    ],
)  # fmt: skip
def test_against_the_original_at_its_best(given: Variant, reason: str) -> None:
    """The original has 100 bytes, and is 2.0 times as fast at its best precision as in FP32."""
    judged = judged_by_gain(given, best=2.0, size_bytes=100)
    assert judged.verdict.reason.startswith(reason)
    assert judged.accepted == (not reason)

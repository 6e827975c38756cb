"""Which variants gain enough to be used in the original's place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from sightline.optimize.variants.gate import Verdict
from sightline.optimize.variants.optimization import (
    Optimization,
    Original,
    Variant,
    judged_by_gain,
)
from sightline.optimize.variants.pictures import NetworkPictures
from sightline.optimize.variants.speed import VariantSpeed
from sightline.types import Normalization


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


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param([[1.0, 2.0]], "", id="equal"),
        pytest.param([[1.0, 2.1]], "not equal to the original: output0[0, 1] is 2.1", id="other values"),
        pytest.param([[1.0]], "the output output0 has the shape (1, 1) now", id="another shape"),
    ],
)  # fmt: skip
def test_a_cleaned_graph_must_answer_as_the_original(
    network: Any, recording_engine: Callable[..., Any], answer: list[list[float]], reason: str
) -> None:
    pytest.importorskip("onnxslim", reason="onnxslim is not installed")
    own = network.SerializeToString()

    def make_engine(content: bytes, backend: str, precision: str) -> Any:
        found = [[1.0, 2.0]] if content == own else answer
        return recording_engine(lambda _: [np.array(found, np.float32)])

    with closing(NetworkPictures()) as shown:
        shown.add(np.zeros((32, 32, 3), np.uint8), (32, 32))
        original = Original(
            network, 10**9, Normalization(), ("any",), make_engine, (1, 32, 32), shown, (0,)
        )
        made = Optimization(original, lambda _: Verdict(1.0), "minmax", 0.0, slower=True, progress=lambda _: None)  # fmt: skip
        _, cleaned = made.run(["clean"])
    assert cleaned.verdict.reason.startswith(reason)
    assert cleaned.accepted == (not reason)

"""The space that is searched, and what of it is worth a look."""

from __future__ import annotations

from sightline.optimize.tuning.candidates import (
    Limits,
    SearchSpace,
    Trial,
    TuningCandidate,
    pareto_front,
)

SPACE = SearchSpace(
    ["openvino", "onnxruntime"], ["fp32", "bf16"], [416, 320], 640, [1, 4], [0], [0, 1]
)


def trial(size: int, accuracy: float, rate: float, p99_ms: float = 10.0) -> Trial:
    return Trial(TuningCandidate("openvino", "fp32", size), accuracy, rate, p99_ms, seconds=1.0)


def test_the_space() -> None:
    assert len(SPACE.every()) == 32
    assert len(set(SPACE.every())) == 32
    plain = SPACE.plain()
    assert len(plain) == 8
    assert plain[0] == TuningCandidate("openvino", "fp32", 416)
    assert SPACE.native == TuningCandidate("openvino", "fp32", 640)
    around = SPACE.around(plain[3])
    assert len(around) == 4
    assert {one.plain for one in around} == {plain[3]}
    assert set(around) <= set(SPACE.every())
    assert str(around[-1]) == "openvino bf16 320, batch 4, 1 in flight"


def test_the_pareto_front_has_what_nothing_beats_in_both() -> None:
    slow, middle, fast = trial(416, 1.0, 100), trial(320, 0.97, 150), trial(192, 0.5, 300)
    worse, twice = trial(352, 0.95, 120), trial(321, 0.97, 140)
    refused = Trial(TuningCandidate("torch", "fp32", 416), refused="it cannot")
    unmeasured = Trial(TuningCandidate("openvino", "fp32", 64), accuracy=1.0)
    front = pareto_front([slow, worse, refused, middle, unmeasured, twice, fast])
    assert front == [fast, middle, slow]


def test_limits() -> None:
    limits = Limits(p99_ms=50, min_accuracy=0.95)
    assert trial(416, 0.95, 100, 50).holds(limits)
    assert not trial(416, 0.94, 100, 50).holds(limits)
    assert not trial(416, 1.0, 100, 51).holds(limits)
    assert not Trial(TuningCandidate("a", "fp32", 1), accuracy=1.0).holds(limits)
    assert not Trial(TuningCandidate("a", "fp32", 1), refused="no").accurate(limits)

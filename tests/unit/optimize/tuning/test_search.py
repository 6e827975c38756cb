"""The search on made-up machines, beside an exhaustive one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from sightline.errors import EngineError
from sightline.optimize.benchmarks.timing import FullLoad
from sightline.optimize.tuning.candidates import Limits, SearchSpace, Trial, TuningCandidate
from sightline.optimize.tuning.search import best, search, search_all

SPACE = SearchSpace(
    ["openvino", "onnxruntime"], ["fp32", "bf16"], [416, 320, 192], 416, [1, 4, 8], [0], [0, 1]
)
LIMITS = Limits(p99_ms=100, min_accuracy=0.9)


class Machine:
    """Rates that are products of what each choice brings, measured with noise that time reduces."""

    def __init__(self, seed: int) -> None:
        made = random.Random(seed)
        self.factors = {
            value: made.uniform(0.6, 1.6)
            for value in ("openvino", "onnxruntime", "fp32", "bf16", 1, 4, 8, "r0", "r1")
        }
        self.noise = random.Random(seed + 1)
        self.spent_s = 0.0
        self.accuracies = 0
        self.released: list[Sequence[TuningCandidate]] = []

    def rate(self, one: TuningCandidate) -> float:
        parts = (one.backend, one.precision, one.batch, f"r{one.requests}")
        product = 1.0
        for part in parts:
            product *= self.factors[part]
        return 100 * product * (416 / one.size) ** 2

    def p99(self, one: TuningCandidate) -> float:
        return one.batch * (8 if one.requests == 0 else 4) * 1e3 / self.rate(one)

    def accuracy(self, one: TuningCandidate) -> float:
        assert one == one.plain
        self.accuracies += 1
        return {416: 1.0, 320: 0.93, 192: 0.5}[one.size]

    def load(self, one: TuningCandidate, seconds: float) -> FullLoad:
        if (one.backend, one.precision) == ("onnxruntime", "bf16"):
            raise EngineError("not in bf16")
        self.spent_s += seconds
        noise = self.noise.gauss(0, 0.03 / seconds**0.5)
        return FullLoad(self.rate(one) * (1 + noise), [self.p99(one)] * 100)

    def release(self, candidates: Sequence[TuningCandidate]) -> None:
        self.released.append(candidates)


Search = Callable[..., list[Trial]]


@pytest.mark.parametrize("seed", range(10))
def test_it_comes_close_to_the_best_in_a_quarter_of_the_time(seed: int) -> None:
    quick, whole = Machine(seed), Machine(seed)
    found = best(search(SPACE, quick, LIMITS, lambda _: None), LIMITS)
    true = best(search_all(SPACE, whole, LIMITS, lambda _: None), LIMITS)
    assert found is not None
    assert true is not None
    machine = Machine(seed)
    assert machine.rate(found.candidate) >= 0.95 * machine.rate(true.candidate)
    assert machine.p99(found.candidate) <= LIMITS.p99_ms
    assert found.seconds == 4.0
    assert quick.spent_s <= 0.25 * whole.spent_s
    assert quick.accuracies == whole.accuracies == 12


def test_what_cannot_run_is_a_trial_with_its_reason() -> None:
    trials = search(SPACE, Machine(0), LIMITS, lambda _: None)
    refused = [trial for trial in trials if trial.refused]
    assert {(t.candidate.backend, t.candidate.precision) for t in refused} == {
        ("onnxruntime", "bf16")
    }
    assert refused[0].refused == "not in bf16"
    assert best(refused, LIMITS) is None


def test_nothing_is_measured_that_is_too_inaccurate() -> None:
    trials = search(SPACE, Machine(1), LIMITS, lambda _: None)
    assert all(not trial.seconds for trial in trials if trial.candidate.size == 192)
    strict = search(SPACE, Machine(1), Limits(100, 1.01), lambda _: None)
    assert best(strict, Limits(100, 1.01)) is None
    assert not any(trial.seconds for trial in strict)


def test_latency_may_force_fewer_in_flight() -> None:
    machine = Machine(2)
    machine.factors.update({"r0": 1.0, "r1": 0.5, 1: 1.0, 4: 1.2, 8: 1.3})
    plain = max((c for c in SPACE.plain() if c.size != 192), key=machine.rate)
    limit = machine.p99(plain) * 0.99  # with the runtime's own number in flight it is just too late
    tight = Limits(limit, 0.9)
    found = best(search(SPACE, machine, tight, lambda _: None), tight)
    assert found is None or machine.p99(found.candidate) <= limit
    loose = Limits(10 * limit, 0.9)
    free = best(search(SPACE, machine, loose, lambda _: None), loose)
    assert free is not None
    assert free.candidate.batch > 1

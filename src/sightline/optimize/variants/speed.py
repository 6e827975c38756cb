"""How fast engines are beside one another, in turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from sightline.optimize.benchmarks.timing import TimedRuns
from sightline.protocols import Engine
from sightline.runtime.measure import measure_engine

ROUNDS = 5
SECONDS = 0.6


@dataclass(frozen=True)
class VariantSpeed:
    """Milliseconds of one picture alone (median), pictures per second with several in flight (median), and the
    rate relative to the first engine's (median of the rounds' ratios)."""

    latency_ms: float
    throughput: float
    ratio: float


def compare_speeds(
    engines: Mapping[str, Engine], shape: tuple[int, int, int], rounds: int = ROUNDS
) -> dict[str, VariantSpeed]:
    """The speed of each engine for batches of ``shape`` (N, H, W); the first one's ratio is 1."""
    rates: dict[str, list[float]] = {name: [] for name in engines}
    latencies: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            rates[name].append(shape[0] * measure_engine(engine, shape, SECONDS))
            latencies[name] += TimedRuns(engine, shape).latencies_ms(SECONDS / 4)
    first = rates[next(iter(rates))]
    return {
        name: VariantSpeed(
            median(latencies[name]),
            median(rates[name]),
            median(own / other for own, other in zip(rates[name], first, strict=True)),
        )
        for name in engines
    }

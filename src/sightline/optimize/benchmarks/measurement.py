"""Setups of one model measured one after another, or in turns with another model's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sightline.errors import SightlineError
from sightline.optimize.benchmarks.child import SetupProcess
from sightline.optimize.benchmarks.setups import EngineSetup, MakeEngine
from sightline.optimize.benchmarks.statistics import (
    Drift,
    Latency,
    LatencyComparison,
    compare,
    drift,
)
from sightline.optimize.benchmarks.thermal import ThermalState, thermal_state
from sightline.optimize.benchmarks.timing import WarmUp

BLOCKS = 20
"""The timed seconds are cut into so many blocks."""
TURN_S = 0.01
"""Two models take turns of so long: what else the machine does then falls on both."""
MOST_WINDOWS = 60
LEAST_WINDOW_S = 1.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How long each setup is measured.

    Args:
        seconds: of single inferences, and half as many side by side.
        sustained_s: further seconds of full load, in windows; 0: none.
        warm_up_s: the warm-up takes no longer, though its times are not stable.
    """

    seconds: float = 5.0
    sustained_s: float = 0.0
    warm_up_s: float = 10.0


@dataclass(frozen=True)
class Window:
    """A part of a sustained measurement, ``at_s`` seconds after its start."""

    at_s: float
    pictures_per_s: float
    p50_ms: float
    p99_ms: float
    thermal: ThermalState


@dataclass(frozen=True)
class Sustained:
    """Full load for a long time: windows, and how rate and latency moved over them."""

    windows: tuple[Window, ...]
    rate_drift: Drift | None
    p50_drift: Drift | None


@dataclass(frozen=True)
class BenchResult:
    """What was measured of one setup; ``refused`` says why there is nothing.

    ``setup`` has the size that was used, ``precision`` and ``device`` are the engine's own.
    ``latency`` is of one batch at a time with all threads; ``block_medians_ms`` are those of its blocks.
    ``pictures_per_s`` is with ``requests`` batches side by side. ``peak_memory_mb`` is of the process.
    ``other_load`` is the part of the processor that other programs took meanwhile; None where that is
    not known. ``comparison`` is with another model, measured in turns.
    """

    setup: EngineSetup
    refused: str | None = None
    precision: str | None = None
    device: str | None = None
    warm_up: WarmUp | None = None
    latency: Latency | None = None
    block_medians_ms: tuple[float, ...] = ()
    requests: int | None = None
    pictures_per_s: float | None = None
    peak_memory_mb: float | None = None
    other_load: float | None = None
    sustained: Sustained | None = None
    comparison: LatencyComparison | None = None


def measure_setups(
    make: MakeEngine,
    setups: Sequence[EngineSetup],
    plan: Plan,
    tell: Tell,
    other: MakeEngine | None = None,
) -> list[BenchResult]:
    """Measure each setup in a process of its own. One that cannot run is a result with the reason.

    Args:
        make: makes the engines of a model.
        setups: what is measured.
        plan: for how long.
        tell: told of the progress, in a line.
        other: makes the engines of another model, which is measured in turns with the first: a block of
            one, a block of the other.
    """
    results = []
    for number, setup in enumerate(setups, 1):
        try:
            result = _measure(make, setup, plan, other)
        except SightlineError as exc:
            result = BenchResult(setup, refused=str(exc))
        results.append(result)
        tell(f"{number} of {len(setups)}: {setup}: {_summary(result)}")
    return results


def _summary(result: BenchResult) -> str:
    if result.latency is None:
        return f"cannot run: {result.refused}"
    return f"p50 {result.latency.p50_ms:.2f} ms, {result.pictures_per_s:.1f} pictures/s"


def _measure(
    make: MakeEngine, setup: EngineSetup, plan: Plan, other: MakeEngine | None
) -> BenchResult:
    with ExitStack() as stack:
        process = stack.enter_context(SetupProcess(make, setup))
        rival = stack.enter_context(SetupProcess(other, setup)) if other else None
        prepared = process.prepare("latency", plan.warm_up_s)
        if rival is not None:
            rival.prepare("latency", plan.warm_up_s)
        if rival is None:
            blocks = [process.latencies_ms(plan.seconds / BLOCKS) for _ in range(BLOCKS)]
            comparison, others = None, process.other_load()
        else:
            blocks, comparison = _in_turns(process, rival, plan.seconds)
            others = None  # the rival would be among them
        side_by_side = process.prepare("throughput", plan.warm_up_s)
        load = process.load(plan.seconds / 2)
        peak = process.peak_memory_mb()
        sustained = _sustained(process, plan.sustained_s) if plan.sustained_s else None
    return BenchResult(
        replace(setup, size=prepared.size),
        precision=prepared.info.precision,
        device=prepared.info.device,
        warm_up=prepared.warm_up,
        latency=Latency.of([ms for block in blocks for ms in block]),
        block_medians_ms=tuple(map(statistics.median, blocks)),
        requests=side_by_side.info.requests,
        pictures_per_s=load.pictures_per_s,
        peak_memory_mb=peak,
        other_load=others,
        sustained=sustained,
        comparison=comparison,
    )


def _in_turns(
    process: SetupProcess, rival: SetupProcess, seconds: float
) -> tuple[list[list[float]], LatencyComparison]:
    """The times of one in ``BLOCKS`` blocks, and how they compare with those of the rival.

    Both are measured for ``seconds``, in short turns; who begins changes, too.
    """
    mine: list[list[float]] = []
    theirs: list[list[float]] = []
    turns = [(process, mine), (rival, theirs)]
    began = time.monotonic()
    while len(mine) < BLOCKS or time.monotonic() - began < 2 * seconds:
        for measured, into in turns:
            into.append(measured.latencies_ms(TURN_S))
        turns.reverse()
    medians = ([statistics.median(turn) for turn in side] for side in (mine, theirs))
    found = compare(*medians, interleaved=True)
    size = -(-len(mine) // BLOCKS)
    joined = [mine[start : start + size] for start in range(0, len(mine), size)]
    return [[ms for turn in block for ms in turn] for block in joined], found


def _sustained(process: SetupProcess, seconds: float) -> Sustained:
    each = max(LEAST_WINDOW_S, seconds / MOST_WINDOWS)
    began, windows = time.monotonic(), []
    while (at := time.monotonic() - began) < seconds:
        load = process.load(min(each, seconds - at))
        latency = Latency.of(load.samples_ms)
        windows.append(
            Window(at, load.pictures_per_s, latency.p50_ms, latency.p99_ms, thermal_state())
        )
    times = [window.at_s for window in windows]
    return Sustained(
        tuple(windows),
        drift(times, [window.pictures_per_s for window in windows]),
        drift(times, [window.p50_ms for window in windows]),
    )

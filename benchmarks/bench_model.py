"""Is `sightline bench model` repeatable, and does it tell a build that is a tenth slower apart?

    python benchmarks/bench_model.py [--data ../shared] [--times 3] [--seconds 5]

YOLOX-nano is measured so many times with each runtime: how far are the medians apart? Then it is measured in turns with
itself, and with itself behind an engine that takes a tenth more time for each inference.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from sightline.build.toolchain.measured import measured_engine
from sightline.config import ModelOptions
from sightline.engines.wrapper import EngineWrapper
from sightline.optimize.benchmarks.measurement import Plan, measure_setups
from sightline.optimize.benchmarks.setups import EngineSetup, Hint
from sightline.protocols import Engine
from sightline.types import Floats, Pixels

SLOWER = 1.1


class SlowerEngine(EngineWrapper):
    """Takes a tenth more time than the engine that it wraps."""

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], Any],
    ) -> Future[Any]:
        start = time.perf_counter()
        future: Future[Any] = self.engine.submit(shape, fill, read)
        future.result()
        until = start + SLOWER * (time.perf_counter() - start)
        while time.perf_counter() < until:
            pass
        return future


def slower(options: ModelOptions, setup: EngineSetup, hint: Hint) -> tuple[Engine, tuple[int, int]]:
    engine, size = measured_engine(options, setup, hint)
    return SlowerEngine(engine), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared"))
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    options = ModelOptions(model=str(args.data / "models" / "yolox_nano.onnx"))
    make, plan = partial(measured_engine, options), Plan(args.seconds)
    for setup in (EngineSetup("openvino"), EngineSetup("onnxruntime")):
        results = [measure_setups(make, [setup], plan, print)[0] for _ in range(args.times)]
        medians = [result.latency.p50_ms for result in results if result.latency]
        loads = [f"{result.other_load or 0:.0%}" for result in results]
        shown = ", ".join(f"{ms:.2f}" for ms in medians)
        print(
            f"{setup}: p50 {shown} ms: apart by {max(medians) / min(medians) - 1:.1%} (others took {', '.join(loads)})"
        )
        for name, rival in (("itself", make), ("a tenth more", partial(slower, options))):
            (result,) = measure_setups(rival, [setup], plan, print, make)
            print(f"{setup}: {name}: {result.comparison}")


if __name__ == "__main__":
    main()

"""Trying an engine out before anyone waits for it: which batch sizes pay, and what they take."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from sightline.errors import SightlineError
from sightline.protocols import Engine
from sightline.runtime.scheduling.joined import check_rows
from sightline.runtime.scheduling.speed import GAIN, InputSize, Measured, Speed
from sightline.types import Floats, Pixels

ROUNDS = 3
"""The best one counts: other programs can only make a round slower."""
ROUNDS_S = 0.4
"""Rounds of one kind end after so long. A slow model is measured well by fewer."""
CHOOSING_S = 5.0
"""Larger batches are not tried after so long: whoever starts a model waits for it."""

log = logging.getLogger(__name__)


def joinable(engine: Engine) -> bool:
    """Whether an engine's model takes batches, as far as its shapes tell."""
    info = engine.info
    return info.input.shape[0] is None and all(
        output.shape and output.shape[0] is None for output in info.outputs
    )


def new_speed(engine: Engine, sizes: Sequence[int] | None) -> Speed:
    """What is known of an engine that has not run; ``sizes`` as of ``Scheduler.add``."""
    return Speed(engine.info.requests, sizes if joinable(engine) else (1,))


def measure_batches(
    engine: Engine, input_size: InputSize, sizes: Sequence[int] | None, largest: int
) -> list[Measured]:
    """Run an engine at its ``sizes``, or where these are None at those up to ``largest`` that pay.

    Raises what the engine raises.
    """
    if not joinable(engine):
        sizes = (1,)
    powers = [1 << i for i in range(largest.bit_length())]
    return measure_sizes(engine, input_size, sizes or powers, choose=sizes is None)


def measure_sizes(
    engine: Engine, input_size: InputSize, sizes: Sequence[int], *, choose: bool
) -> list[Measured]:
    """Run an engine at each batch size, smallest first.

    With ``choose`` it ends at the first size that does not pay, or that the engine cannot run, and
    returns those before it; so it does after ``CHOOSING_S``. Raises what the engine raises otherwise.
    """
    found: list[Measured] = []
    began = time.monotonic()
    for pictures in sizes:
        if choose and found and time.monotonic() - began > CHOOSING_S:
            log.info("batches of %d pictures and more are not tried: that takes long", pictures)
            break
        try:
            measured = _measure(engine, (pictures, *input_size))
        except SightlineError as exc:
            if not (found and choose):
                raise
            log.info("batches of %d pictures are not used: %s", pictures, exc)
            break
        if choose and found and measured.cost_s * GAIN > found[-1].cost_s:
            break
        found.append(measured)
    return found


def _measure(engine: Engine, shape: tuple[int, int, int]) -> Measured:
    requests = engine.info.requests

    def fill(pixels: Pixels) -> None:
        pixels[...] = 114

    def read(outputs: Sequence[Floats]) -> None:
        if shape[0] > 1:
            check_rows(outputs, shape[0])

    def run(batches: int) -> float:
        start = time.perf_counter()
        flying = [engine.submit(shape, fill, read) for _ in range(min(batches, requests))]
        for _ in range(batches - len(flying)):
            flying.pop(0).result()
            flying.append(engine.submit(shape, fill, read))
        for future in flying:
            future.result()
        return time.perf_counter() - start

    def best(batches: int) -> float:
        times: list[float] = []
        while len(times) < ROUNDS and sum(times) < ROUNDS_S:
            times.append(run(batches))
        return min(times)

    run(1)  # compiles
    run(requests)  # each request makes its memory
    return Measured(shape[0], best(1), best(2 * requests) / (2 * requests) / shape[0])

"""A stage that fails or hangs on one of many live streams: what do the others notice?

    python benchmarks/stage_faults.py [--streams 20] [--seconds 10] [--rounds 5]

A street of 5 FPS is played by every stream in real time, and one frame a second of each is analysed. One of the streams
also shows its vehicles to a classifier. Its engine does first what it should, then every inference fails, then it
does what it should again, and then none returns, in turns. The others' rate and age are compared with their means in the
turns before and after; of the ratios the median counts, since other programs on the computer disturb any turn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from stages import VEHICLES, record

from sightline import build
from sightline.build.application import Application
from sightline.config import (
    AdaptiveOptions,
    ClassifyOptions,
    Configuration,
    ModelOptions,
    StreamOptions,
)
from sightline.engines.wrapper import EngineWrapper
from sightline.errors import InferenceError
from sightline.runtime.streams.fleet import Fleet
from sightline.runtime.streams.record import WINDOW_S
from sightline.sources.street import StreetOptions
from sightline.types import Floats, Pixels

T = TypeVar("T")
Mode = Literal["works", "fails", "hangs"]

FPS = 5
ANALYZED_FPS = 1.0
SETTLE_S = 15.0
FAULTY = "camera-0"
LOOKING = "street-attributes"


class Faulty(EngineWrapper):
    """An engine that does as it is told."""

    mode: Mode = "works"
    hanging: ClassVar[list[Future[Any]]] = []

    @classmethod
    def tell(cls, mode: Mode) -> None:
        """What it does from now on. Inferences that hang come back, as failures."""
        cls.mode, hung = mode, cls.hanging
        cls.hanging = []
        for future in hung:
            future.set_exception(InferenceError("it hung"))

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """As the engine does, or a future that fails or never has a result."""
        if Faulty.mode == "works":
            return self.engine.submit(shape, fill, read)
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        if Faulty.mode == "fails":
            future.set_exception(InferenceError("told to fail"))
        else:
            Faulty.hanging.append(future)
        return future


@dataclass(frozen=True)
class Turn:
    """The others while the one does as ``mode`` says: frames a second of each, and ages in ms."""

    mode: Mode
    rate: float
    p50_ms: float
    p99_ms: float
    missing: dict[str, int]


def turn(fleet: Fleet, mode: Mode, seconds: float) -> Turn:
    """Watch the streams for so long."""
    Faulty.tell(mode)
    time.sleep(WINDOW_S)  # ages are those of so long
    before, began = fleet.stats(), time.monotonic()
    ages: list[tuple[float, float]] = []
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, WINDOW_S))
        ages += [
            (one.age_p50_ms, one.age_p99_ms)
            for name, one in fleet.stats().items()
            if name != FAULTY
        ]
    after, took = fleet.stats(), time.monotonic() - began
    others = [name for name in after if name != FAULTY]
    rate = sum(after[n].analyzed - before[n].analyzed for n in others) / took / len(others)
    earlier = before[FAULTY].missing.get("classify", {})
    missing = {
        why: count - earlier.get(why, 0)
        for why, count in after[FAULTY].missing.get("classify", {}).items()
        if count > earlier.get(why, 0)
    }
    p50, p99 = np.mean(np.array(ages), axis=0)
    return Turn(mode, rate, float(p50), float(p99), missing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a turn")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    site = Application(Configuration.model_validate({"models": {"model": {"model": "street"}}}))
    site.open()
    assert isinstance(site.fleet, Fleet)
    turns: list[Turn] = []
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "street.mp4"
        record(StreetOptions(seed=10_501, width=640, height=384, fps=FPS, duration=30), film)
        plain = StreamOptions(
            source=str(film), realtime=True, loop=True,
            adaptive=AdaptiveOptions(max_fps=ANALYZED_FPS),
        )  # fmt: skip
        looking = ClassifyOptions(model=LOOKING, of=VEHICLES)
        for number in range(arguments.streams):
            own = {"stages": (looking,)} if number == 0 else {}
            site.fleet.add(f"camera-{number}", plain.model_copy(update=own))
            time.sleep(1 / FPS / arguments.streams)
        time.sleep(SETTLE_S)
        faulty = Faulty(build.classifier(ModelOptions(model=LOOKING)).engine)
        (name,) = (one for one in site.scheduler.stats().models if LOOKING in one)
        before = site.scheduler.replace(name, faulty)
        order: tuple[Mode, ...] = ("works", "fails", "works", "hangs")
        for _ in range(arguments.rounds):
            for mode in order:
                seen = turn(site.fleet, mode, arguments.seconds)
                turns.append(seen)
                print(
                    f"{mode}: the others {seen.rate:.3f} FPS each, age p50 {seen.p50_ms:.1f} ms, p99 "
                    f"{seen.p99_ms:.1f} ms; of the one without labels: {seen.missing or 'none'}",
                    flush=True,
                )
        turns.append(turn(site.fleet, "works", arguments.seconds))
        Faulty.tell("works")
        for number in range(arguments.streams):
            site.fleet.remove(f"camera-{number}")
    site.close()
    before.close()
    show(turns)


def show(turns: Sequence[Turn]) -> None:
    """Print what the faults changed for the others."""
    rates: dict[Mode, list[float]] = defaultdict(list)
    ages: dict[Mode, list[float]] = defaultdict(list)
    for before, seen, after in zip(turns, turns[1:], turns[2:], strict=False):
        if seen.mode != "works":
            rates[seen.mode].append(2 * seen.rate / (before.rate + after.rate))
            ages[seen.mode].append(2 * seen.p50_ms / (before.p50_ms + after.p50_ms))
    for mode, ratios in rates.items():
        print(
            f"{mode}: others' rate {median(ratios) - 1:+.1%}, age p50 {median(ages[mode]) - 1:+.1%} "
            "(wanted within 2 %)"
        )


if __name__ == "__main__":
    main()

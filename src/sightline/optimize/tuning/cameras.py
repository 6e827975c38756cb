"""How many cameras a machine holds: found, checked by running them, and what stands in the way of more."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sightline.runtime.capacity import FleetLoad, most_streams
from sightline.runtime.measure import Stages

MORE = 1.2
"""So many times the promised number must not hold: else more is promised."""
_FEWER = 0.9
_CHECKS = 8
"""A machine on which neither number is ever right is too uneven for a promise."""

MeasureFleet = Callable[[int, float], FleetLoad]
"""Runs so many cameras for so many seconds."""


@dataclass(frozen=True)
class CameraPromise:
    """How many cameras hold, as they were run, and what became of a fifth more.

    ``load`` is None where not even one holds; ``more`` is then that one. ``settled`` is False where no
    number was found that holds, with a fifth more that does not.
    """

    cameras: int
    load: FleetLoad | None
    more: FleetLoad | None
    settled: bool = True


def promise_cameras(
    measure: MeasureFleet,
    fps: float,
    p99_ms: float,
    look_s: float,
    check_s: float,
    limit: int,
    start: int = 1,
) -> CameraPromise:
    """Find the largest number of cameras that hold, and run it for ``check_s``; a fifth more as well.

    Args:
        measure: runs cameras.
        fps: frames analysed per second of each.
        p99_ms: the most age of 99 of 100 results.
        look_s: seconds of each number while the largest is looked for.
        check_s: seconds of the check.
        limit: the most cameras that are tried.
        start: the number that is tried first.
    """
    last: FleetLoad | None = None

    def looked(count: int) -> FleetLoad:
        """A number that does not hold is looked at twice: something else may have used the machine."""
        nonlocal last
        last = measure(count, look_s)
        if not last.holds(fps, p99_ms):
            last = measure(count, look_s)
        return last

    found = most_streams(looked, fps, p99_ms, limit, start)
    if found is None:
        return CameraPromise(0, None, last)
    return _checked(found.streams, measure, fps, p99_ms, check_s, limit)


def _checked(
    cameras: int, measure: MeasureFleet, fps: float, p99_ms: float, check_s: float, limit: int
) -> CameraPromise:
    """Run that many cameras and a fifth more, then fewer or more of them until the first hold and the second do not."""
    holding: FleetLoad | None = None
    for _ in range(_CHECKS):
        if holding is None:
            load = measure(cameras, check_s)
            if not load.holds(fps, p99_ms):
                if cameras == 1:
                    return CameraPromise(0, None, load)
                cameras = max(1, min(cameras - 1, math.floor(_FEWER * cameras)))
                continue
            holding = load
        many = math.ceil(MORE * cameras)
        if many > limit:
            return CameraPromise(cameras, holding, None)
        more = measure(many, check_s)
        if not more.holds(fps, p99_ms):
            return CameraPromise(cameras, holding, more)
        cameras, holding = more.streams, more
    return CameraPromise(cameras if holding else 0, holding, None, settled=False)


@dataclass(frozen=True)
class Bottleneck:
    """What the processor's time of one camera goes to (parts of it, which sum up to 1), and the
    part that is in the way of more cameras."""

    part: str
    shares: Mapping[str, float]
    processor: float

    def __str__(self) -> str:
        ordered = sorted(self.shares.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{name} {share:.0%}" for name, share in ordered)
        return f"{self.part} ({shares}; the processor is busy to {self.processor:.0%})"


def bottleneck(
    stages: Stages,
    source_fps: float,
    load: FleetLoad,
    pictures_per_s: float,
    *,
    on_processor: bool,
) -> Bottleneck:
    """What stands in the way of more cameras.

    Args:
        stages: milliseconds of each stage of one camera by itself.
        source_fps: frames that are decoded each second.
        load: of the largest number of cameras.
        pictures_per_s: of the engine alone, at full load.
        on_processor: whether the engine runs on the processor.
    """
    cores = len(os.sched_getaffinity(0))
    analyzed = load.analyzed_fps / max(1, load.streams)
    ms = {
        "decoding": stages.percentile("decode", 50) * source_fps,
        "preprocessing": stages.percentile("preprocess", 50) * analyzed,
        "postprocessing": stages.percentile("postprocess", 50) * analyzed,
        "tracking": stages.percentile("track", 50) * analyzed,
    }
    if on_processor:
        ms["inference"] = 1e3 * cores / pictures_per_s * analyzed
    total = sum(ms.values())
    shares = {name: part / total for name, part in ms.items()} if total else {}
    processor = load.cpu_share / cores
    part = max(shares, key=lambda name: shares[name], default="inference")
    if not on_processor and load.analyzed_fps / pictures_per_s > processor:
        part = "inference"
    return Bottleneck(part, shares, processor)

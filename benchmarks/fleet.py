"""Many streams in one process: do they all run, how old are their results, and what does one more cost?

    python benchmarks/fleet.py [--data ../shared] [--streams 100] [--model street] [--seconds 20]
    python benchmarks/fleet.py --overload [--times 1 1.5 2 4] [--model ../shared/models/yolox_nano.onnx]

Each stream is 768×432 at 5 FPS (the clip of cars, encoded anew at that rate) in real time, with motion gating,
adaptive skipping and a minimum rate. The cost of an analysed frame is processor time of the whole process (decoding,
gating, inference, tracking and what is dropped). It is compared where one stream and many do the same: one frame a second
of each is analysed, and all five are decoded.

With --overload it measures first how many frames a second the machine analyses (files that are read as fast as they can be),
and runs then as many cameras of 5 FPS as make up so many times that, with default options. `taskset -c 0` before it makes a
slower machine of this one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median

import av
import numpy as np
from av.video.frame import PictureType

from sightline.build.application import Application
from sightline.config import AdaptiveOptions, Configuration, StreamOptions
from sightline.runtime.capacity import FleetLoad, measure_fleet
from sightline.runtime.streams.fleet import Fleet
from sightline.runtime.streams.record import WINDOW_S

FPS = 5
GROUP = 5 * FPS
MIN_FPS = 0.8
ALIKE_FPS = 1.0
SETTLE_S = 25.0
OVERLOAD_SETTLE_S = 15.0


def at_five_fps(video: Path, target: Path) -> None:
    """The frames of a video at 5 FPS, with a key frame every five seconds."""
    with av.open(str(video)) as source, av.open(str(target), "w") as out:
        first = source.streams.video[0]
        keep = max(1, round(float(first.average_rate or 25) / FPS))
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.gop_size = first.width, first.height, GROUP
        kept = 0
        for number, frame in enumerate(source.decode(first)):
            if number % keep:
                continue
            frame.pict_type = PictureType.NONE
            frame.pts, frame.time_base = kept, Fraction(1, FPS)
            kept += 1
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def show(load: FleetLoad) -> None:
    dropped = ", ".join(f"{n} {reason}" for reason, n in sorted(load.dropped.items())) or "none"
    print(
        f"{load.streams:4d} streams: {load.analyzed_fps:6.1f} analysed/s, slowest "
        f"{load.slowest_fps:.2f}, age p50 {load.age_p50_ms:.0f} ms, p99 {load.age_p99_ms:.0f} ms, "
        f"{load.cpu_ms:.2f} ms of processor for each, {load.cpu_share:.2f} cores; dropped: {dropped}",
        flush=True,
    )


@dataclass(frozen=True)
class Overload:
    """What many cameras came to. Rates are frames a second."""

    streams: int
    rates: Sequence[float]
    p50_ms: float
    p99_ms: float
    dropped: dict[str, int]
    exact: bool
    """Of every stream, read = analysed + dropped + pending."""

    @property
    def total(self) -> float:
        return sum(self.rates)


def watch(fleet: Fleet, streams: Sequence[StreamOptions], seconds: float) -> Overload:
    """Run streams side by side, with default options unless they say otherwise."""
    names = [f"camera-{number}" for number in range(len(streams))]
    for name, options in zip(names, streams, strict=True):
        fleet.add(name, options)
        time.sleep(GROUP / FPS / len(streams))  # cameras have their key frames at any moment
    time.sleep(OVERLOAD_SETTLE_S)
    before, began = fleet.stats(), time.monotonic()
    ages: list[float] = []
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, WINDOW_S))
        ages += fleet.ages_s()
    after, took = fleet.stats(), time.monotonic() - began
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(fleet.remove, names))
    dropped: dict[str, int] = {}
    for name in names:
        for reason, count in after[name].dropped.items():
            more = count - before[name].dropped.get(reason, 0)
            dropped[reason] = dropped.get(reason, 0) + more
    exact = all(
        one.read == one.analyzed + sum(one.dropped.values()) + one.pending for one in after.values()
    )
    rates = [(after[name].analyzed - before[name].analyzed) / took for name in names]
    p50, p99 = np.percentile(ages, (50, 99)) * 1e3 if ages else (0.0, 0.0)
    return Overload(len(names), rates, float(p50), float(p99), dropped, exact)


def overload(
    fleet: Fleet, video: Path, folder: Path, times: Sequence[float], seconds: float
) -> None:
    """Print what becomes of cameras at and beyond the machine's capacity."""
    clip = folder / "cars.mp4"
    at_five_fps(video, clip)
    files = [StreamOptions(source=str(clip), loop=True)] * 4
    capacity = watch(fleet, files, seconds / 2).total
    print(f"the machine analyses {capacity:.1f} frames/s", flush=True)
    full: Overload | None = None
    for load in times:
        count = max(1, round(load * capacity / FPS))
        cameras = [StreamOptions(source=str(clip), realtime=True, loop=True)] * count
        seen = watch(fleet, cameras, seconds)
        full = full or seen
        # What the machine gave is shared: other programs on it may have taken a part.
        fair = min(FPS, seen.total / count)
        print(
            f"{load:3g} x: {count:4d} cameras, {seen.total:6.1f} analysed/s "
            f"({seen.total / capacity:.2f} of the capacity), slowest {min(seen.rates):.2f} FPS "
            f"({min(seen.rates) / fair:.2f} of its share), age p50 {seen.p50_ms:.0f} ms, p99 "
            f"{seen.p99_ms:.0f} ms ({seen.p99_ms / full.p99_ms:.2f} of the first), dropped: "
            f"{seen.dropped or 'none'}, counts {'exact' if seen.exact else 'WRONG'}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared"))
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--model", default="street")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every-frame", action="store_true", help="neither gating nor skipping")
    parser.add_argument("--overload", action="store_true", help="beyond the machine's capacity")
    parser.add_argument("--times", type=float, nargs="+", default=[1.0, 1.5, 2.0, 4.0])
    arguments = parser.parse_args()
    site = Application(
        Configuration.model_validate({"models": {"model": {"model": arguments.model}}})
    )
    site.open()
    assert isinstance(site.fleet, Fleet)
    video = arguments.data / "videos" / "car-detection.mp4"
    if arguments.overload:
        with tempfile.TemporaryDirectory() as folder:
            overload(site.fleet, video, Path(folder), arguments.times, arguments.seconds)
        site.close()
        return
    ratios, worst = [], []
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "cars.mp4"
        at_five_fps(video, clip)
        adaptive = AdaptiveOptions(motion=True, max_skip=5, max_latency_ms=40)
        options = StreamOptions(
            source=str(clip), realtime=True, loop=True, min_fps=MIN_FPS,
            adaptive=AdaptiveOptions() if arguments.every_frame else adaptive,
        )  # fmt: skip
        alike = options.model_copy(update={"adaptive": AdaptiveOptions(max_fps=ALIKE_FPS)})
        for _ in range(arguments.rounds):
            one = measure_fleet(site.fleet, alike, 1, arguments.seconds)
            same = measure_fleet(site.fleet, alike, arguments.streams, arguments.seconds)
            many = measure_fleet(
                site.fleet, options, arguments.streams, arguments.seconds, SETTLE_S
            )
            for load in (one, same, many):
                show(load)
            ratios.append(same.cpu_ms / one.cpu_ms)
            worst.append(many)
    site.close()
    middle = sorted(worst, key=lambda load: load.age_p99_ms)[len(worst) // 2]
    print(
        f"\n{arguments.streams} streams: slowest {middle.slowest_fps:.2f} FPS (at least {MIN_FPS:g}), "
        f"age p99 {middle.age_p99_ms:.0f} ms, cost per analysed frame {median(ratios):.2f} times "
        "that of one stream"
    )


if __name__ == "__main__":
    main()

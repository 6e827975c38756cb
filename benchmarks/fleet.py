"""Many streams in one process: do they all run, how old are their results, and what does one more cost?

    python benchmarks/fleet.py [--data ../shared] [--streams 100] [--model street] [--seconds 20]

Each stream is 768×432 at 5 FPS (the clip of cars, encoded anew at that rate) in real time, with motion gating,
adaptive skipping and a minimum rate. The cost of an analysed frame is processor time of the whole process (decoding,
gating, inference, tracking and what is dropped). It is compared where one stream and many do the same: one frame a second
of each is analysed, and all five are decoded.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path
from statistics import median

import av

from sightline.build.site import Site
from sightline.config import AdaptiveOptions, Configuration, StreamOptions
from sightline.runtime.capacity import FleetLoad, measure_fleet
from sightline.runtime.fleet import Fleet

FPS = 5
MIN_FPS = 0.8
ALIKE_FPS = 1.0
SETTLE_S = 25.0


def at_five_fps(video: Path, target: Path) -> None:
    """The frames of a video at 5 FPS, with a key frame every five seconds."""
    with av.open(str(video)) as source, av.open(str(target), "w") as out:
        first = source.streams.video[0]
        keep = max(1, round(float(first.average_rate or 25) / FPS))
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.gop_size = first.width, first.height, 5 * FPS
        kept = 0
        for number, frame in enumerate(source.decode(first)):
            if number % keep:
                continue
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared"))
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--model", default="street")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every-frame", action="store_true", help="neither gating nor skipping")
    arguments = parser.parse_args()
    site = Site(Configuration.model_validate({"models": {"model": {"model": arguments.model}}}))
    site.open()
    assert isinstance(site.fleet, Fleet)
    ratios, worst = [], []
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "cars.mp4"
        at_five_fps(arguments.data / "videos" / "car-detection.mp4", clip)
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

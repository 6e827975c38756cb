"""What an estimate of its accuracy costs a stream: its rate and the age of its results, with and without one.

One process runs streams in turns, without and with ``estimate``, in short blocks, so that whatever else the machine does
meets both. The reference is the same model at a larger input, and loaded all the time: a small stream keeps it. Told are
the medians of the blocks, and of the ratios of the rounds.

    python benchmarks/estimate_cost.py
    python benchmarks/estimate_cost.py --source video.mp4 --streams 8 --every 5 --rounds 6
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

from sightline.build.application import Application
from sightline.config import Configuration, EstimateAccuracyOptions, StreamOptions

KEEPER = "street://?width=128&height=96&fps=1&duration=0"
MEASURED = ("fps_analyzed", "age_p50_ms", "age_p99_ms")


def configuration(asked: argparse.Namespace) -> Configuration:
    stream: dict[str, Any] = {
        "source": asked.source, "realtime": True, "loop": "://" not in asked.source, "model": "small",
    }  # fmt: skip
    large = {"model": asked.model, "size": asked.reference_size, "warm_up": False}
    return Configuration.model_validate(
        {
            "models": {"small": {"model": asked.model}, "large": large},
            "streams": {f"camera-{number}": stream for number in range(asked.streams)},
        }
    )


def block(application: Application, options: Configuration, every_s: float | None, seconds: float, alone: bool) -> tuple[dict[str, float], int, int]:  # fmt: skip
    """What streams do in some seconds, how many frames were looked at, and how many were left out."""
    estimate = None
    if every_s is not None:
        reference = None if alone else "large"
        estimate = EstimateAccuracyOptions(reference=reference, every_s=every_s)
    for name, stream in options.streams.items():
        application.fleet.add(name, stream.model_copy(update={"estimate": estimate}))
    time.sleep(seconds)
    stats = [one for one in application.fleet.stats().values() if one.name != "keeper"]
    for one in stats:
        application.fleet.remove(one.name)
    found = {name: sum(getattr(one, name) for one in stats) / len(stats) for name in MEASURED}
    told = [one.accuracy for one in stats if one.accuracy is not None]
    left_out = sum(sum(one.left_out.values()) for one in told)
    return found, sum(one.looked_at for one in told), left_out


def keep(application: Application) -> None:
    """Load the reference, and keep it."""
    estimate = {"reference": "large", "every_s": 86400}
    stream = {"source": KEEPER, "realtime": True, "model": "small", "estimate": estimate}
    application.fleet.add("keeper", StreamOptions.model_validate(stream))
    deadline = time.monotonic() + 300
    while True:
        told = application.fleet.stats()["keeper"].accuracy
        if told is not None and told.looked_at:
            return
        if time.monotonic() > deadline:
            raise SystemExit("the reference does not load: there is no idle time")
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="street://?seed=5&width=768&height=432&duration=0")
    parser.add_argument("--model", default="street")
    parser.add_argument("--reference-size", type=int, default=1280)
    parser.add_argument("--alone", action="store_true", help="look without the reference")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two looks")
    parser.add_argument("--seconds", type=float, default=25.0, help="of one block")
    parser.add_argument("--rounds", type=int, default=6)
    asked = parser.parse_args()
    options = configuration(asked)
    application = Application(options.model_copy(update={"streams": {}}))
    application.open()
    keep(application)
    kept: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    looked_at = left_out = 0
    try:
        block(application, options, None, 5.0, asked.alone)
        for number in range(asked.rounds):
            for beside in (False, True) if number % 2 else (True, False):
                every_s = asked.every if beside else None
                found, looks, missed = block(
                    application, options, every_s, asked.seconds, asked.alone
                )
                kept[beside].append(found)
                looked_at, left_out = looked_at + looks, left_out + missed
    finally:
        application.close()
    print(f"{looked_at} frames looked at, {left_out} left out")
    for name in MEASURED:
        plain, looked = (median(one[name] for one in kept[which]) for which in (False, True))
        rounds = zip(kept[True], kept[False], strict=True)
        ratio = median(a[name] / b[name] for a, b in rounds)
        print(f"{name}: {plain:.1f} without, {looked:.1f} beside an estimate, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()

"""Does `sightline tune` find what an exhaustive search finds, how long does it take, and does its promise hold?

    python benchmarks/tune.py [--data ../shared] [--check 60] [--seconds 4]

The grid: YOLOX-nano on the clip of cars, two runtimes, two precisions, two input sizes, one or four pictures in an
inference, one or as many in flight as the runtime likes. Both searches run as commands of their own, one after the
other. The choice is judged by what the exhaustive search has measured of it. With --check, `tune` then says how many
cameras this machine holds, and has run that number and a fifth more for so many seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

GRID = ("--precisions", "fp32,bf16", "--sizes", "416,320", "--batches", "1,4", "--requests", "0,1")


def tuned(data: Path, *more: str) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "sightline", "tune", str(data / "videos" / "car-detection.mp4"),
        "--model", str(data / "models" / "yolox_nano.onnx"), "--json", *GRID, *more,
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def name(candidate: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in candidate.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared"))
    parser.add_argument("--check", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--min-accuracy", type=float, default=0.9)
    args = parser.parse_args()
    how = ("--seconds", str(args.seconds), "--min-accuracy", str(args.min_accuracy))
    every = tuned(args.data, *how, "--exhaustive", "--check", "0")
    found = tuned(args.data, *how, "--check", str(args.check))
    known = {name(t["candidate"]): t for t in every["trials"]}
    best = every["chosen"]["pictures_per_s"]
    chosen = known[name(found["chosen"]["candidate"])]["pictures_per_s"]
    print(
        f"exhaustive: {name(every['chosen']['candidate'])}: {best:.1f} pictures/s, {every['search_s']:.0f} s"
    )
    print(
        f"tune:       {name(found['chosen']['candidate'])}: {chosen:.1f} pictures/s, {found['search_s']:.0f} s"
    )
    print(
        f"of the best {chosen / best:.3f}, in {found['search_s'] / every['search_s']:.1%} of the time"
    )
    if args.check:
        load, more = found["cameras_load"], found["more_load"]
        for cameras in filter(None, (load, more)):
            print(
                f"{cameras['streams']} cameras for {cameras['seconds']:.0f} s: slowest "
                f"{cameras['slowest_fps']:.2f} FPS, p99 {cameras['age_p99_ms']:.0f} ms"
            )
        print(f"bottleneck: {found['bottleneck']['text']}")


if __name__ == "__main__":
    main()

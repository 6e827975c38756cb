"""Time per frame of our trackers and of the `trackers` package's, on the same boxes.

    python benchmarks/tracker.py [--tracker bytetrack ocsort] [--objects 10 50 200] [--frames 300] [--rounds 5]

Rounds alternate between the two, so that a slow spell of the machine meets both; the ratio is the
median of the ratios of rounds that follow one another.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sightline.tables import TRACKERS, load
from sightline.types import Detections

PEERS = {"bytetrack": "ByteTrackTracker", "ocsort": "OCSORTTracker"}
"""The class of the `trackers` package, by our kind."""


def street(objects: int, frames: int, seed: int = 0) -> list[Detections]:
    """Boxes that drive through a 1920x1080 picture and come back in on the other side.

    One detection in twenty is missing, one in ten has a low score, every corner jitters by 1.5
    pixels.
    """
    rng = np.random.default_rng(seed)
    picture = np.array([1920.0, 1080.0])
    position = rng.uniform(0, picture, (objects, 2))
    velocity = rng.uniform(-4, 4, (objects, 2))
    size = rng.uniform(25, 90, (objects, 1)) * [1.0, 1.6]
    sequence = []
    for _ in range(frames):
        position = (position + velocity) % picture
        boxes = np.concatenate((position - size / 2, position + size / 2), axis=1)
        boxes += rng.normal(0, 1.5, boxes.shape)
        scores = np.where(rng.random(objects) < 0.1, 0.35, rng.uniform(0.75, 0.98, objects))
        seen = rng.random(objects) > 0.05
        sequence.append(
            Detections(
                boxes[seen].astype(np.float32),
                scores[seen].astype(np.float32),
                np.zeros(seen.sum(), np.int64),
            )
        )
    return sequence


def ms_per_frame(update: Callable[[Any], object], frames: Sequence[Any]) -> float:
    start = time.perf_counter()
    for detections in frames:
        update(detections)
    return (time.perf_counter() - start) / len(frames) * 1000


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracker", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--objects", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    try:
        import trackers
    except ImportError:
        sys.exit("trackers is not installed: pip install --no-deps trackers pydeprecate")

    print(f"{'tracker':<11}{'objects':>8}{'sightline ms':>14}{'trackers ms':>14}{'ratio':>8}")
    for kind in options.tracker:
        make, peer = load(TRACKERS[kind].make), getattr(trackers, PEERS[kind])
        for objects in options.objects:
            compare(kind, make, peer, objects, options.frames, options.rounds)


def compare(
    kind: str,
    make: Callable[[], Any],
    peer: Callable[[], Any],
    objects: int,
    frames: int,
    rounds: int,
) -> None:
    """Print the times per frame of two trackers, and their ratio."""
    ours = street(objects, frames)
    theirs = [detections.to_supervision() for detections in ours]
    times = [
        (ms_per_frame(make().update, ours), ms_per_frame(peer().update, theirs))
        for _ in range(rounds)
    ]
    own, other = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(b / a for a, b in times)
    print(f"{kind:<11}{objects:>8}{own:>14.3f}{other:>14.3f}{ratio:>7.1f}x", flush=True)


if __name__ == "__main__":
    main()

"""Frames per second of ``street://`` on one core, truth included.

    python benchmarks/street.py [--frames 300] [URL ...]

Beside the wall clock it prints processor time, which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import time

import cv2

from sightline.sources.street import StreetSource, truth_of

SCENES = (
    "street://?seed=1", "street://?seed=2&camera=high", "street://?seed=3&camera=corner",
    "street://?seed=4&light=night", "street://?seed=5&weather=rain", "street://?seed=6&weather=fog",
)  # fmt: skip


def measure(url: str, count: int) -> tuple[float, float, float]:
    """Frames per second of wall clock and of processor time, and objects per frame."""
    separator = "&" if "?" in url else "?"
    frames = iter(StreetSource(f"{url}{separator}duration={count / 25 + 1}"))
    next(frames)  # the empty street is painted before the first frame
    wall, busy, objects = time.perf_counter(), time.process_time(), 0
    for _, frame in zip(range(count), frames, strict=False):
        objects += len(truth_of(frame))
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return count / wall, count / busy, objects / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="*", default=SCENES)
    parser.add_argument("--frames", type=int, default=300)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for url in arguments.url:
        wall, busy, objects = measure(url, arguments.frames)
        print(
            f"{wall:6.0f} frames/s  {busy:6.0f} per s of processor  {objects:5.1f} objects  {url}"
        )


if __name__ == "__main__":
    main()

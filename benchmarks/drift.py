"""Drift on the street, where what has changed is known: what is found, how soon, its cause, and what watching costs.

    python benchmarks/drift.py changes --seeds 10     # twelve kinds of change, each on so many unseen streets
    python benchmarks/drift.py alarms --cameras 5     # days and nights in which nothing changes
    python benchmarks/drift.py cost VIDEO             # processor time of a sampled frame

``alarms`` simulates days: samples of real frames (four times ten minutes of day and of night), in stretches of 100 that begin anywhere, in
random order. A camera learns a week of them and is watched for 20 days of them, one sample in ten seconds.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np

from sightline import build
from sightline.build.monitoring import drifting
from sightline.config import ModelOptions
from sightline.monitoring.drift.causes import causes
from sightline.monitoring.drift.detector import DriftDetector
from sightline.monitoring.drift.learner import ReferenceLearner
from sightline.monitoring.profiles.profile import FrameSample, Profile
from sightline.monitoring.profiles.profiler import Profiler
from sightline.runtime.streams.stream import observe
from sightline.sources.street.options import HELD_OUT_SEED
from sightline.types import Detections, Observation

CHANGES = {
    "night": ("light=night", "night"),
    "fog": ("weather=fog", "fog"),
    "rain": ("weather=rain", "rain"),
    "snow on the lens": ("snow=2", "covered"),
    "blur": ("blur=4", "blurred"),
    "exposure": ("exposure=-1", "underexposed"),
    "compression": ("jpeg=20", "compressed"),
    "moved by 10 %": ("turn=0.1", "moved"),
    "zoom": ("zoom=1.15", "zoomed"),
    "frozen": ("frozen=1", "frozen"),
    "more trucks": ("trucks=0.9", "classes"),
    "new colours": ("paint=bright", "object_colours"),
}
"""What becomes of a street, and the cause that should be named."""

MODEL = ModelOptions(model="street", backend="onnxruntime")
LEARNT, CHECKED, LATER = 600, 200, 700
DAY_S, EVERY_S, STRETCH = 86400, 10, 100
LEARN_DAYS, WATCHED_DAYS = 7, 20


def street(seed: int, frames: int, start: int, *options: str) -> str:
    """One frame a second of a street that nothing was tuned on."""
    more = "".join(f"&{option}" for option in options if option)
    return f"street://?seed={HELD_OUT_SEED + seed}&fps=1&duration={frames}&start={start}{more}"


def changes(seeds: int) -> None:
    """Learn ten minutes of each street, and check what becomes of it."""
    options = drifting.SamplingOptions(interval_s=1.0)
    rows: dict[str, list[tuple[int | None, str | None]]] = {name: [] for name in CHANGES}
    unchanged: list[tuple[int | None, str | None]] = []
    for seed in range(seeds):
        reference = drifting.learn(street(seed, LEARNT, 0), MODEL, options, _silent)
        for name, (option, _) in {"nothing": ("", ""), **CHANGES}.items():
            source = street(seed, CHECKED, LATER, option)
            check = drifting.check(source, MODEL, reference, options, _silent)
            first = None if check.first is None else check.first.samples
            cause = check.causes[0].name if check.causes else None
            (unchanged if name == "nothing" else rows[name]).append((first, cause))
            print(f"  street {seed}: {name}: {first} {cause}", flush=True)
    found = [first is not None and first <= CHECKED for one in rows.values() for first, _ in one]
    right = [cause == CHANGES[name][1] for name, one in rows.items() for _, cause in one]
    for name, one in rows.items():
        there = [first for first, _ in one if first is not None]
        named = sum(cause == CHANGES[name][1] for _, cause in one)
        print(
            f"{name:18} found {len(there)} of {seeds}, after {np.median(there or [0]):.0f} samples; named right {named}"
        )
    print(f"found within {CHECKED} samples: {np.mean(found):.3f} (wanted .95)")
    print(f"cause named right: {np.mean(right):.3f} (wanted .85)")
    print(
        f"of {seeds} unchanged streets, told as changed: {sum(first is not None for first, _ in unchanged)}"
    )


def alarms(cameras: int) -> None:
    """Watch cameras to which nothing happens."""
    told = looks = 0
    for camera in range(cameras):
        recorded = {
            light: [list(_recorded(camera, light, part)) for part in range(4)]
            for light in ("day", "night")
        }
        rng = np.random.default_rng(camera)
        learner = ReferenceLearner("gate", "street", (640, 384), EVERY_S, LEARN_DAYS)
        began = time.mktime((2026, 11, 2, 0, 0, 0, 0, 0, 0))
        for sample in _days(rng, recorded, began, LEARN_DAYS + 1):
            assert sample.utc is not None
            if learner.add(sample, sample.utc):
                break
        detector = DriftDetector(learner.reference())
        drifted = False
        for sample in _days(rng, recorded, began + 8 * DAY_S, WATCHED_DAYS):
            state = detector.add(sample)
            if state is None:
                continue
            looks += 1
            if state.drifted and not drifted:
                told += 1
                why = [str(change) for change in state.changes[:3]]
                print(f"  camera {camera}: {causes(state)[0].name}: {why}", flush=True)
            drifted = state.drifted
        print(f"  camera {camera}: {WATCHED_DAYS} days", flush=True)
    print(
        f"false alarms in {cameras * WATCHED_DAYS} camera-days ({looks} looks): {told} (wanted at most 1)"
    )


def _recorded(camera: int, light: str, part: int) -> Iterator[FrameSample]:
    """Samples of ten minutes of a street, another ten minutes for each part."""
    source = build.inputs([street(100 + camera, 600, 700 * part, f"light={light}")])[0].source
    profiler = Profiler(0)
    with closing(build.detector(MODEL)) as detector:
        for seen in observe(source, build.pipeline(detector)):
            sample = profiler.see(seen)
            if sample is not None:
                yield sample


def _days(
    rng: np.random.Generator, recorded: dict[str, list[list[FrameSample]]], began: float, days: int
) -> Iterator[FrameSample]:
    at = 0.0
    while at < days * DAY_S:
        hour = at % DAY_S / 3600
        parts = recorded["day" if 7 <= hour < 18 else "night"]
        part = parts[int(rng.integers(len(parts)))]
        start = int(rng.integers(len(part) - STRETCH))
        for sample in part[start : start + STRETCH]:
            yield replace(sample, time=at, utc=began + at)
            at += EVERY_S


def cost(videos: Sequence[str]) -> None:
    """Processor time of one sample: the picture, twenty tracked objects, the profile, and a look each 20."""
    rng = np.random.default_rng(0)
    for video in videos:
        source = build.inputs([video])[0].source
        source.open()
        frames = [frame for frame, _ in zip(source, range(60), strict=False)]
        source.close()
        seen = [Observation(frame, _objects(rng, frame.width, frame.height)) for frame in frames]
        spent = []
        for _ in range(9):
            profiler, profile = Profiler(0), Profile()
            began = time.thread_time()
            for observation in seen:
                sample = profiler.see(observation)
                assert sample is not None
                profile.add(sample)
            spent.append((time.thread_time() - began) / len(seen))
        size = f"{frames[0].width}×{frames[0].height}"
        print(f"{video} ({size}): {1e3 * np.median(spent):.3f} ms a sample; 100 cameras at one a second: "
              f"{100 * np.median(spent):.1%} of a core (wanted 3 %)")  # fmt: skip


def _objects(rng: np.random.Generator, width: int, height: int) -> Detections:
    corners = rng.random((20, 2)) * (0.8 * width, 0.8 * height)
    boxes = np.hstack([corners, corners + 60]).astype(np.float32)
    scores = rng.random(20).astype(np.float32)
    return Detections(boxes, scores, rng.integers(0, 6, 20), track_ids=np.arange(20))


def _silent(_: str) -> None:
    """No progress."""


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("changes").add_argument("--seeds", type=int, default=10)
    parts.add_parser("alarms").add_argument("--cameras", type=int, default=5)
    parts.add_parser("cost").add_argument("videos", nargs="+")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    cv2.setNumThreads(1)
    if arguments.part == "changes":
        changes(arguments.seeds)
    elif arguments.part == "alarms":
        alarms(arguments.cameras)
    else:
        cost(arguments.videos)


if __name__ == "__main__":
    main()

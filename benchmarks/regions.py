"""Motion regions beside whole pictures: what is found, and how many frames a core can carry.

    python benchmarks/regions.py [--seeds 20001 20002 ...] [--density 0.15] [--seconds 10]

Streets of 1920×1080 in front of a camera that stands still, as H.264; the bundled detector, which was not
trained on these seeds. Each way decodes and detects the same file with one frame in flight beside the next;
ways take turns, three rounds. Time is that of all threads of the process. Objects count that are
seen by half, are 8 pixels wide or more and have moved by 3 pixels within five frames; found is what is hit
with an IoU of 0.5. A box is of nothing that overlaps with no object by 0.3.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

import sightline as sl
from sightline.build.regions import by_regions
from sightline.config import DetectionOptions
from sightline.errors import Overloaded
from sightline.geometry import iou_matrix
from sightline.models.detector import EngineDetector
from sightline.protocols import Detector
from sightline.sources.file import FileSource
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import Detections, Floats, Ints, Mask

WIDTH, HEIGHT, FPS = 1920, 1080, 25
ROUNDS = 3


class Truth(NamedTuple):
    """Objects of a frame: boxes (N, 4), ids (N,), and which of them count."""

    boxes: Floats
    ids: Ints
    counts: Mask


class Score(NamedTuple):
    """Moving objects found and there, boxes of nothing, and milliseconds of processor a frame."""

    hit: int
    there: int
    false: int
    frames: int


def film(path: Path, seed: int, density: float, seconds: float) -> list[Truth]:
    """Write a street as a video; returns what is in each frame."""
    options = StreetOptions(
        seed=seed, width=WIDTH, height=HEIGHT, duration=seconds, fps=FPS, density=density, shake=0
    )
    source = StreetSource(options)
    source.open()
    truth = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast", "g": "50"}
        for frame in source:
            there = truth_of(frame)
            sides = (there.boxes[:, 2:] - there.boxes[:, :2]).min(axis=1)
            truth.append(
                Truth(there.boxes, there.track_ids, (there.visibility >= 0.5) & (sides >= 8))
            )
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="bgr24")))
        container.mux(stream.encode())
    return truth


def moving(truth: list[Truth]) -> list[Mask]:
    """Which objects of each frame have moved by 3 pixels within five frames."""
    places = [dict(zip(t.ids.tolist(), t.boxes, strict=True)) for t in truth]

    def moved(number: int, row: int) -> bool:
        box, known = truth[number].boxes[row], truth[number].ids[row]
        near = [places[n] for n in (number - 5, number + 5) if 0 <= n < len(places)]
        return any(known in there and np.abs(there[known] - box).max() > 3 for there in near)

    return [
        np.array([moved(n, r) for r in range(len(t.ids))], np.bool_) for n, t in enumerate(truth)
    ]


def run(detector: Detector, path: Path) -> tuple[list[Detections], float]:
    """What is found in each frame of a file, and the seconds of processor that it took."""
    source = FileSource(str(path))
    source.open()
    waiting: deque[Future[list[Detections]]] = deque()
    found = []
    began = time.process_time()
    for frame in source:
        waiting.append(begun(lambda: detector.submit((frame,))))  # noqa: B023 - called at once
        if len(waiting) > 1:
            found.append(waiting.popleft().result()[0])
    found += [future.result()[0] for future in waiting]
    return found, time.process_time() - began


def begun(call: Callable[[], Future[list[Detections]]]) -> Future[list[Detections]]:
    """The call's future; a refused call is made again, as a pipeline does."""
    while True:
        try:
            return call()
        except Overloaded as exc:
            time.sleep(exc.retry_after_s)


def score(found: list[Detections], truth: list[Truth], moves: list[Mask]) -> Score:
    """How much of what moves was found."""
    hit = there = false = 0
    for objects, real, moved in zip(found, truth, moves, strict=True):
        shared = iou_matrix(objects.boxes, real.boxes)
        wanted = real.counts & moved
        hit += int((shared.max(axis=0, initial=0)[wanted] > 0.5).sum())
        there += int(wanted.sum())
        false += int((shared.max(axis=1, initial=0) < 0.3).sum())
    return Score(hit, there, false, len(found))


def main() -> None:
    """Read what is asked for."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, nargs="+", default=[20001, 20002, 20003, 20004])
    options.add_argument("--density", type=float, default=0.15)
    options.add_argument("--seconds", type=float, default=10)
    given = options.parse_args()
    with sl.load("street") as model:
        compare(model, given.seeds, given.density, given.seconds)


def compare(model: sl.Model, seeds: list[int], density: float, seconds: float) -> None:
    """Print a line for each way, and the ratios of their times."""
    small = model.detector
    assert isinstance(small, EngineDetector)
    large = small.replaced(size=1280)
    regions = DetectionOptions(regions="motion")
    ways: dict[str, Callable[[], Detector]] = {
        "whole picture, 1280×736": lambda: large,
        "whole picture, 640×384": lambda: small,
        "regions": lambda: by_regions(small, regions, lambda one: one),
    }
    scores: dict[str, list[Score]] = {name: [] for name in ways}
    times: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            path = Path(folder) / f"{seed}.mp4"
            truth = film(path, seed, density, seconds)
            moves = moving(truth)
            for number in range(ROUNDS + 1):  # the first one compiles models
                for name, make in ways.items():
                    found, took = run(make(), path)
                    if number:
                        times[name].append(took / len(found))
                    else:
                        scores[name].append(score(found, truth, moves))
    for name in ways:
        hit, there, false, frames = (sum(column) for column in zip(*scores[name], strict=True))
        each = statistics.median(times[name])
        print(
            f"{name}: recall of what moves {hit / there:.3f} of {there}, {false / frames:.2f} boxes of nothing "
            f"a frame, {1 / each:.0f} frames a second and core"
        )
    for other in list(ways)[:2]:
        ratios = [a / b for a, b in zip(times[other], times["regions"], strict=True)]
        print(f"regions carry {statistics.median(ratios):.2f} times the frames of: {other}")


if __name__ == "__main__":
    main()

"""A chain of models on the street: how often is the classifier asked, and are its labels right in the end?

    python benchmarks/stages.py [--seeds 10501 10502 10503] [--seconds 60]
    python benchmarks/stages.py --speed [--rounds 5]

Vehicles of streets that no model was trained on are detected, tracked and classified by the bundled
models. A track counts where it was seen ten times; its last labels are compared with those of the
object that it was on most of the time.

``--speed`` instead: a video of the street from its file to JSON lines, over the sum of the times that the raw engines
take for as many pictures and crops, each fed with one constant picture. Rounds alternate.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import av
from end_to_end import RawEngine

import sightline as sl
from sightline import build
from sightline.config import ByteTrackOptions, ClassifyOptions, ModelOptions
from sightline.engines.wrapper import EngineWrapper
from sightline.geometry import iou_matrix
from sightline.models.detector import EngineDetector
from sightline.protocols import Engine, Stage
from sightline.runtime.streams.stream import Stream
from sightline.sinks.jsonl import JsonLinesSink
from sightline.sources.file import FileSource
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import Floats, Pixels

T = TypeVar("T")

VEHICLES = ("bicycle", "car", "motorcycle", "bus", "truck")
LEAST_FRAMES = 10


class Looks:
    """A stage that counts the looks of the classifier before it: each changes the scores of a track."""

    name = "looks"

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self._before: dict[int, tuple[sl.Label, ...]] = {}

    def submit(self, seen: sl.Observation) -> None:
        """There is nothing to wait for."""

    def settle(self, seen: sl.Observation, found: None) -> sl.Observation:
        del found
        for track, labels in seen.labels.items():
            if self._before.get(track) is not labels:
                self._before[track] = labels
                self.counts[track] += 1
        return seen


def score(seed: int, seconds: float, model: sl.Model) -> tuple[list[int], list[tuple[str, bool]]]:
    """Looks at each track of one street, and whether each of its attributes is right in the end."""
    source = StreetSource(StreetOptions(seed=seed, width=960, height=576, fps=10, duration=seconds))
    looks = Looks()
    chain: list[ClassifyOptions | Stage[Any]] = [
        sl.Classify("street-attributes", of=VEHICLES),
        looks,
    ]
    told: dict[int, dict[str, str]] = {}
    true: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    frames: Counter[int] = Counter()
    for seen in sl.track(source, model, stages=chain):
        found, truth = seen.detections, truth_of(seen.frame)
        for track, labels in seen.labels.items():
            told[track] = {label.attribute: label.value for label in labels}
        overlaps = iou_matrix(found.boxes, truth.boxes)
        for row, one in enumerate(found):
            if one.name not in VEHICLES or one.track_id is None:
                continue
            frames[one.track_id] += 1
            if len(truth.boxes) and overlaps[row].max() > 0.5:
                labels = truth.labels[int(overlaps[row].argmax())]
                true[one.track_id].update((label.attribute, label.value) for label in labels)
    kept = [track for track, count in frames.items() if count >= LEAST_FRAMES]
    right = []
    for track in kept:
        best = dict(pair for pair, _ in reversed(true[track].most_common()))
        right += [(name, told.get(track, {}).get(name) == value) for name, value in best.items()]
    return [looks.counts[track] for track in kept], right


class Counted(EngineWrapper):
    """An engine that counts the crops that it is shown."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.crops = 0

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        self.crops += shape[0]
        return self.engine.submit(shape, fill, read)


def record(options: StreetOptions, path: Path) -> None:
    """Write a street to a video file (H.264)."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=round(options.fps))
        stream.width, stream.height, stream.pix_fmt = options.width, options.height, "yuv420p"
        for frame in StreetSource(options):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="bgr24")))
        film.mux(stream.encode())


def speed(rounds: int, seconds: float, folder: Path) -> None:
    """Print the ratio of ``--speed``."""
    video = folder / "street.mp4"
    record(StreetOptions(seed=10_501, width=960, height=576, fps=10, duration=seconds), video)
    detector = build.detector(ModelOptions(model="street", backend="openvino"))
    assert isinstance(detector, EngineDetector)
    counted: list[Counted] = []

    def count(engine: Engine) -> Engine:
        counted.append(Counted(engine))
        return counted[-1]

    classifier = build.classifier(
        ModelOptions(model="street-attributes", backend="openvino")
    ).with_engines(count)
    stage = ClassifyOptions(model="street-attributes", of=VEHICLES)
    whole = RawEngine(build.BUNDLED / "street.onnx", detector.canvas((960, 576)), 1 / 255)
    crop = RawEngine(build.BUNDLED / "street-attributes.onnx", classifier.card.size, 1 / 255)

    no_models = build.StageModels.in_folder(None)

    def run() -> tuple[float, float, float]:
        """Seconds for each frame, what the raw engines took for it, and crops for each frame."""
        before = counted[0].crops
        sink = JsonLinesSink(folder / "out.jsonl")
        stages = build.stages([stage], detector, lambda _: classifier, no_models.embedder)
        steps = build.pipeline(detector, ByteTrackOptions(), stages=stages)
        raw = [whole.fps(1.0)]
        result = Stream("bench", FileSource(video), steps, [sink]).run()
        sink.close()
        if result.error is not None:
            raise result.error
        raw.append(whole.fps(1.0))
        crops = (counted[0].crops - before) / result.frames
        return 1 / result.fps, 2 / sum(raw) + crops / crop.fps(0.5), crops

    run()
    found = [run() for _ in range(rounds)]
    detector.close()
    classifier.close()
    ratios = [raw / taken for taken, raw, _ in found]
    print(
        f"detect, track, classify: {1 / median(t for t, _, _ in found):.1f} frames/s, raw engines "
        f"{1 / median(r for _, r, _ in found):.1f}/s, {median(c for _, _, c in found):.2f} crops a frame, "
        f"ratio {median(ratios):.3f} (wanted .90; {min(ratios):.3f} to {max(ratios):.3f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10_501, 10_502, 10_503])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--speed", action="store_true", help="end to end over the raw engines")
    parser.add_argument("--rounds", type=int, default=5, help="of --speed")
    arguments = parser.parse_args()
    if arguments.speed:
        with tempfile.TemporaryDirectory() as folder:
            speed(arguments.rounds, arguments.seconds, Path(folder))
        return
    looks: list[int] = []
    right: dict[str, list[bool]] = defaultdict(list)
    with sl.load("street") as model:
        for seed in arguments.seeds:
            counts, outcomes = score(seed, arguments.seconds, model)
            looks += counts
            for name, fits in outcomes:
                right[name].append(fits)
    print(
        f"{len(looks)} tracks, looks at each: median {median(looks):g} (at most 5), most {max(looks)}"
    )
    for name, outcomes_of in right.items():
        print(f"{name}: right of {sum(outcomes_of) / len(outcomes_of):.3f} (wanted .97)")


if __name__ == "__main__":
    main()

"""Score a street detector with ByteTrack on clips that it has never seen.

    python training/evaluate_tracking.py street.onnx [--clips 6] [--seed 10500] [--plain]

Weather, light, camera and density of each clip are drawn from its seed. What counts is what
``data.HEADLINE`` says, per frame. What was found on an object that does not count is dropped before
scoring, as MOTChallenge does with its distractors: found boxes are matched with all true ones of a
frame first, by overlap, and those that go with one that does not count are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from data import HEADLINE, HEIGHT, WIDTH, Rule
from evaluate import NAMES

import sightline
from sightline.evaluation.detection import with_classes
from sightline.evaluation.tracking import Frames, TrackingScores, score_sequences
from sightline.evaluation.tracks.mot import TrackTruth, pair
from sightline.sources.street import HELD_OUT_SEED, StreetOptions, StreetSource, truth_of

FIRST_SEED = HELD_OUT_SEED + 500
"""Beyond the streets that ``evaluate.py`` looks at."""


def clips(count: int, first: int) -> Iterator[StreetOptions]:
    """Clips of 15 s at 25 frames per second, everything else at random."""
    for seed in range(first, first + count):
        yield StreetOptions(
            seed=seed, width=WIDTH, height=HEIGHT, fps=25, duration=15, weather="random",
            light="random", camera="random", density="random",
        )  # fmt: skip


def follow(
    model: sightline.Model, options: StreetOptions, rule: Rule, tracker: sightline.ByteTrack | None
) -> tuple[Frames, Frames]:
    """The true tracks of one clip that count, and those that were found."""
    truths, counted, found = [], [], []
    for observation in sightline.track(StreetSource(options), model, tracker):
        truth = truth_of(observation.frame)
        counted.append(~rule.ignored(truth.boxes, truth.visibility))
        truths.append(truth.detections)
        found.append(observation.detections)
    frames = tuple(with_classes(truths, truths[0].class_names, NAMES))
    truth = TrackTruth(frames, tuple(counted), tuple(~mask for mask in counted))
    return pair(truth, with_classes(found, model.class_names, NAMES))


def report(total: TrackingScores, each: dict[str, TrackingScores]) -> str:
    """A table in Markdown."""
    heads = ("clip", "HOTA", "DetA", "AssA", "MOTA", "IDF1", "switches")
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    for name, s in [*each.items(), ("**all**", total), *total.per_class.items()]:
        shares = " | ".join(f"{x:.3f}" for x in (s.hota, s.deta, s.assa, s.mota, s.idf1))
        lines.append(f"| {name} | {shares} | {s.switches} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the first clip")
    parser.add_argument(
        "--plain", action="store_true", help="without the thresholds of the model's card"
    )
    arguments = parser.parse_args()
    model = sightline.load(str(arguments.model))
    sequences = {}
    for options in clips(arguments.clips, arguments.seed):
        scene = options.resolved()
        name = f"{scene.seed}: {scene.weather} {scene.light}, {scene.camera}"
        tracker = sightline.ByteTrack() if arguments.plain else None
        sequences[name] = follow(model, options, HEADLINE, tracker)
    print(report(*score_sequences(sequences)))


if __name__ == "__main__":
    main()

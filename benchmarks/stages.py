"""A chain of models on the street: how often is the classifier asked, and are its labels right in the end?

    python benchmarks/stages.py [--seeds 10501 10502 10503] [--seconds 60]

Vehicles of streets that no model was trained on are detected, tracked and classified by the bundled
models. A track counts where it was seen ten times; its last labels are compared with those of the
object that it was on most of the time.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from statistics import median
from typing import Any

import sightline as sl
from sightline.config import ClassifyOptions
from sightline.geometry import iou_matrix
from sightline.protocols import Stage
from sightline.sources.street import StreetOptions, StreetSource, truth_of

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10_501, 10_502, 10_503])
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
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

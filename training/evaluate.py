"""Score a street detector on streets that it has never seen, and time it.

    python training/evaluate.py street.onnx [--frames 2000] [--peer yolo11n.onnx]

Frames are of held-out seeds, in equal shares of all weathers and lights, seen from all cameras, and
are found by Sightline's own detector. The same frames and the same detections are scored by two
rules: ``data.HEADLINE`` and ``data.STRICT``. What a rule leaves out counts neither for nor against.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from data import CLASSES, HEADLINE, HEIGHT, STRICT, WIDTH, Rule

import sightline
from sightline.evaluation.detection import DetectionScores, score_detections, with_classes
from sightline.sources.street import HELD_OUT_SEED, StreetOptions, StreetSource, truth_of
from sightline.types import Detections, Frame

RULES = {"headline": HEADLINE, "strict": STRICT}
NAMES = tuple(CLASSES.values())
PER_STREET = 5
SECONDS = 3
"""Between two frames of a street, so that they differ."""
CONDITIONS = tuple(itertools.product(("clear", "rain", "fog"), ("day", "dusk", "night")))


def streets(count: int) -> Iterator[StreetOptions]:
    """Held-out streets, weathers and lights in turn, cameras and density of traffic at random."""
    for number in range(count):
        weather, light = CONDITIONS[number % len(CONDITIONS)]
        yield StreetOptions(
            seed=HELD_OUT_SEED + number, width=WIDTH, height=HEIGHT, fps=1, weather=weather,
            light=light, camera="random", density="random", duration=PER_STREET * SECONDS,
        )  # fmt: skip


class Scene:
    """Truth, and what was found, of all frames of one condition."""

    def __init__(self) -> None:
        self.truth: list[Detections] = []
        self.skipped: dict[Rule, list[np.ndarray]] = {rule: [] for rule in RULES.values()}
        self.found: list[Detections] = []

    def add(self, frame: Frame, found: Detections) -> None:
        truth = truth_of(frame)
        self.truth.append(truth.detections)
        for rule, skipped in self.skipped.items():
            skipped.append(rule.ignored(truth.boxes, truth.visibility))
        self.found.append(found)

    def extend(self, other: Scene) -> None:
        self.truth += other.truth
        for rule in self.skipped:
            self.skipped[rule] += other.skipped[rule]
        self.found += other.found

    def scores(self, names: Sequence[str], rule: Rule) -> DetectionScores:
        truth = with_classes(self.truth, self.truth[0].class_names, NAMES)
        return score_detections(
            truth, with_classes(self.found, names, NAMES), NAMES, crowd=self.skipped[rule]
        )


Results = dict[str, dict[str, DetectionScores]]
"""By rule, then by scenes."""


def evaluate(model: sightline.Model, frames: int) -> Results:
    """Scores over everything (``all``), of each light, of each weather, and of clear days."""
    scenes = {condition: Scene() for condition in CONDITIONS}
    for options in streets(-(-frames // PER_STREET)):
        scene = scenes[options.weather, options.light]  # type: ignore[index]
        for frame in StreetSource(options):
            if frame.index % SECONDS == 0:
                scene.add(frame, model.detect(frame))
    groups: dict[str, tuple[str, ...]] = {"all": ()}
    groups |= {word: (word,) for word in ("day", "dusk", "night", "clear", "rain", "fog")}
    groups["clear day"] = ("clear", "day")
    results: Results = {name: {} for name in RULES}
    for group, words in groups.items():
        whole = Scene()
        for condition, scene in scenes.items():
            if set(words) <= set(condition):
                whole.extend(scene)
        if whole.truth:
            for name, rule in RULES.items():
                results[name][group] = whole.scores(model.class_names, rule)
    return results


def speed_ratio(model: Path, peer: Path, rounds: int = 100) -> tuple[float, float]:
    """Milliseconds per picture of both at 640×384 in OpenVINO (bf16 where it can), two threads.

    The quarter that other programs disturbed least is averaged; rounds alternate.
    """
    import openvino

    core = openvino.Core()
    requests = []
    for path in (model, peer):
        graph = core.read_model(path)
        graph.reshape([1, 3, HEIGHT, WIDTH])
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 2}
        requests.append(core.compile_model(graph, "CPU", options).create_infer_request())
    picture = np.random.default_rng(0).random((1, 3, HEIGHT, WIDTH), np.float32)
    times = np.zeros((2, rounds))
    for number in range(rounds):
        for row, request in enumerate(requests):
            started = time.perf_counter()
            request.infer({0: picture})
            times[row, number] = time.perf_counter() - started
    times.sort(axis=1)
    ours, theirs = 1000 * times[:, : rounds // 4].mean(axis=1)
    return float(ours), float(theirs)


def draw(model: sightline.Model, path: Path, count: int = 9) -> None:
    """A sheet of held-out pictures with what was found, to look at."""
    pictures = []
    for options in streets(count):
        frame = next(iter(StreetSource(options)))
        picture, found = frame.image.copy(), model.detect(frame)
        for box, kind in zip(found.boxes.round().astype(int), found.class_ids, strict=True):
            colour = tuple(int(c) for c in _COLOURS[kind])
            cv2.rectangle(picture, box[:2].tolist(), box[2:].tolist(), colour, 1)
        pictures.append(picture)
    rows = [np.hstack(pictures[at : at + 3]) for at in range(0, count - 2, 3)]
    cv2.imwrite(str(path), np.vstack(rows))


_COLOURS = np.array(
    [(0, 255, 0), (255, 255, 0), (0, 160, 255), (255, 0, 255), (0, 0, 255), (255, 80, 80)]
)


def report(results: Results) -> str:
    """Tables in Markdown, headline and strict side by side."""
    rules = list(results)
    heads = [f"{score} ({rule})" for rule in rules for score in ("mAP@50", "mAP")]
    lines = ["| scenes | " + " | ".join(heads) + " |", "| --- " * (1 + len(heads)) + "|"]
    for group in results[rules[0]]:
        cells = [
            f"{x:.3f}" for r in rules for x in (results[r][group].map50, results[r][group].map)
        ]
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    heads = [
        f"{score} ({rule})" for rule in rules for score in ("AP@50", "AP", "recall", "objects")
    ]
    lines += ["", "| class | " + " | ".join(heads) + " |", "| --- " * (1 + len(heads)) + "|"]
    for name in NAMES:
        cells = []
        for rule in rules:
            c = results[rule]["all"].per_class[name]
            cells += [f"{c.ap50:.3f}", f"{c.ap:.3f}", f"{c.recall:.3f}", str(c.count)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--peer", type=Path, help="an ONNX file to time against")
    parser.add_argument("--draw", type=Path, help="write a picture with what was found")
    arguments = parser.parse_args()
    # COCO's average precision wants also what is found with a low score.
    model = sightline.load(str(arguments.model), conf=0.01, iou=0.6, max_detections=300)
    print(report(evaluate(model, arguments.frames)))
    if arguments.draw:
        draw(sightline.load(str(arguments.model)), arguments.draw)
    if arguments.peer:
        ours, theirs = speed_ratio(arguments.model, arguments.peer)
        print(f"\n{ours:.2f} ms against {theirs:.2f} ms: {theirs / ours:.2f} times as fast")


if __name__ == "__main__":
    main()

"""Score the masks of a street segmentation model on streets that it has never seen.

    python training/evaluate_masks.py street-seg.onnx [--frames 500] [--draw sheet.png]

Frames are of held-out seeds, as in ``evaluate.py``, found by Sightline's own detector. COCO's average
precision by the overlap of masks: ``data.HEADLINE`` says which objects count, and what is found in the
others' boxes counts neither for nor against. Boxes of the same detections are scored beside them.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
from data import HEADLINE
from evaluate import NAMES, PER_STREET, SECONDS, streets

import sightline
from sightline.evaluation.detection import DetectionScores, score_detections, with_classes
from sightline.evaluation.shapes import TrueShapes
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import Detections, Masks


class Scored:
    """Truth, and what was found, of all frames."""

    def __init__(self) -> None:
        self.truth: list[Detections] = []
        self.shapes: list[TrueShapes] = []
        self.skipped: list[np.ndarray] = []
        self.found: list[Detections] = []

    def scores(self, names: tuple[str, ...], wanted: tuple[str, ...] = NAMES) -> DetectionScores:
        """Of the classes ``wanted``; ``names`` are the model's."""
        truth = with_classes(self.truth, self.truth[0].class_names, wanted)
        kept = [np.isin(_words(t), wanted) for t in self.truth]
        return score_detections(
            truth, with_classes(self.found, names, wanted), wanted,
            crowd=[s[k] for s, k in zip(self.skipped, kept, strict=True)],
            shapes=[s.rows(k) for s, k in zip(self.shapes, kept, strict=True)],
        )  # fmt: skip


def _words(found: Detections) -> list[str]:
    return [found.class_name(i) for i in found.class_ids.tolist()]


def find(model: sightline.Model, frames: int, of: int = 0) -> Scored:
    """Truth and finds of so many frames of held-out streets, from the ``of``-th street on."""
    scored = Scored()
    for options in list(streets(of + math.ceil(frames / PER_STREET)))[of:]:
        for frame in StreetSource(options):
            if frame.index % SECONDS == 0:
                truth = truth_of(frame)
                masks = Masks.of(truth.masks)
                outlines = tuple(masks.to_coco(i) for i in range(len(masks)))
                scored.truth.append(truth.detections)
                size = (frame.width, frame.height)
                scored.shapes.append(TrueShapes(outlines, size=size))
                scored.skipped.append(HEADLINE.ignored(truth.boxes, truth.visibility))
                scored.found.append(model.detect(frame))
    return scored


def draw(model: sightline.Model, options: list[StreetOptions]) -> np.ndarray:
    """A sheet of pictures with what was found, to look at; three in a row."""
    frames = [next(iter(StreetSource(o))) for o in options]
    pictures = [model.detect(frame).plot(frame) for frame in frames]
    rows = [np.hstack(pictures[at : at + 3]) for at in range(0, len(pictures) - 2, 3)]
    return np.vstack(rows)


def report(scored: Scored, names: tuple[str, ...]) -> str:
    """A table in Markdown: masks and boxes, of all classes and of each."""
    lines = [
        "| class | mask AP | mask AP@50 | mask AP@75 | box AP | objects |",
        "| --- " * 6 + "|",
    ]
    for name in ("all", *NAMES):
        s = scored.scores(names, NAMES if name == "all" else (name,))
        count = sum(c.count for c in s.per_class.values())
        cells = " | ".join(f"{x:.3f}" for x in (s.mask_map, s.mask_map50, s.mask_map75, s.map))
        lines.append(f"| {name} | {cells} | {count} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--draw", type=Path, help="write a picture with what was found")
    arguments = parser.parse_args()
    # COCO's average precision wants also what is found with a low score.
    model = sightline.load(str(arguments.model), conf=0.01, iou=0.6, max_detections=300)
    print(report(find(model, arguments.frames), model.class_names))
    if arguments.draw:
        sheet = draw(sightline.load(str(arguments.model)), list(streets(9)))
        cv2.imwrite(str(arguments.draw), sheet)


if __name__ == "__main__":
    main()

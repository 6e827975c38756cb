"""A detector whose scores are honest or not, on pictures whose truth is drawn."""

from __future__ import annotations

import numpy as np

from sightline.evaluation.detection import score_detections
from sightline.evaluation.estimation.evidence import SeenFrame
from sightline.evaluation.estimation.learning import LabelledFootage
from sightline.types import Detections

NAMES = ("car", "person")


def boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Boxes that do not overlap: each in a cell of its own."""
    cells = rng.permutation(400)[:count]
    corners = np.stack([cells % 20, cells // 20], axis=1) * 50.0
    return np.hstack([corners, corners + rng.uniform(20, 40, (count, 2))]).astype(np.float32)


def objects(corners: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> Detections:
    return Detections(
        corners, scores.astype(np.float32), classes.astype(np.int64), class_names=NAMES
    )


def footage(
    seed: int, *, skill: float, bias: float = 0.0, frames: int = 30, reference: bool = True
) -> LabelledFootage:
    """Frames of 12 objects each, of which ``skill`` are found, and false ones.

    The better the detector, the higher its scores; ``bias`` is added to their logits. The reference finds 95 %.
    """
    rng = np.random.default_rng(seed)
    seen, truths = [], []
    for _ in range(frames):
        places, classes = boxes(rng, 24), rng.integers(0, 2, 24)
        true, false = slice(0, 12), slice(12, 24)
        found = rng.random(12) < skill
        logits = np.concatenate([rng.normal(1.5, 1, found.sum()), rng.normal(-2, 1, 12)]) + bias
        own = objects(
            np.concatenate([places[true][found], places[false]]),
            1 / (1 + np.exp(-logits)),
            np.concatenate([classes[true][found], classes[false]]),
        )
        theirs = rng.random(12) < 0.95
        larger = objects(
            places[true][theirs], rng.uniform(0.6, 0.95, theirs.sum()), classes[true][theirs]
        )
        seen.append(SeenFrame(own, larger if reference else None))
        truths.append(objects(places[true], np.ones(12), classes[true]))
    nothing = [np.zeros(12, np.bool_)] * frames
    scores = score_detections(truths, [one.found for one in seen], NAMES)
    return LabelledFootage(seen, truths, nothing, scores.map50, still=True)

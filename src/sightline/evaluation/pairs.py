"""How well two models agree on single pictures, as they come: counts that add up. Needs no labels.

Both sides are equal: neither stands for the truth. ``agreement`` judges one against the other over
whole footage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.evaluation.agreement import THRESHOLD, matched_columns
from sightline.evaluation.comparison import overlaps, real_boxes
from sightline.types import Detections, Floats, Ints


def confident_from(conf: float) -> float:
    """The score from which an object is confident, where a model reports those from ``conf`` on.

    It is a third of the way to certainty: 0.5 of 0.25. What one model is confident of and the other
    finds with any score is agreed on, so an object at the threshold is no disagreement.
    """
    return conf + (1 - conf) / 3


@dataclass(frozen=True, eq=False)
class PairCounts:
    """What two models found in pictures, by class; all are (classes,) int64.

    ``confident`` are confident objects of either, ``agreed`` those of them that the other found too.
    ``first`` and ``second`` are all objects of each.
    """

    confident: Ints
    agreed: Ints
    first: Ints
    second: Ints

    @classmethod
    def none(cls, classes: int) -> PairCounts:
        """The counts of no picture: all are 0."""
        return cls(*(np.zeros(classes, np.int64) for _ in range(4)))

    def __add__(self, other: PairCounts) -> PairCounts:
        return PairCounts(
            self.confident + other.confident,
            self.agreed + other.agreed,
            self.first + other.first,
            self.second + other.second,
        )

    @property
    def agreement(self) -> float:
        """Over all classes, 0 to 1; NaN where neither is confident of anything."""
        total = int(self.confident.sum())
        return int(self.agreed.sum()) / total if total else float("nan")

    @property
    def per_class(self) -> Floats:
        """Agreement by class, (classes,) float32; NaN where neither is confident of one."""
        share = np.full(len(self.confident), np.nan, np.float32)
        return np.divide(self.agreed, self.confident, out=share, where=self.confident > 0)


def compare_pictures(
    first: Detections, second: Detections, classes: int, confs: Sequence[float]
) -> PairCounts:
    """Compare what two models found in one picture.

    Objects are matched one to one at an overlap (IoU) of 0.5 within a class, the highest scores first.

    Args:
        first, second: with class ids of the same names, 0 to ``classes`` - 1.
        classes: how many there are.
        confs: the score from which each model reports an object; objects below are left out.
    """
    first, second = (
        found[(found.scores >= conf) & (found.class_ids < classes)]
        for found, conf in zip((first, second), confs, strict=True)
    )
    near = overlaps(real_boxes(first), real_boxes(second))
    near[first.class_ids[:, None] != second.class_ids[None, :]] = 0
    near[near < THRESHOLD] = 0
    sure, agreed = [], []
    for one, other, table, conf in (
        (first, second, near, confs[0]),
        (second, first, near.T, confs[1]),
    ):
        confident = one.scores >= confident_from(conf)
        found = matched_columns(table[confident], other.scores.astype(np.float64)) >= 0
        sure.append(one.class_ids[confident])
        agreed.append(one.class_ids[confident][found])

    def counted(ids: Ints) -> Ints:
        return np.bincount(ids, minlength=classes).astype(np.int64)

    return PairCounts(
        counted(np.concatenate(sure)),
        counted(np.concatenate(agreed)),
        counted(first.class_ids),
        counted(second.class_ids),
    )

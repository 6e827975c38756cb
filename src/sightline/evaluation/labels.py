"""Pictures with their true objects, whatever file told them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sightline.evaluation.comparison import Reals
from sightline.evaluation.detection import (
    DetectionScores,
    pick_classes,
    score_detections,
    with_classes,
)
from sightline.types import Detections, Mask

SizeOf: TypeAlias = Callable[[Path], tuple[int, int]]
"""Tells the width and height in pixels of a picture file. Raises SightlineError."""


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """A picture and its N true objects.

    Args:
        id: by which COCO results call it.
        name: as the dataset calls it: a path with ``/``, relative to the folder of pictures.
        path: of the file. It need not be there unless a model is to look at it.
        truth: the objects; their scores are 1.
        crowd: (N,) bool, objects that are regions (COCO's ``iscrowd``).
        areas: (N,) float64, square pixels.
    """

    id: int
    name: str
    path: Path
    truth: Detections
    crowd: Mask
    areas: Reals


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures, and the names of their classes.

    ``category_ids`` are the numbers by which COCO results call the classes, in the same order.
    """

    class_names: tuple[str, ...]
    pictures: tuple[LabelledPicture, ...]
    category_ids: tuple[int, ...]

    def score(
        self, found: Sequence[Detections], classes: Sequence[str] | None = None
    ) -> DetectionScores:
        """Score what was found in each of the pictures, in their order.

        Args:
            found: objects; class ids are places in ``class_names``.
            classes: only these count, by name.

        Raises:
            ConfigError: the dataset has no such class; see also ``score_detections``.
        """
        wanted = pick_classes(classes or self.class_names, self.class_names)
        return score_detections(
            with_classes([p.truth for p in self.pictures], self.class_names, wanted),
            with_classes(found, self.class_names, wanted),
            wanted,
            crowd=[p.crowd[self._among(p, wanted)] for p in self.pictures],
            areas=[p.areas[self._among(p, wanted)] for p in self.pictures],
        )

    def _among(self, picture: LabelledPicture, wanted: Sequence[str]) -> Mask:
        kept = np.array([name in wanted for name in self.class_names], np.bool_)
        mask: Mask = kept[picture.truth.class_ids]
        return mask

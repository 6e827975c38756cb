"""Pictures with their true objects, whatever file told them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals
from sightline.evaluation.detection import (
    DetectionScores,
    pick_classes,
    score_detections,
    with_classes,
)
from sightline.evaluation.shapes import TrueShapes
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
        shapes: what the labels tell of the objects beside their boxes.
    """

    id: int | str
    name: str
    path: Path
    truth: Detections
    crowd: Mask
    areas: Reals
    shapes: TrueShapes = field(default_factory=TrueShapes)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures, and the names of their classes.

    Args:
        class_names: each is there once.
        pictures: in the order in which results are given.
        category_ids: the numbers by which COCO results call the classes, in the same order.
        written_names: the classes' names as they stand in the file, where two may be the same.
            None given: as ``class_names``.
        has_ids: whether the file itself gave ids to pictures and classes. Otherwise they are
            places in an order.
    """

    class_names: tuple[str, ...]
    pictures: tuple[LabelledPicture, ...]
    category_ids: tuple[int | str, ...]
    written_names: tuple[str, ...] = ()
    has_ids: bool = False

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
        of_wanted = [self._among(p, wanted) for p in self.pictures]
        return score_detections(
            with_classes([p.truth for p in self.pictures], self.class_names, wanted),
            with_classes(found, self.class_names, wanted),
            wanted,
            crowd=[p.crowd[kept] for p, kept in zip(self.pictures, of_wanted, strict=True)],
            areas=[p.areas[kept] for p, kept in zip(self.pictures, of_wanted, strict=True)],
            shapes=[p.shapes.rows(kept) for p, kept in zip(self.pictures, of_wanted, strict=True)],
        )

    def by_name(self) -> Dataset:
        """The same, for who tells pictures and classes by their names and not by ids.

        Several entries of one name are one picture, or one class: their objects are joined, and
        one that is there twice counts once. Raises ConfigError where entries of one name cannot
        be the same picture.
        """
        names = tuple(dict.fromkeys(self.written_names or self.class_names))
        if len(names) == len(self.class_names) and not self._names_repeat():
            return self
        numbers = np.array([names.index(n) for n in self.written_names or self.class_names])
        joined: dict[str, LabelledPicture] = {}
        for picture in self.pictures:
            renamed = replace(
                picture,
                truth=replace(
                    picture.truth, class_ids=numbers[picture.truth.class_ids], class_names=names
                ),
            )
            before = joined.get(picture.name)
            joined[picture.name] = renamed if before is None else _joined(before, renamed)
        return Dataset(names, tuple(joined.values()), tuple(range(len(names))))

    def _names_repeat(self) -> bool:
        return len({picture.name for picture in self.pictures}) != len(self.pictures)

    def _among(self, picture: LabelledPicture, wanted: Sequence[str]) -> Mask:
        kept = np.array([name in wanted for name in self.class_names], np.bool_)
        mask: Mask = kept[picture.truth.class_ids]
        return mask


def _joined(first: LabelledPicture, second: LabelledPicture) -> LabelledPicture:
    """The objects of both, those that are the same once."""
    if first.path != second.path:
        raise ConfigError(
            f"two pictures are called {first.name}, {first.path} and {second.path}: rename one"
        )
    truth = Detections.concatenate((first.truth, second.truth))
    rows = np.column_stack((truth.boxes, truth.class_ids))
    _, kept = np.unique(rows, axis=0, return_index=True)
    kept.sort()
    crowd = np.concatenate((first.crowd, second.crowd))[kept]
    areas = np.concatenate((first.areas, second.areas))[kept]
    counts = (len(first.truth), len(second.truth))
    shapes = first.shapes.joined(second.shapes, counts).rows(kept)
    return replace(first, truth=truth[kept], crowd=crowd, areas=areas, shapes=shapes)

"""Scores of masks, turned boxes and keypoints, as COCO defines them: overlap of pixels, and OKS.

Works on objects in memory and knows no files; see ``detection``, which scores boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sightline.coco import KEYPOINT_NAMES
from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals
from sightline.types import Detections

OF_A_BOX = 0.53
"""Share of its box that a person covers, as Ultralytics takes it for OKS where nothing tells the area."""

Outline = Any
"""COCO's ``segmentation``: a list of polygons [x, y, x, y, …], or run lengths. None: only a box is known."""


@dataclass(frozen=True, eq=False)
class TrueShapes:
    """What labels tell of the N true objects of a picture beside their boxes.

    Args:
        outlines: one of each object, or none at all.
        keypoints: (N, K, 3) x, y and v (0: not labelled), or None.
        size: (width, height) of the picture, or None where nothing tells.
        area_share: what OKS takes as an object's area, as a share of the area that is known.
    """

    outlines: tuple[Outline | None, ...] = ()
    keypoints: Reals | None = None
    size: tuple[int, int] | None = None
    area_share: float = 1.0

    def rows(self, index: Any) -> TrueShapes:
        """Those of some objects; ``index`` is a mask or numbers."""
        if not self.outlines and self.keypoints is None:
            return self
        chosen = np.arange(max(len(self.outlines), _count(self.keypoints)))[index].tolist()
        return TrueShapes(
            tuple(self.outlines[i] for i in chosen) if self.outlines else (),
            None if self.keypoints is None else self.keypoints[chosen],
            self.size,
            self.area_share,
        )

    def joined(self, other: TrueShapes, counts: tuple[int, int]) -> TrueShapes:
        """These objects, and behind them those of other labels of the same picture.

        Args:
            other: the labels that come behind.
            counts: how many objects each of the two has, whatever is told of them.
        """
        outlines: tuple[Outline | None, ...] = ()
        if self.outlines or other.outlines:
            first, second = counts
            outlines = (self.outlines or (None,) * first) + (other.outlines or (None,) * second)
        parts = zip((self.keypoints, other.keypoints), counts, strict=True)
        return TrueShapes(
            outlines, _joined_points(list(parts)), self.size or other.size, self.area_share
        )


def _joined_points(parts: Sequence[tuple[Reals | None, int]]) -> Reals | None:
    """Keypoints of all objects; 0, which is not labelled, of those that have none, or another number of them."""
    length = max((_points_each(points) for points, _ in parts), default=0)
    if not length:
        return None
    return np.concatenate(
        [
            points
            if points is not None and _points_each(points) == length
            else np.zeros((count, length, 3))
            for points, count in parts
        ]
    )


def _points_each(points: Reals | None) -> int:
    return 0 if points is None else points.shape[1]


class ShapeScores(NamedTuple):
    """Mean average precision over the overlaps 0.50, 0.55 … 0.95, and at 0.50 and 0.75."""

    map: float
    map50: float
    map75: float


def add_outlines(
    truth: dict[str, Any],
    found: dict[str, Any],
    shapes: Sequence[TrueShapes],
    pictures: Sequence[Detections],
) -> bool:
    """Add masks, or the corners of turned boxes, to the annotations of datasets in COCO's form.

    Args:
        truth, found: datasets that were made of the true objects, and of those in ``pictures``.
        shapes: of the true objects of each picture.
        pictures: what was found in each.

    Returns False: there is nothing to score, because the model or the labels tell boxes only.

    Raises ConfigError: masks are of pictures of another size.
    """
    tells = any(objects.masks is not None or objects.angles is not None for objects in pictures)
    if not tells or all(outline is None for shape in shapes for outline in shape.outlines):
        return False
    theirs = _by_picture(truth, [shape.outlines for shape in shapes])
    ours = _by_picture(found, [_outlines(objects) for objects in pictures])
    for item, outline in (*theirs, *ours):
        item["segmentation"] = outline or _box_outline(item["bbox"])
    for number, (shape, objects) in enumerate(zip(shapes, pictures, strict=True)):
        size = objects.masks.size if objects.masks is not None else shape.size
        if size is not None and shape.size is not None and size != shape.size and len(objects):
            raise ConfigError(
                f"masks that were found are of pictures of {_by(size)}, and the ground truth's is of "
                f"{_by(shape.size)}: they cannot be compared"
            )
        width, height = size or _reach(truth, found, number + 1)
        for dataset in (truth, found):
            dataset["images"][number] |= {"width": width, "height": height}
    return True


def add_keypoints(
    truth: dict[str, Any],
    found: dict[str, Any],
    shapes: Sequence[TrueShapes],
    pictures: Sequence[Detections],
) -> list[float] | None:
    """Add keypoints to the annotations of datasets in COCO's form; as ``add_outlines``.

    Returns the deviations of OKS, one of each keypoint. None: there is nothing to score.

    Raises:
        ConfigError: the labels and the model have not the same number of keypoints.
    """
    counts = {s.keypoints.shape[1] for s in shapes if s.keypoints is not None and len(s.keypoints)}
    own = {o.keypoints.shape[1] for o in pictures if o.keypoints is not None and len(o)}
    if not counts or not own:
        return None
    if counts != own or len(counts) > 1:
        raise ConfigError(
            f"the ground truth has {_numbers(counts)} keypoints, the model {_numbers(own)}: they cannot "
            "be compared"
        )
    (count,) = counts
    for item in truth["annotations"]:
        item["area"] *= shapes[item["image_id"] - 1].area_share
    nothing = [0.0] * (3 * count)
    for dataset, rows in (
        (truth, [() if s.keypoints is None else tuple(s.keypoints) for s in shapes]),
        (found, [() if o.keypoints is None else tuple(o.keypoints) for o in pictures]),
    ):
        for item, points in _by_picture(dataset, rows):
            item["keypoints"] = (
                nothing if points is None else points.astype(np.float64).ravel().tolist()
            )
            item["num_keypoints"] = sum(v > 0 for v in item["keypoints"][2::3])
    return oks_deviations(count)


def oks_deviations(count: int) -> list[float]:
    """The deviation of each of ``count`` keypoints in OKS: COCO's for its 17, else 1 / count as
    Ultralytics has it."""
    return list(_COCO_SIGMAS) if count == len(KEYPOINT_NAMES) else [1 / count] * count


_COCO_SIGMAS = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107,
    0.087, 0.087, 0.089, 0.089,
)  # fmt: skip


def _by_picture(
    dataset: dict[str, Any], rows: Sequence[Sequence[object]]
) -> list[tuple[dict[str, Any], Any]]:
    """Each annotation with what is told of it; None of those of pictures of which nothing is told."""
    places = [0] * len(rows)
    pairs = []
    for item in dataset["annotations"]:
        picture = item["image_id"] - 1
        told = rows[picture]
        pairs.append((item, told[places[picture]] if len(told) else None))
        places[picture] += 1
    return pairs


def _outlines(objects: Detections) -> list[Outline]:
    if objects.masks is not None:
        return [objects.masks.to_coco(i) for i in range(len(objects))]
    if objects.angles is not None:
        return [[corners.ravel().tolist()] for corners in objects.corners.astype(np.float64)]
    return []


def _box_outline(box: Sequence[float]) -> Outline:
    """A box x, y, width, height as a polygon."""
    x, y, width, height = box
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def _reach(truth: dict[str, Any], found: dict[str, Any], picture: int) -> tuple[int, int]:
    """A width and height that hold all boxes and outlines of a picture whose size nobody tells."""
    points = [1.0, 1.0]
    for item in (*truth["annotations"], *found["annotations"]):
        if item["image_id"] == picture and isinstance(item["segmentation"], list):
            for polygon in item["segmentation"]:
                points = [max(points[0], *polygon[::2]), max(points[1], *polygon[1::2])]
    return int(np.ceil(points[0])), int(np.ceil(points[1]))


def _by(size: tuple[int, int]) -> str:
    return "{}×{}".format(*size)


def _count(keypoints: Reals | None) -> int:
    return 0 if keypoints is None else len(keypoints)


def _numbers(counts: set[int]) -> str:
    return " or ".join(map(str, sorted(counts)))

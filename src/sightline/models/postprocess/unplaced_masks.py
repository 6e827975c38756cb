"""Masks that a model told, but that nobody has made yet: they are made at the source picture's size.

A decoder's candidates are many, and NMS keeps few. So only numbers go through NMS, and each mask that
is kept is scaled once, straight to the pixels that its box has in the source picture.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import Any, NamedTuple

import cv2
import numpy as np

from sightline.geometry import Placement
from sightline.types import Floats, Ints, Mask, Masks

_MARGIN = 2
"""Pixels of a lattice that interpolation needs around a box."""


class Lattice(NamedTuple):
    """Values (h, w) at the middles of cells.

    The first cell's upper left corner is ``origin`` (x, y), each cell is ``step`` (x, y), in canvas pixels.
    """

    values: Floats
    origin: tuple[float, float]
    step: tuple[float, float]


class UnplacedMasks(Masks):
    """``Masks`` in a model's input, of which an index makes a choice before they are made.

    Args:
        boxes: (N, 4) float32, xyxy in canvas pixels: no mask reaches beyond its box.
        size: (width, height) of the canvas.

    They read the engine's memory until ``placed`` has made the masks.
    """

    threshold: float = 0.5
    """A pixel above it belongs to the object."""
    border: int = cv2.BORDER_REPLICATE
    """What lies around a lattice."""

    def __init__(self, boxes: Floats, size: tuple[int, int]) -> None:
        self.__dict__.update(boxes=boxes, size=size)

    boxes: Floats

    @abstractmethod
    def _chosen(self, index: Any) -> Masks:
        """Those of an index, a mask or a slice."""

    @abstractmethod
    def _lattice(self, number: int, box: tuple[float, float, float, float]) -> Lattice:
        """The values of one object around a box, xyxy in canvas pixels."""

    def placed(self, spot: Placement) -> Masks:
        """The masks in the source picture, each within its box there."""
        size = (spot.source_width, spot.source_height)
        edges = np.nan_to_num(spot.to_source(self.boxes))
        corners = np.rint(edges).astype(np.int64)
        # Thin objects have a pixel in each direction, within the picture; those outside have none.
        corners[:, :2] = np.minimum(corners[:, :2], np.array(size) - 1)
        outside = np.flatnonzero((edges[:, :2] >= edges[:, 2:]).any(axis=1))
        corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2] + 1)
        corners[outside, 2:] = corners[outside, :2]
        crops = tuple(self._crop(i, box, spot) for i, box in enumerate(corners.tolist()))
        return Masks(crops, corners[:, :2], size)

    def _crop(self, number: int, corners: list[int], spot: Placement) -> Mask:
        """One mask's pixels between corners x0, y0, x1, y1 of the source picture."""
        x0, y0, x1, y1 = corners
        if x0 >= x1 or y0 >= y1:
            return np.zeros((0, 0), np.bool_)
        per_x, per_y = spot.width / spot.source_width, spot.height / spot.source_height
        left, top = spot.left + x0 * per_x, spot.top + y0 * per_y
        box = (left, top, spot.left + x1 * per_x, spot.top + y1 * per_y)
        values, origin, step = self._lattice(number, box)
        scale_x, scale_y = per_x / step[0], per_y / step[1]
        # The middle of a source pixel in cells of the lattice, whose own middles are whole numbers.
        to_lattice = np.array(
            [
                [scale_x, 0, (left - origin[0]) / step[0] + scale_x / 2 - 0.5],
                [0, scale_y, (top - origin[1]) / step[1] + scale_y / 2 - 0.5],
            ]
        )
        scaled = cv2.warpAffine(
            values,
            to_lattice,
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=self.border,
        )
        crop: Mask = scaled > self.threshold
        return crop

    @cached_property
    def _made(self) -> Masks:
        """The masks in the canvas itself."""
        width, height = self.size
        return self.placed(Placement(width, height, 0, 0, width, height))

    # What ``Masks`` keeps is made when somebody asks for it.

    @property
    def crops(self) -> tuple[Mask, ...]:
        """The crops of the masks in the canvas."""
        return self._made.crops

    @property
    def corners(self) -> Ints:
        """The corners of the crops in the canvas."""
        return self._made.corners

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._chosen(index)
        if isinstance(index, np.ndarray) and index.ndim == 1:
            return self._chosen(index)
        return self._made[index]


class PrototypeMasks(UnplacedMasks):
    """Masks as sums of prototypes that all objects share.

    Args:
        coefficients: (N, M) float32.
        prototypes: (M, h, w) float32, of the whole canvas.
    """

    threshold = 0.0

    def __init__(
        self, coefficients: Floats, prototypes: Floats, boxes: Floats, size: tuple[int, int]
    ) -> None:
        super().__init__(boxes, size)
        self.__dict__.update(coefficients=coefficients, prototypes=prototypes)

    coefficients: Floats
    prototypes: Floats

    def _chosen(self, index: Any) -> Masks:
        chosen = self.coefficients[index]
        return PrototypeMasks(chosen, self.prototypes, self.boxes[index], self.size)

    def _lattice(self, number: int, box: tuple[float, float, float, float]) -> Lattice:
        count, height, width = self.prototypes.shape
        step = (self.size[0] / width, self.size[1] / height)
        x0, y0, x1, y1 = _cells(box, step, (width, height))
        # Whole rows of the prototypes need no copy; their columns would.
        rows = self.prototypes.reshape(count, -1)[:, y0 * width : y1 * width]
        summed = (self.coefficients[number] @ rows).reshape(y1 - y0, width)
        values = np.ascontiguousarray(summed[:, x0:x1], np.float32)
        return Lattice(values, (x0 * step[0], y0 * step[1]), step)


class PlaneMasks(UnplacedMasks):
    """Masks of which each is a plane of probabilities, or of logits, over the whole canvas.

    Args:
        planes: (N, h, w).
        threshold: a pixel above it belongs to the object.
    """

    def __init__(
        self, planes: Floats, boxes: Floats, size: tuple[int, int], threshold: float = 0.5
    ) -> None:
        super().__init__(boxes, size)
        self.__dict__.update(planes=planes, threshold=threshold)

    planes: Floats

    def _chosen(self, index: Any) -> Masks:
        return PlaneMasks(self.planes[index], self.boxes[index], self.size, self.threshold)

    def _lattice(self, number: int, box: tuple[float, float, float, float]) -> Lattice:
        height, width = self.planes.shape[1:]
        step = (self.size[0] / width, self.size[1] / height)
        x0, y0, x1, y1 = _cells(box, step, (width, height))
        values = np.ascontiguousarray(self.planes[number, y0:y1, x0:x1], np.float32)
        return Lattice(values, (x0 * step[0], y0 * step[1]), step)


class BoxMasks(UnplacedMasks):
    """Masks of which each is a small grid of probabilities over its own box, as Mask R-CNN's are.

    Args:
        grids: (N, h, w), 28 × 28 in most models.
    """

    border = cv2.BORDER_CONSTANT

    def __init__(self, grids: Floats, boxes: Floats, size: tuple[int, int]) -> None:
        super().__init__(boxes, size)
        self.__dict__.update(grids=grids)

    grids: Floats

    def _chosen(self, index: Any) -> Masks:
        return BoxMasks(self.grids[index], self.boxes[index], self.size)

    def _lattice(self, number: int, box: tuple[float, float, float, float]) -> Lattice:  # noqa: ARG002
        values = np.ascontiguousarray(self.grids[number], np.float32)
        height, width = values.shape
        x0, y0, x1, y1 = self.boxes[number].tolist()
        step = (max(x1 - x0, 1e-3) / width, max(y1 - y0, 1e-3) / height)
        return Lattice(values, (x0, y0), step)


def _cells(
    box: tuple[float, float, float, float], step: tuple[float, float], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The cells x0, y0, x1, y1 of a lattice of ``size`` (width, height) that a box needs."""
    x0, y0 = int(box[0] / step[0]) - _MARGIN, int(box[1] / step[1]) - _MARGIN
    x1, y1 = int(box[2] / step[0]) + _MARGIN + 1, int(box[3] / step[1]) + _MARGIN + 1
    return max(x0, 0), max(y0, 0), min(x1, size[0]), min(y1, size[1])

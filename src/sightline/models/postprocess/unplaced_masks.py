"""Masks that a model told, but that nobody has made yet: they are made at the source picture's size.

A decoder's candidates are many, and NMS keeps few. So only numbers go through NMS, and each mask that
is kept is scaled once, straight to the pixels that its box has in the source picture.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from itertools import starmap
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.geometry import Placement
from sightline.types import Floats, Ints, Mask, Masks
from sightline.types.made_once import MadeOnce

Reals = NDArray[np.float64]

_FARTHEST = 1e6
"""Pixels; a wild box may be infinite."""

_EXACT = 1e-6
"""How far from a whole number of pixels a cell may be."""

_SUBPIXEL = 1e-2
"""Pixels by which a crop may begin elsewhere."""

_MANY = 16
"""So many masks are worth turning the prototypes about, so that each pixel's lie side by side."""


class Lattices(NamedTuple):
    """Where the values of each mask lie: at the middles of cells.

    ``origins`` (N, 2) are the upper left corners x, y of the first cells and ``steps`` (N, 2) the cells' sides,
    in canvas pixels; ``size`` is how many cells there are, (width, height). One row may stand for all.
    """

    origins: Reals
    steps: Reals
    size: tuple[int, int]


class _Crop(NamedTuple):
    """A mask on its way into the picture.

    The cells x0, y0, x1, y1 that it needs, where it begins in them, cells in a pixel (x and y each), and its
    size in pixels. ``pixels`` are those of a cell where that is a whole number, else 0.
    """

    cells: list[int]
    begin: list[float]
    scale: list[float]
    size: list[int]
    pixels: list[int]


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
    def _chosen(self, index: object) -> Masks:
        """Those of an index, a mask or a slice."""

    @abstractmethod
    def _lattices(self) -> Lattices:
        """Where the values lie."""

    @abstractmethod
    def _values(self) -> Callable[[int, int, int, int, int], Floats]:
        """What gives the values (h, w) float32 of a mask by its number, in cells x0, y0 to x1, y1."""

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
        values = self._values()
        crops = tuple(
            self._made_crop(values(number, *crop.cells), crop)
            if crop.size[0] and crop.size[1]
            else np.zeros((0, 0), np.bool_)
            for number, crop in enumerate(self._crops(corners, spot))
        )
        return Masks(crops, corners[:, :2], size)

    def _crops(self, corners: Ints, spot: Placement) -> Iterator[_Crop]:
        """What each mask between corners (N, 4) x0, y0, x1, y1 of the source picture needs."""
        origins, steps, cells = self._lattices()
        per = np.array((spot.width / spot.source_width, spot.height / spot.source_height))
        edges = corners.reshape(-1, 2, 2) * per + (spot.left, spot.top)
        edges = (edges - origins[:, None]) / steps[:, None]
        scale = np.broadcast_to(per / steps, edges[:, 0].shape)
        # A pixel's middle lies between the middles of two cells.
        first, last = self._of_picture(spot, origins, steps, cells)
        low = np.clip(np.floor(edges[:, 0] - 0.5), first, last - 1).astype(np.int64)
        high = np.clip(np.floor(edges[:, 1] + 0.5) + 1, low + 1, last).astype(np.int64)
        begin = edges[:, 0] - low
        sizes = corners[:, 2:] - corners[:, :2]
        pixels = np.rint(1 / scale)
        first = begin * pixels
        whole = (abs(pixels * scale - 1) < _EXACT) & (abs(first - np.rint(first)) < _SUBPIXEL)
        whole &= (np.rint(first) >= 0) & (np.rint(first) + sizes <= (high - low) * pixels)
        pixels[~whole.all(axis=1)] = 0
        rows = (np.concatenate((low, high), axis=1), begin, scale, sizes, pixels.astype(np.int64))
        return starmap(_Crop, zip(*(r.tolist() for r in rows), strict=True))

    def _of_picture(
        self, spot: Placement, origins: Reals, steps: Reals, cells: tuple[int, int]
    ) -> tuple[Reals, Reals]:
        """The first cells x, y that show the picture, and those behind the last ones: the rest is padding.

        What the network says of padding must not eat into objects that the picture's edge cuts off.
        """
        if (
            self.border != cv2.BORDER_REPLICATE
        ):  # the mask of a box, which may reach beyond the picture
            return np.zeros(2), np.array(cells, np.float64)
        corners = np.array((spot.left, spot.top)), np.array((spot.width, spot.height))
        first = np.floor((corners[0] - origins[0]) / steps[0] + _EXACT)
        last = np.ceil((corners[0] + corners[1] - origins[0]) / steps[0] - _EXACT)
        return first, np.clip(last, first + 1, cells)

    def _made_crop(self, values: Floats, crop: _Crop) -> Mask:
        """The pixels of a mask, bool, of its values in the cells that it needs."""
        width, height = crop.size
        (across, down), (x, y) = crop.pixels, crop.begin
        if across and down and self.border == cv2.BORDER_REPLICATE:
            # As usual: 640 pixels of the canvas are 640, 1280 or 1920 of the picture. A third of a warp's time.
            rows, columns = values.shape
            scaled = cv2.resize(
                values, (columns * across, rows * down), interpolation=cv2.INTER_LINEAR
            )
            left, top = round(x * across), round(y * down)
            scaled = scaled[top : top + height, left : left + width]
        else:
            # The middle of a pixel in cells, whose own middles are whole numbers.
            (scale_x, scale_y), half = crop.scale, 0.5
            to_cells = np.array(
                ((scale_x, 0, x + scale_x / 2 - half), (0, scale_y, y + scale_y / 2 - half))
            )
            how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            scaled = cv2.warpAffine(values, to_cells, crop.size, flags=how, borderMode=self.border)
        made: Mask = scaled > self.threshold
        return made

    @MadeOnce
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

    def __getitem__(self, index: object) -> Any:
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

    def _lattices(self) -> Lattices:
        return _of_canvas(self.size, self.prototypes.shape)

    def _values(self) -> Callable[[int, int, int, int, int], Floats]:
        count, height, width = self.prototypes.shape
        if len(self) < _MANY:

            def few(number: int, x0: int, y0: int, x1: int, y1: int) -> Floats:
                window = self.prototypes[:, y0:y1, x0:x1]
                summed: Floats = np.einsum("m,mhw->hw", self.coefficients[number], window)
                return summed

            return few
        turned = cv2.transpose(self.prototypes.reshape(count, -1)).reshape(height, width, count)

        def many(number: int, x0: int, y0: int, x1: int, y1: int) -> Floats:
            summed: Floats = np.matmul(turned[y0:y1, x0:x1], self.coefficients[number])
            return summed

        return many


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

    def _lattices(self) -> Lattices:
        return _of_canvas(self.size, self.planes.shape)

    def _values(self) -> Callable[[int, int, int, int, int], Floats]:
        def values(number: int, x0: int, y0: int, x1: int, y1: int) -> Floats:
            return np.ascontiguousarray(self.planes[number, y0:y1, x0:x1], np.float32)

        return values


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

    def _lattices(self) -> Lattices:
        height, width = self.grids.shape[1:]
        boxes = np.nan_to_num(self.boxes.astype(np.float64), posinf=_FARTHEST, neginf=-_FARTHEST)
        steps = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3) / (width, height)
        return Lattices(boxes[:, :2], steps, (width, height))

    def _values(self) -> Callable[[int, int, int, int, int], Floats]:
        def values(number: int, x0: int, y0: int, x1: int, y1: int) -> Floats:
            return np.ascontiguousarray(self.grids[number, y0:y1, x0:x1], np.float32)

        return values


def _of_canvas(size: tuple[int, int], shape: tuple[int, ...]) -> Lattices:
    """The lattice of arrays (…, h, w) that cover a canvas of ``size`` (width, height)."""
    height, width = shape[-2:]
    steps = np.array([[size[0] / width, size[1] / height]])
    return Lattices(np.zeros((1, 2)), steps, (width, height))

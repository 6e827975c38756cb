"""Masks of a frame's objects, kept as crops: whole ones of a 4K picture take 8 MB an object."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from sightline.types.arrays import Array, Floats, Ints, Mask
from sightline.types.shapes.run_lengths import packed, run_lengths


@dataclass(frozen=True, eq=False, repr=False)
class Masks(NDArrayOperatorsMixin):
    """Which pixels belong to each of N objects.

    Args:
        crops: N arrays (height, width) bool, one for each object; one without pixels is empty.
        corners: (N, 2) int64, x and y of each crop's upper left pixel in the picture.
        size: (width, height) of the picture.

    Raises:
        ValueError: a crop is no (height, width) bool, or reaches beyond the picture.

    They look like an array (N, height, width) bool: ``masks[3]`` is one whole mask, (height, width);
    ``np.asarray(masks)`` makes all of them, and so does any other operation on arrays. A mask, a
    slice or an index array gives ``Masks``.
    """

    crops: tuple[Mask, ...]
    corners: Ints
    size: tuple[int, int]

    def __post_init__(self) -> None:
        if self.corners.shape != (len(self.crops), 2):
            raise ValueError(
                f"corners must be ({len(self.crops)}, 2) like the crops, not {self.corners.shape}"
            )
        width, height = self.size
        for crop, (x, y) in zip(self.crops, self.corners.tolist(), strict=True):
            if crop.ndim != 2 or crop.dtype != np.bool_:
                raise ValueError(
                    f"a crop must be (height, width) bool, not {crop.shape} {crop.dtype}"
                )
            if x < 0 or y < 0 or x + crop.shape[1] > width or y + crop.shape[0] > height:
                raise ValueError(
                    f"a crop of {crop.shape[1]}×{crop.shape[0]} pixels at {x}, {y} reaches beyond "
                    f"the picture of {width}×{height}"
                )

    @classmethod
    def of(cls, whole: Mask) -> Masks:
        """Masks of whole ones (N, height, width) bool, each cut to the pixels that it has. Raises ValueError: another shape."""
        if whole.ndim != 3:
            raise ValueError(f"masks must be (N, height, width), not {whole.shape}")
        parts = [_cut(mask) for mask in whole]
        corners = np.array([corner for _, corner in parts], np.int64).reshape(-1, 2)
        return cls(tuple(crop for crop, _ in parts), corners, (whole.shape[2], whole.shape[1]))

    @classmethod
    def concatenate(cls, parts: Sequence[Masks]) -> Masks:
        """The masks of all parts, at least one, in order.

        Raises ValueError: the parts are of pictures that differ in size.
        """
        sizes = {part.size for part in parts}
        if len(sizes) > 1:
            shown = " and ".join(f"{width}×{height}" for width, height in sorted(sizes))
            raise ValueError(f"masks of pictures of {shown} cannot be put together")
        crops = tuple(crop for part in parts for crop in part.crops)
        return cls(crops, np.concatenate([part.corners for part in parts]), parts[0].size)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, height, width) of the whole masks."""
        return len(self), self.size[1], self.size[0]

    @property
    def ndim(self) -> int:
        """3, of the whole masks."""
        return 3

    @property
    def dtype(self) -> np.dtype[np.bool_]:
        """bool."""
        return np.dtype(np.bool_)

    @property
    def nbytes(self) -> int:
        """Bytes of the crops."""
        return sum(crop.nbytes for crop in self.crops)

    @property
    def areas(self) -> Ints:
        """(N,) int64: the pixels of each object."""
        return np.array([np.count_nonzero(crop) for crop in self.crops], np.int64)

    def __len__(self) -> int:
        return len(self.crops)

    def __repr__(self) -> str:
        return f"<Masks: {len(self)} in a picture of {self.size[0]}×{self.size[1]}>"

    def __iter__(self) -> Iterator[Mask]:
        """Each whole mask, (height, width)."""
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> Mask: ...
    @overload
    def __getitem__(
        self, index: slice | Mask | NDArray[np.integer[Any]] | Sequence[int] | Sequence[bool]
    ) -> Masks: ...
    @overload
    def __getitem__(self, index: object) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._taken(self.crops[index], self.corners[index])
        if isinstance(index, list):
            index = np.asarray(index, None if index else np.int64)
        if isinstance(index, np.ndarray) and index.ndim == 1:
            rows = np.arange(len(self))[index]
            return self._taken(tuple(self.crops[i] for i in rows.tolist()), self.corners[rows])
        try:
            number = operator.index(index)
        except TypeError:
            return np.asarray(self)[index]
        whole = np.zeros(self.shape[1:], np.bool_)
        self.paste(number, whole, True)
        return whole

    def _taken(self, crops: tuple[Mask, ...], corners: Ints) -> Masks:
        """Some of these, which were checked before."""
        some = object.__new__(Masks)
        some.__dict__.update(crops=crops, corners=corners, size=self.size)
        return some

    def window(self, number: int) -> tuple[slice, slice]:
        """Where one object's crop lies: rows and columns of the picture."""
        x, y = self.corners[number].tolist()
        height, width = self.crops[number].shape
        return slice(y, y + height), slice(x, x + width)

    def paste(self, number: int, picture: Array, value: object) -> None:
        """Write ``value`` to one object's pixels of a picture (height, width, ...)."""
        picture[self.window(number)][self.crops[number]] = value

    def polygons(self, number: int) -> list[Ints]:
        """The outlines of one object's parts, each (M, 2) int64 x and y of pixels, M at least 1.

        Holes are left out.
        """
        import cv2

        # With a border: contours of parts that touch the crop's edge stay whole.
        crop = np.pad(self.crops[number], 1).astype(np.uint8)
        outlines, _ = cv2.findContours(crop, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        corner = self.corners[number] - 1
        return [outline.reshape(-1, 2).astype(np.int64) + corner for outline in outlines]

    def run_lengths(self, number: int) -> Ints:
        """COCO's run lengths (M,) int64 of one object; see ``types.run_lengths``."""
        x, y = self.corners[number].tolist()
        return run_lengths(self.crops[number], (x, y), self.size)

    def to_coco(self, number: int) -> dict[str, Any]:
        """One object as COCO's packed run lengths: ``{"size": [height, width], "counts": "…"}``."""
        width, height = self.size
        return {"size": [height, width], "counts": packed(self.run_lengths(number))}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All whole masks, (N, height, width). Raises ValueError where no copy may be made."""
        if copy is False:
            raise ValueError("whole masks are always made anew: they are kept as crops")
        whole = np.zeros(self.shape, np.bool_)
        for number in range(len(self)):
            self.paste(number, whole[number], True)
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: object, **kwargs: Any) -> Any:
        """Whatever NumPy does is done on whole masks; ``masks &= other`` gives an array."""
        if any(isinstance(out, Masks) for out in kwargs.get("out", ())):
            kwargs.pop("out")
        whole = [np.asarray(x) if isinstance(x, Masks) else x for x in inputs]
        return getattr(ufunc, method)(*whole, **kwargs)

    if not TYPE_CHECKING:  # what 0.1.0 gave was an array

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or not hasattr(np.ndarray, name):
                raise AttributeError(f"'Masks' object has no attribute {name!r}")
            return getattr(np.asarray(self), name)


def as_masks(masks: Masks | Array, boxes: Floats) -> Masks:
    """Masks of either form. Raises ValueError: there is not one for each box."""
    if masks.ndim != 3 or len(masks) != len(boxes):
        raise ValueError(
            f"masks must be ({len(boxes)}, height, width) like the boxes, not {masks.shape}"
        )
    return masks if isinstance(masks, Masks) else Masks.of(masks.astype(np.bool_, copy=False))


def _cut(mask: Mask) -> tuple[Mask, tuple[int, int]]:
    """The pixels (height, width) that a whole mask has, and x and y of their corner."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return np.zeros((0, 0), np.bool_), (0, 0)
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    return mask[top:bottom, left:right].copy(), (left, top)

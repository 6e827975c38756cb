"""What was found in parts of a picture, and what is known of the rest of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.geometry import common_areas, iou_matrix
from sightline.models.composites.joined_tiles import joined_tiles
from sightline.models.composites.mosaic import Patch, boxes_of
from sightline.models.composites.overlaps import areas
from sightline.models.composites.tiles import SEEN_PX
from sightline.models.postprocess.placed import moved, to_source
from sightline.types import Detections, Floats, Mask

_WITHIN = 0.8
"""A share of a box that must lie within one patch: else it is of two of them, and of nothing."""
_WHOLE = 0.95
"""A share of an object that a part must hold to have looked at it."""
_AT_BORDER = 0.02
"""A box that ends so near to the border of its part, a share of the part's side, is cut by it."""
_SAME = 0.5
"""Boxes are of one object that have such an intersection over union; and a cut box is a piece of a known
object where so much of it lies within."""
_MEANT = 0.3
"""A share of a cut box that lies within what was to be looked at."""


@dataclass(frozen=True)
class KnownObjects:
    """Objects of a stream's newest frame, and when each was looked at: (N,) stream seconds."""

    objects: Detections
    looked_at: Floats


@dataclass(frozen=True)
class SelectedRegions:
    """What is looked at in a frame.

    Args:
        time: of the frame, stream seconds.
        size: (width, height) of the frame.
        wanted: (N, 4) xyxy, what the patches were chosen for.
        patches: of the mosaic; none: there is no mosaic.
        mosaic: which detector sees the mosaic.
        whole: the whole picture is looked at, too, at this scale; None: it is not.
        anew: nothing that was known before counts any more.
    """

    time: float
    size: tuple[int, int]
    wanted: Floats
    patches: Sequence[Patch]
    mosaic: int
    whole: float | None
    anew: bool


def known_after(
    before: KnownObjects, looks: SelectedRegions, found: Sequence[Detections]
) -> KnownObjects:
    """What is known after a frame.

    An object that was known stays, unless a part has shown its place whole: then only what was found there
    counts.

    Args:
        before: what was known.
        looks: what was looked at.
        found: objects of the mosaic, in its pixels, and of the whole picture, as far as there are any.
    """
    if not found:
        return before
    if looks.anew and not looks.patches:
        return KnownObjects(found[0], np.full(len(found[0]), looks.time))
    parts = [patch.part for patch in looks.patches]
    pieces = _of_patches(looks, found[0]) if parts else []
    if looks.whole is not None:
        parts.append((0, 0, *looks.size))
        pieces.append(found[-1])
    shown = np.array(parts, np.float32)
    part_of = np.repeat(np.arange(len(parts)), [len(piece) for piece in pieces])
    new = joined_tiles(Detections.concatenate(pieces), part_of, shown)
    kept = ~_looked_at(before.objects.boxes, looks, shown)
    kept &= ~(iou_matrix(before.objects.boxes, new.boxes) > _SAME).any(axis=1)
    old = before.objects[kept]
    new = new[~_pieces_of_others(new.boxes, old.boxes, looks, shown[: len(looks.patches)])]
    return KnownObjects(
        Detections.concatenate((new, old)) if len(old) else new,
        np.concatenate((np.full(len(new), looks.time), before.looked_at[kept])),
    )


def _of_patches(looks: SelectedRegions, mosaic: Detections) -> list[Detections]:
    """The objects of each patch, in pixels of the picture."""
    common = common_areas(mosaic.boxes, boxes_of(looks.patches))
    within = common > _WITHIN * areas(mosaic.boxes)[:, None]
    pieces = []
    for number, patch in enumerate(looks.patches):
        own = mosaic[within[:, number]]
        placed = to_source(own, patch.spot, mosaic.class_names, mosaic.keypoint_names)
        pieces.append(moved(placed, patch.part[:2], looks.size))
    return pieces


def _looked_at(boxes: Floats, looks: SelectedRegions, shown: Floats) -> Mask:
    """Whose place was seen well: whole in a part, and not too small in the whole picture."""
    if looks.anew:
        return np.ones(len(boxes), np.bool_)
    parts = shown[: len(looks.patches)]
    held = common_areas(boxes, parts) >= _WHOLE * np.maximum(areas(boxes), 1)[:, None]
    seen: Mask = np.asarray(held.any(axis=1))
    if looks.whole is not None:
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
        np.logical_or(seen, sides * looks.whole >= SEEN_PX, out=seen)
    return seen


def _pieces_of_others(boxes: Floats, old: Floats, looks: SelectedRegions, parts: Floats) -> Mask:
    """Which boxes are only a piece of an object that reaches out of its part, and was not to be looked at."""
    if not len(parts):
        return np.zeros(len(boxes), np.bool_)
    edges = np.array((0, 0, *looks.size), np.float32)
    near = _AT_BORDER * np.tile(parts[:, 2:] - parts[:, :2], 2)
    ends = ((np.abs(boxes[:, None] - parts) <= near) & (parts != edges)).any(axis=2)
    area = np.maximum(areas(boxes), 1)[:, None]
    inside = common_areas(boxes, parts) > _WHOLE * area
    cut = (inside & ends).any(axis=1) & ~(inside & ~ends).any(axis=1)
    of_known = (common_areas(boxes, old) > _SAME * area).any(axis=1)
    wanted = (common_areas(boxes, looks.wanted) > _MEANT * area).any(axis=1)
    pieces: Mask = cut & (of_known | ~wanted)
    return pieces

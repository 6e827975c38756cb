"""Objects that were found in several tiles of a picture, each once and whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sightline.models.composites.overlaps import areas, clipped, overlapping_pairs
from sightline.models.postprocess.nms import best
from sightline.types import Detections, Floats, Ints, Mask, Masks

_AT_BORDER = 0.015
"""A box that ends so near to the border of its tile, a share of the tile's side, is cut by it."""


def joined_tiles(
    found: Detections, tile_of: Ints, tiles: Floats, *, threshold: float = 0.5
) -> Detections:
    """Objects that were found in overlapping tiles, each once; those that a border has cut are made whole.

    Two boxes are of one object where both tiles saw the same: cut to the area that the tiles have in common,
    they overlap. A box that the border of its tile has cut also goes with a whole one that holds most of it
    there. Non-maximum merging takes the overlap of whatever boxes instead, and so joins a child with its
    mother, and leaves the two ends of a bus.

    Args:
        found: objects of one picture, in its pixels.
        tile_of: (N,) the tile that each was found in. Those of one tile are different objects.
        tiles: (T, 4) xyxy; one may be the whole picture.
        threshold: share of the common area of both, or of the cut one.

    Returns the objects, best first. Each has the box of its best part that no border has cut, with its mask and
    keypoints; else the box around its parts, and the mask of all of them. Its score is the highest.
    """
    if not len(found):
        return found
    boxes, tile = found.boxes, tiles[tile_of]
    cut = _cut_by_tiles(boxes, tile, tiles)
    a, b, _ = overlapping_pairs(boxes, found.class_ids)
    several = tile_of[a] != tile_of[b]
    a, b = a[several], b[several]
    both_see = clipped(tile[a], tile[b])
    one, other = clipped(boxes[a], both_see), clipped(boxes[b], both_see)
    common = areas(clipped(one, other))
    # A cut box has to lie within the whole one; of two others, both have to lie within the other.
    whole = areas(one) + areas(other) - common
    whole[cut[a] & ~cut[b]] = areas(one)[cut[a] & ~cut[b]]
    whole[cut[b] & ~cut[a]] = areas(other)[cut[b] & ~cut[a]]
    share = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    alike = np.flatnonzero(share >= threshold)
    alike = alike[np.argsort(-share[alike], kind="stable")]
    others = _neighbours(a[alike], b[alike])
    joined = _joined_parts(found, others, tile_of.tolist(), cut)
    return best(joined, len(joined))


def _joined_parts(
    found: Detections, others: Mapping[int, list[int]], tile_of: Sequence[int], cut: Mask
) -> Detections:
    """Each object once: see ``joined_tiles``. ``others`` are the parts that look alike, the likest first."""
    scores, boxes = found.scores.copy(), found.boxes.copy()
    crops = [] if found.masks is None else list(found.masks.crops)
    corners = None if found.masks is None else found.masks.corners.copy()
    kept = []
    taken = set[int]()
    for first in np.lexsort((-scores, cut)).tolist():  # what is whole gathers its parts
        if first in taken:
            continue
        parts, seen_in = [first], {tile_of[first]}
        for part in parts:  # it grows: what is cut reaches on into further tiles
            if part != first and not cut[part]:
                continue
            for other in others.get(part, ()):
                if (
                    other in taken
                    or other in parts
                    or (tile_of[other] in seen_in and not cut[other])
                ):
                    continue
                seen_in.add(tile_of[other])
                parts.append(other)
        taken.update(parts)
        if cut[first]:
            members = boxes[parts]
            boxes[first] = (*members[:, :2].min(axis=0), *members[:, 2:].max(axis=0))
            if found.masks is not None and corners is not None:
                crops[first], corners[first] = _united(found.masks, parts)
        scores[first] = scores[parts].max()
        kept.append(first)
    masks = found.masks
    if masks is not None and corners is not None:
        masks = Masks(tuple(crops), corners, masks.size)
    return replace(found, boxes=boxes, scores=scores, masks=masks)[np.array(kept, np.int64)]


def _united(masks: Masks, rows: Sequence[int]) -> tuple[Mask, Ints]:
    """One mask of several, as a crop and its corner: the pixels of all of them."""
    shapes = np.array([masks.crops[row].shape[::-1] for row in rows], np.int64)
    low = masks.corners[rows].min(axis=0)
    width, height = ((masks.corners[rows] + shapes).max(axis=0) - low).tolist()
    crop = np.zeros((height, width), np.bool_)
    for row in rows:
        (x, y), part = (masks.corners[row] - low).tolist(), masks.crops[row]
        crop[y : y + part.shape[0], x : x + part.shape[1]] |= part
    return crop, low


def _neighbours(a: Ints, b: Ints) -> dict[int, list[int]]:
    """For each row, those that pairs of rows join it with, in the order of the pairs."""
    others: dict[int, list[int]] = {}
    for one, other in zip(a.tolist(), b.tolist(), strict=True):
        others.setdefault(one, []).append(other)
        others.setdefault(other, []).append(one)
    return others


def _cut_by_tiles(boxes: Floats, tile: Floats, tiles: Floats) -> Mask:
    """Which boxes (N, 4) end where their tile (N, 4) does, and the picture goes on."""
    edges = np.concatenate((tiles[:, :2].min(axis=0), tiles[:, 2:].max(axis=0)))
    near = np.tile(_AT_BORDER * (tile[:, 2:] - tile[:, :2]), 2)
    ends: Mask = ((np.abs(boxes - tile) <= near) & (tile != edges)).any(axis=1)
    return ends

"""A mask for each object of a list: Mask R-CNN of torchvision and MMDetection, RTMDet-Ins.

One output more, (N, K, h, w) or, without a batch, (K, 1, h, w) or (K, h, w): probabilities over the
object's box, 28 × 28 in most models, or over the whole input where h and w are its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sightline.models.decoders.kept_lists import kept_lists, kept_rows
from sightline.models.decoders.roles import Shape, fits
from sightline.models.postprocess.unplaced_masks import BoxMasks, PlaneMasks
from sightline.types import Detections, Fit, Floats, Masks, TensorSpec

_LARGEST_GRID = 64
"""Pixels of a side: masks over a box are no larger than this, and no canvas is as small."""


def with_masks(fit: Fit, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit:
    """The fit, with the one output that has masks behind the others where there is one."""
    lead = outputs[fit.outputs[0]].shape[:-1]
    able = [
        i for i, o in enumerate(outputs) if i not in fit.outputs and _masks(o.shape, lead, canvas)
    ]
    if len(able) != 1:
        return fit
    return replace(fit, outputs=(*fit.outputs, able[0]), task="segment")


def masked_objects(
    lists: Sequence[Floats], masks: Sequence[Floats], canvas: tuple[int, int], conf: float
) -> list[Detections]:
    """The objects of each picture above ``conf``, with their masks where ``masks`` has an array."""
    if not masks:
        return [Detections(*objects) for objects in kept_lists(lists, conf)]
    width, height = masks[0].shape[-1], masks[0].shape[-2]
    count = lists[0].shape[-2]
    pictures = masks[0].reshape(-1, count, height, width) if count else [masks[0]]
    found = []
    for (boxes, scores, class_ids, kept), planes in zip(
        kept_rows(lists, conf), pictures, strict=True
    ):
        if not len(boxes):
            found.append(Detections.empty())
            continue
        chosen = planes[np.flatnonzero(kept)]
        made: Masks = (
            BoxMasks(chosen, boxes, canvas)
            if max(width, height) <= _LARGEST_GRID
            else PlaneMasks(chosen, boxes, canvas)
        )
        found.append(Detections(boxes, scores, class_ids, masks=made))
    return found


def _masks(shape: Shape, lead: Shape, canvas: tuple[int, int]) -> bool:
    """Whether a shape can be that of masks of objects whose lists begin with the axes ``lead``."""
    middles = ((), (1,))
    if not any(fits(shape[:-2], (*lead, *middle)) for middle in middles) or len(shape) < 3:
        return False
    height, width = shape[-2:]
    whole = fits((height, width), canvas[::-1])
    grid = None not in {height, width} and max(height or 0, width or 0) <= _LARGEST_GRID
    return whole or grid

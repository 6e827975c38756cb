"""Objects that several models found, each once: weighted boxes fusion, NMS, Soft-NMS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sightline.models.composites.box_clusters import clusters
from sightline.models.composites.overlaps import Reals, areas, overlapping_pairs
from sightline.models.postprocess.nms import best, suppress
from sightline.types import Detections, Floats, Ints

SIGMA = 0.5
"""Sigma of Soft-NMS: how gently it lowers the scores of boxes that overlap a better one."""

LEAST_SCORE = 0.001
"""Soft-NMS drops boxes whose score it has lowered below this."""


def weighted_boxes(
    parts: Sequence[Detections], weights: Sequence[float], *, iou: float = 0.55, votes: int = 1
) -> Detections:
    """Weighted Boxes Fusion (Solovyev, Wang and Gabruseva 2021): boxes of one object are averaged.

    Boxes of a class, best first, join the fused box that they overlap most. A fused box is the mean of its
    members, weighted by score and model. Its score is their mean, less where not all models found it:
    by the paper's equation 6, as the authors' program has it.

    Args:
        parts: what each model found, with the same class names.
        weights: how much each model counts.
        iou: boxes that overlap by more are of one object.
        votes: so many models must have found an object.

    Returns the fused objects, best first. Masks, keypoints and angles are those of the best member; a
    turned box is that member's too. What only some models know (masks, say) is left out.
    """
    found, model = _together(parts)
    weighted = found.scores * np.array(weights, np.float32)[model]
    order = np.argsort(-weighted, kind="stable")
    boxes, counted = found.boxes[order].astype(np.float64), weighted[order].astype(np.float64)
    first_of = clusters(boxes, counted, found.class_ids[order], iou)
    begins = first_of == np.arange(len(boxes))
    first, member = np.flatnonzero(begins), (np.cumsum(begins) - 1)[first_of]
    count, sums = np.bincount(member), np.bincount(member, counted)
    scores = sums / count * np.minimum(len(parts), count) / float(sum(weights))
    whole = np.where(sums > 0, sums, 1)
    means = np.stack([np.bincount(member, counted * side) / whole for side in boxes.T], axis=1)
    kept = np.argsort(-scores, kind="stable")
    if votes > 1:
        kept = kept[_models(member, model[order], len(parts))[kept] >= votes]
    fused = found[order[first[kept]]]
    averaged = np.where(sums[kept, None] > 0, means[kept], fused.boxes).astype(np.float32)
    return replace(
        fused,
        scores=scores[kept].astype(np.float32),
        boxes=averaged if fused.angles is None else fused.boxes,
    )


def suppressed(
    parts: Sequence[Detections], weights: Sequence[float], *, iou: float = 0.5, votes: int = 1
) -> Detections:
    """NMS over what several models found; best first. Weights lower the scores of models that count less.

    Arguments as of ``weighted_boxes``.
    """
    found, model = _weighted(parts, weights)
    if votes > 1:
        found = found[_votes(found, iou, model) >= votes]
    return suppress(found, iou, agnostic=False, limit=len(found))


def softly_suppressed(
    parts: Sequence[Detections],
    weights: Sequence[float],
    *,
    iou: float = 0.5,
    votes: int = 1,
    linear: bool = False,
    sigma: float = SIGMA,
) -> Detections:
    """Soft-NMS (Bodla et al. 2017): a box that overlaps a better one is doubted, not dropped.

    Its score is multiplied by exp(-overlap² / ``sigma``); with ``linear``, by 1 - overlap where that is more
    than ``iou``. Arguments else as of ``weighted_boxes``; best first.
    """
    found, model = _weighted(parts, weights)
    pairs = overlapping_pairs(found.boxes, found.class_ids)
    shared = pairs.shares(areas(found.boxes.astype(np.float64)))
    keeps = np.where(shared > iou, 1 - shared, 1.0) if linear else np.exp(-(shared**2) / sigma)
    scores = _doubted(found.scores, pairs.a, pairs.b, keeps)
    found = replace(found, scores=scores.astype(np.float32))
    keep = scores >= LEAST_SCORE
    if votes > 1:
        keep &= _votes(found, iou, model) >= votes
    found = found[keep]
    return best(found, len(found))


def _together(parts: Sequence[Detections]) -> tuple[Detections, Ints]:
    """All objects, and the number of the part (N,) that each is from."""
    full = [part for part in parts if len(part)]
    if _only_some([part.masks for part in full]):
        full = [replace(part, masks=None) for part in full]
    if _only_some([part.keypoints for part in full]):
        full = [replace(part, keypoints=None) for part in full]
    if _only_some([part.angles for part in full]):
        full = [replace(part, angles=None) for part in full]
    model = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return (Detections.concatenate(full) if full else parts[0]), model


def _only_some(fields: Sequence[object]) -> bool:
    known = [field is not None for field in fields]
    return any(known) and not all(known)


def _weighted(parts: Sequence[Detections], weights: Sequence[float]) -> tuple[Detections, Ints]:
    """As ``_together``; scores count less the less their model does."""
    found, model = _together(parts)
    shares = np.array(weights, np.float32) / np.float32(max(weights))
    return replace(found, scores=found.scores * shares[model]), model


def _doubted(scores: Floats, a: Ints, b: Ints, keeps: Reals) -> Reals:
    """Scores of boxes, each multiplied by what the better ones that it overlaps leave of it.

    Args:
        scores: (N,) of the boxes.
        a, b: (M,) pairs of them that overlap.
        keeps: (M,) what is left of the worse one's score.
    """
    left = scores.astype(np.float64)
    while len(a):
        # A box that no other one is better than has its score: those that it overlaps can only lose.
        swap = (left[a] < left[b]) | ((left[a] == left[b]) & (a > b))
        a, b = np.where(swap, b, a), np.where(swap, a, b)
        doubtful = np.zeros(len(left), np.bool_)
        doubtful[b] = True
        sure = ~doubtful[a]
        np.multiply.at(left, b[sure], keeps[sure])
        a, b, keeps = a[~sure], b[~sure], keeps[~sure]
    return left


def _models(member: Ints, model: Ints, models: int) -> Ints:
    """How many models found each object, of what its boxes' members and models (N,) are."""
    seen = np.unique(member * models + model) // models
    return np.bincount(seen)


def _votes(found: Detections, iou: float, model: Ints) -> Ints:
    """How many models (N,) found each object, a box being their witness that overlaps it by ``iou``."""
    pairs = overlapping_pairs(found.boxes, found.class_ids)
    near = pairs.shares(areas(found.boxes.astype(np.float64))) >= iou
    a, b = pairs.a[near], pairs.b[near]
    bits = [1 << number for number in model.tolist()]
    seen = list(bits)
    for one, other in zip(a.tolist(), b.tolist(), strict=True):
        seen[one] |= bits[other]
        seen[other] |= bits[one]
    return np.array([each.bit_count() for each in seen], np.int64)

"""What the detector is taught: task-aligned assignment, cross-entropy, CIoU, distributions of sides.

Feng et al. 2021, "TOOD" (arXiv 2108.07755): the cells that answer for an object are those that
already score its class and overlap it best, and the score they learn is how well they fit it.
Zheng et al. 2020, "Distance-IoU Loss" (arXiv 1911.08287): CIoU.
Li et al. 2020, "Generalized Focal Loss" (arXiv 2006.04388): the two bins beside a side's distance
are taught in proportion to how near they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from model import BINS, Raw
from torch import Tensor
from torch.nn import functional

NEAREST = 5.0
"""Cells answer for objects whose middle lies at least this near (pixels), however small they are."""


@dataclass(frozen=True)
class Targets:
    """Objects of B pictures, padded to M each.

    ``boxes`` (B, M, 4) xyxy in pixels, ``classes`` (B, M) int64, ``taught`` and ``ignored``
    (B, M) bool; of padding both are False.
    """

    boxes: Tensor
    classes: Tensor
    taught: Tensor
    ignored: Tensor

    @classmethod
    def of(cls, count: int, owner: Tensor, boxes: Tensor, classes: Tensor, skip: Tensor) -> Targets:
        """From objects one after another, ``owner`` (N,) sorted; see ``data.Batch``."""
        amounts = torch.bincount(owner, minlength=count)
        column = torch.arange(len(owner)) - (amounts.cumsum(0) - amounts)[owner]
        most = max(1, int(amounts.max()))
        padded = cls(
            torch.zeros(count, most, 4),
            torch.zeros(count, most, dtype=torch.int64),
            torch.zeros(count, most, dtype=torch.bool),
            torch.zeros(count, most, dtype=torch.bool),
        )
        padded.boxes[owner, column] = boxes
        padded.classes[owner, column] = classes
        padded.taught[owner, column] = ~skip
        padded.ignored[owner, column] = skip
        return padded


@dataclass(frozen=True)
class Losses:
    """Parts of the loss, scalars with gradients, and the number of cells that answer."""

    total: Tensor
    kind: Tensor
    box: Tensor
    side: Tensor
    positives: int

    @property
    def parts(self) -> dict[str, float]:
        """What the log shows."""
        return {
            "class": float(self.kind), "box": float(self.box), "side": float(self.side),
            "cells": self.positives,
        }  # fmt: skip


class DetectionLoss:
    """Args: ``middles`` (A, 2) and ``strides`` (A,) pixels, ``topk`` cells per object.

    See ``model.centres``.
    """

    def __init__(
        self, middles: Tensor, strides: Tensor, *, topk: int = 10, alpha: float = 0.5,
        beta: float = 4.0, box_weight: float = 7.5, side_weight: float = 1.5,
    ) -> None:  # fmt: skip
        self._middles, self._strides, self._topk = middles, strides, topk
        self._alpha, self._beta = alpha, beta
        self._box_weight, self._side_weight = box_weight, side_weight

    def __call__(self, raw: Raw, targets: Targets) -> Losses:
        """What one batch costs."""
        boxes, logits = corners(raw.boxes.float()), raw.logits.float()
        with torch.no_grad():
            owner, quality = self.assign(boxes, logits.sigmoid(), targets)
            wanted = torch.zeros_like(logits)
            picture, cell = torch.nonzero(owner >= 0, as_tuple=True)
            mine = owner[picture, cell]
            kinds = targets.classes[picture, mine]
            wanted[picture, cell, kinds] = quality[picture, cell]
            counted = ~self._within(targets.ignored, targets.boxes).any(1) | (owner >= 0)
            norm = wanted.sum().clamp(min=1.0)
        kind = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        kind = (kind.sum(2) * counted).sum() / norm
        weight, truth = wanted[picture, cell, kinds], targets.boxes[picture, mine]
        box = ((1 - ciou(boxes[picture, cell], truth)) * weight).sum() / norm
        side = self._sides(raw.sides[picture, cell].float(), truth, cell)
        side = (side.mean(1) * weight).sum() / norm
        total = kind + self._box_weight * box + self._side_weight * side
        return Losses(total, kind.detach(), box.detach(), side.detach(), len(mine))

    def _sides(self, logits: Tensor, truth: Tensor, cell: Tensor) -> Tensor:
        """(P, 4): what the distributions (P, 4, BINS) of the sides of boxes (P, 4) cost."""
        middle = self._middles[cell]
        distances = torch.cat([middle - truth[:, :2], truth[:, 2:] - middle], 1)
        distances = (distances / self._strides[cell, None]).clamp(0, BINS - 1.01)
        low = distances.long()
        far = distances - low
        chances = logits.log_softmax(2)
        below = chances.gather(2, low[..., None])[..., 0]
        above = chances.gather(2, low[..., None] + 1)[..., 0]
        return -(below * (1 - far) + above * far)

    def _within(self, chosen: Tensor, boxes: Tensor, least: float = 0.0) -> Tensor:
        """(B, M, A): cells whose middle lies within a chosen box, or within ``least`` of it."""
        middle = (boxes[..., :2] + boxes[..., 2:]) / 2
        reach = ((boxes[..., 2:] - boxes[..., :2]) / 2).clamp(min=least) * chosen[..., None]
        low, high = (middle - reach)[..., None], (middle + reach)[..., None]
        x, y = self._middles.T
        across = (x > low[:, :, 0]) & (x < high[:, :, 0])
        return across & (y > low[:, :, 1]) & (y < high[:, :, 1])

    def assign(self, boxes: Tensor, scores: Tensor, targets: Targets) -> tuple[Tensor, Tensor]:
        """The object (B, A) of each cell, -1 for none, and the score (B, A) it should have.

        Args: ``boxes`` (B, A, 4) xyxy in pixels and ``scores`` (B, A, classes) that were found.
        """
        inside = self._within(targets.taught, targets.boxes, NEAREST)
        picture, number, cell = pairs = torch.nonzero(inside, as_tuple=True)
        overlaps = iou(targets.boxes[picture, number], boxes[picture, cell])
        score = scores[picture, cell, targets.classes[picture, number]]
        fit, rank = boxes.new_zeros(2, *inside.shape)
        # A cell far from learnt yet still competes, so nothing that lies within is quite zero.
        fit[pairs] = score**self._alpha * overlaps**self._beta + 1e-12
        rank[pairs] = overlaps + 1e-6
        best = fit.topk(min(self._topk, fit.shape[2]), dim=2).indices
        chosen = torch.zeros_like(inside).scatter_(2, best, True)
        # A cell answers for one object: the one that it overlaps best.
        top, owner = (rank * chosen).max(1)
        taken = top > 0
        mine = fit.gather(1, owner[:, None])[:, 0] * taken
        shape = targets.classes.shape
        most = mine.new_zeros(shape).scatter_reduce_(1, owner, mine, "amax")
        reach = mine.new_zeros(shape).scatter_reduce_(1, owner, top * taken, "amax")
        quality = mine / most.gather(1, owner).clamp(min=1e-12) * reach.gather(1, owner)
        return torch.where(taken, owner, -1), quality


def corners(boxes: Tensor) -> Tensor:
    """Boxes xyxy of boxes cx cy w h (…, 4)."""
    middle, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([middle - half, middle + half], -1)


def _overlaps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection and union of boxes xyxy (…, 4), which may be broadcast."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1)
    return shared, areas - shared + 1e-7


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes xyxy (…, 4), which may be broadcast."""
    shared, union = _overlaps(a, b)
    return shared / union


def ciou(a: Tensor, b: Tensor) -> Tensor:
    """Complete IoU of boxes xyxy (N, 4), row by row: from -1.5 to 1."""
    overlap = iou(a, b)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    apart = ((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) ** 2).sum(1) / 4
    sides_a, sides_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    slant = torch.atan(sides_b[:, 0] / sides_b[:, 1]) - torch.atan(sides_a[:, 0] / sides_a[:, 1])
    shape = 4 / math.pi**2 * slant**2
    with torch.no_grad():
        weight = shape / (1 - overlap + shape + 1e-7)
    return overlap - apart / ((hull**2).sum(1) + 1e-7) - weight * shape

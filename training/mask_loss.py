"""What masks are taught: at points drawn in and around each object, cross-entropy and overlap.

Points are drawn in a grid over the object's box, so that small objects count as much as large ones,
and prototypes are interpolated there as ``sightline.models.postprocess`` does it. Milletari et al.
2016, "V-Net" (arXiv 1606.04797): the overlap of soft masks (Dice).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from loss import DetectionLoss, Targets, corners
from torch import Tensor
from torch.nn import functional

GRID = 24
"""Points across and down an object."""
AROUND = 0.1
"""Of the box's sides, and a pixel more: so far beyond it there are points, as a found box may be larger."""
OVERLAP_WEIGHT = 3.0
"""Cross-entropy alone leaves out what is thin: it is more often wrong than right about it."""


@dataclass(frozen=True)
class MaskLosses:
    """Parts of the loss, scalars with gradients, and the number of masks that were made."""

    total: Tensor
    entropy: Tensor
    overlap: Tensor
    masks: int

    @property
    def parts(self) -> dict[str, float]:
        """What the log shows."""
        return {"entropy": float(self.entropy), "dice": float(self.overlap), "masks": self.masks}


class MaskLoss:
    """Args: ``middles`` and ``strides`` (see ``model.centres``), ``cells`` that answer for an object."""

    def __init__(self, middles: Tensor, strides: Tensor, cells: int = 3) -> None:
        self._assignment = DetectionLoss(middles, strides, topk=cells)

    def __call__(
        self, found: Tensor, prototypes: Tensor, targets: Targets, maps: Tensor
    ) -> MaskLosses:
        """What one batch costs.

        Args:
            found, prototypes: what a ``StreetSegmenter`` gives.
            maps: (B, H, W), see ``data.Batch``.
        """
        count = prototypes.shape[1]
        rows = found.transpose(1, 2)
        boxes, scores, coefficients = rows.split((4, rows.shape[2] - 4 - count, count), 2)
        with torch.no_grad():
            owner, _ = self._assignment.assign(corners(boxes.float()), scores.float(), targets)
        logits, wanted, kinds = [], [], []
        for picture, mine in enumerate(owner):
            cells = torch.nonzero(mine >= 0)[:, 0]
            if len(cells):
                objects, places = mine[cells].unique(return_inverse=True)
                points = self._points(targets.boxes[picture, objects], maps.shape[1:])
                values = sampled(prototypes[picture].float(), points, maps.shape[1:])
                told = coefficients[picture, cells].float()
                logits.append(torch.einsum("cm,mcp->cp", told, values[:, places]))
                x, y = points.long().unbind(2)
                wanted.append((maps[picture, y, x] == objects[:, None] + 1)[places])
                kinds.append(targets.classes[picture, objects][places])
        if not logits:
            nothing = (found.sum() + prototypes.sum()) * 0
            return MaskLosses(nothing, nothing.detach(), nothing.detach(), 0)
        made, right = torch.cat(logits), torch.cat(wanted).float()
        weights = _weights(torch.cat(kinds))
        entropy = functional.binary_cross_entropy_with_logits(made, right, reduction="none")
        entropy = (entropy.mean(1) * weights).sum()
        soft = made.sigmoid()
        shared = (soft * right).sum(1)
        overlap = 1 - ((2 * shared + 1) / (soft.sum(1) + right.sum(1) + 1) * weights).sum()
        total = entropy + OVERLAP_WEIGHT * overlap
        return MaskLosses(total, entropy.detach(), overlap.detach(), len(made))

    def _points(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """(N, GRID², 2) x, y in pixels, one drawn in each cell of a grid over and around each box."""
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        beyond = (high - low) * AROUND + 1
        steps = torch.arange(GRID, device=boxes.device)
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        grid = torch.stack([x, y], 2).reshape(1, -1, 2)
        share = (grid + torch.rand(len(boxes), GRID * GRID, 2, device=boxes.device)) / GRID
        points = low - beyond + share * (high - low + 2 * beyond)
        edge = points.new_tensor((size[1], size[0])) - 0.01
        return torch.minimum(points.clamp(min=0), edge)


def _weights(kinds: Tensor) -> Tensor:
    """The share (N,) of each mask in the loss, by its class: a class counts with the root of its number."""
    weights = kinds.bincount()[kinds].float().rsqrt()
    return weights / weights.sum()


def sampled(planes: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """(M, N, P): planes (M, h, w) of a picture of ``size`` (height, width) at points (N, P, 2) x, y."""
    places = points / points.new_tensor((size[1], size[0])) * 2 - 1
    return functional.grid_sample(
        planes[None], places[None], mode="bilinear", padding_mode="border", align_corners=False
    )[0]

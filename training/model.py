"""The street detector: a small convolutional network without anchors.

Made for processors with matrix units: plain 3×3 convolutions, ReLU, channels in sixteens, few
layers. Most objects are small, so that most of the work is done at strides 4 and 8. Three levels
(strides 8, 16, 32) exchange what they know up and down by addition; each has one branch for
classes and one for boxes (Ge et al. 2021, YOLOX). A side of a box is the mean of a distribution
over distances from the cell's middle (Li et al. 2020, "Generalized Focal Loss", arXiv 2006.04388).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

STRIDES = (8, 16, 32)
BINS = 16
"""Distances 0, 1 … 15 strides, over which a side of a box is spread."""
_RARE = math.log(0.01 / 0.99)  # objects are rare at first (Lin et al. 2017, focal loss)


class Conv(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, after, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(after, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True),
        )


class Block(nn.Module):
    """Two convolutions through half the channels, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Conv(channels, channels // 2), Conv(channels // 2, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Surroundings(nn.Module):
    """Pooling over 5, 9 and 13 cells, so that large things are seen whole (SPPF)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = Conv(channels, channels // 3, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.join = Conv(4 * (channels // 3), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = [self.narrow(x)]
        for _ in range(3):
            pooled.append(self.pool(pooled[-1]))
        return self.join(torch.cat(pooled, 1))


class Head(nn.Module):
    """Distances (4 × BINS) and class logits of one level."""

    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        self.kind = nn.Sequential(Conv(channels, width), nn.Conv2d(width, classes, 1))
        self.box = nn.Sequential(
            Conv(channels, width), Conv(width, width), nn.Conv2d(width, 4 * BINS, 1)
        )
        nn.init.constant_(self.kind[1].bias, _RARE)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.box(x), self.kind(x)


@dataclass(frozen=True)
class Raw:
    """What training sees of all A cells, strides 8, 16, 32 one after another, rows before columns.

    ``sides`` (N, A, 4, BINS): logits of the distances to left, top, right and bottom, in strides;
    ``boxes`` (N, A, 4): their means, cx cy w h in pixels; ``logits`` (N, A, classes).
    """

    sides: Tensor
    boxes: Tensor
    logits: Tensor


class StreetDetector(nn.Module):
    """Pictures (N, 3, H, W), RGB from 0 to 1, sides multiples of 32.

    In training ``forward`` gives ``Raw``, in evaluation (N, 4 + classes, A): boxes cx cy w h in
    pixels and scores from 0 to 1, the layout of YOLOv8.
    """

    def __init__(
        self, classes: int = 6, neck: int = 48, head: int = 48, width: float = 1.0
    ) -> None:
        """``width`` multiplies the channels of the backbone: a small network is taught in minutes."""
        super().__init__()
        c2, c4, c8, c16 = (round(width * channels) for channels in (16, 32, 64, 96))
        self.to4 = nn.Sequential(Conv(3, c2, 3, 2), Conv(c2, c4, 3, 2), Block(c4))
        self.to8 = nn.Sequential(Conv(c4, c8, 3, 2), Block(c8), Block(c8))
        self.to16 = nn.Sequential(Conv(c8, c16, 3, 2), Block(c16), Block(c16), Block(c16))
        self.to32 = nn.Sequential(Conv(c16, c16, 3, 2), Block(c16), Surroundings(c16))
        self.sides = nn.ModuleList(Conv(c, neck, 1) for c in (c8, c16, c16))
        self.up = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.fine = nn.ModuleList([Block(neck), nn.Sequential(Block(neck), Block(neck))])
        self.down = nn.ModuleList([Conv(neck, neck, 3, 2), Conv(neck, neck, 3, 2)])
        self.coarse = nn.ModuleList([Block(neck), Block(neck)])
        self.heads = nn.ModuleList(Head(neck, head, classes) for _ in STRIDES)

    def forward(self, pictures: Tensor) -> Tensor | Raw:
        return self.found(self.levels(self.to4(pictures)))

    def raw(self, pictures: Tensor) -> Raw:
        """What ``forward`` gives in training, also in evaluation."""
        return self._raw(self.levels(self.to4(pictures)))

    def found(self, levels: Sequence[Tensor]) -> Tensor | Raw:
        """What ``forward`` gives, of the three levels that ``levels`` gives."""
        if self.training:
            return self._raw(levels)
        _, boxes, logits = self._every(levels)
        return torch.cat([boxes, logits.sigmoid()], 1)

    def _raw(self, levels: Sequence[Tensor]) -> Raw:
        sides, boxes, logits = self._every(levels)
        spread = sides.transpose(1, 2).unflatten(2, (4, BINS))
        return Raw(spread, boxes.transpose(1, 2), logits.transpose(1, 2))

    def _every(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Of all cells, one after another: logits of the sides, boxes, logits of the classes."""
        every, boxes, logits = [], [], []
        for stride, head, level in zip(STRIDES, self.heads, levels, strict=True):
            sides, kinds = head(level)
            boxes.append(_boxes(sides, stride))
            every.append(sides.flatten(2))
            logits.append(kinds.flatten(2))
        return torch.cat(every, 2), torch.cat(boxes, 2), torch.cat(logits, 2)

    def levels(self, c4: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (N, neck, h, w) at strides 8, 16 and 32, of those that ``to4`` gives."""
        c8 = self.to8(c4)
        c16 = self.to16(c8)
        p8, p16, p32 = (s(c) for s, c in zip(self.sides, (c8, c16, self.to32(c16)), strict=True))
        p16 = self.fine[0](p16 + self.up(p32))
        p8 = self.fine[1](p8 + self.up(p16))
        p16 = self.coarse[0](p16 + self.down[0](p8))
        p32 = self.coarse[1](p32 + self.down[1](p16))
        return p8, p16, p32


def _boxes(raw: Tensor, stride: int) -> Tensor:
    """(N, 4, cells) cx cy w h in pixels from the logits (N, 4 × BINS, h, w) of the four sides."""
    raw = raw.float()
    steps = torch.arange(BINS, dtype=torch.float32, device=raw.device).reshape(1, BINS, 1, 1)
    # Side by side, without a fifth axis: so the exported graph has shapes that can be inferred.
    left, top, right, bottom = (
        (side.softmax(1) * steps).sum(1, keepdim=True) for side in raw.chunk(4, 1)
    )
    # From running sums instead of a stored grid: so the exported graph takes any size.
    ones = torch.ones_like(raw[:, :1])
    x, y = ones.cumsum(3) - 0.5, ones.cumsum(2) - 0.5
    middle = [x + (right - left) / 2, y + (bottom - top) / 2]
    return (torch.cat([*middle, left + right, top + bottom], 1) * stride).flatten(2)


def centres(width: int, height: int) -> tuple[Tensor, Tensor]:
    """Middles (A, 2) of all cells in pixels, and their strides (A,)."""
    points, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
        )
        points.append((torch.stack([x, y], 2).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((len(points[-1]),), float(stride)))
    return torch.cat(points), torch.cat(strides)

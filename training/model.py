"""The street detector: a small convolutional network without anchors.

Made for processors with matrix units: plain 3×3 convolutions, ReLU, channels in sixteens, few
layers. Most objects are small, so that most of the work is done at strides 4 and 8. Three levels
(strides 8, 16, 32) exchange what they know up and down by addition; each has one branch for
classes and one for boxes (Ge et al. 2021, YOLOX).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

STRIDES = (8, 16, 32)
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
    """Class logits and box terms of one level."""

    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        self.kind = nn.Sequential(Conv(channels, width), nn.Conv2d(width, classes, 1))
        self.box = nn.Sequential(Conv(channels, width), nn.Conv2d(width, 4, 1))
        nn.init.constant_(self.kind[1].bias, _RARE)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.box(x), self.kind(x)], 1)


class StreetDetector(nn.Module):
    """Pictures (N, 3, H, W), RGB from 0 to 1, sides multiples of 32.

    In training ``forward`` gives boxes (N, A, 4), cx cy w h in pixels, and class logits
    (N, A, classes), A over the strides 8, 16 and 32 and rows before columns. In evaluation it gives
    (N, 4 + classes, A) with scores from 0 to 1, the layout of YOLOv8.
    """

    def __init__(self, classes: int = 6, neck: int = 48, head: int = 32) -> None:
        super().__init__()
        self.to4 = nn.Sequential(Conv(3, 16, 3, 2), Conv(16, 32, 3, 2), Block(32))
        self.to8 = nn.Sequential(Conv(32, 64, 3, 2), Block(64))
        self.to16 = nn.Sequential(Conv(64, 96, 3, 2), Block(96))
        self.to32 = nn.Sequential(Conv(96, 96, 3, 2), Block(96), Surroundings(96))
        self.sides = nn.ModuleList(Conv(c, neck, 1) for c in (64, 96, 96))
        self.up = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.fine = nn.ModuleList([Block(neck), Block(neck)])
        self.down = nn.ModuleList([Conv(neck, neck, 3, 2), Conv(neck, neck, 3, 2)])
        self.coarse = nn.ModuleList([Block(neck), Block(neck)])
        self.heads = nn.ModuleList(Head(neck, head, classes) for _ in STRIDES)

    def forward(self, pictures: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        boxes, logits = [], []
        for stride, head, level in zip(STRIDES, self.heads, self._levels(pictures), strict=True):
            raw = head(level)
            boxes.append(_boxes(raw[:, :4], stride))
            logits.append(raw[:, 4:].flatten(2))
        if self.training:
            return torch.cat(boxes, 2).transpose(1, 2), torch.cat(logits, 2).transpose(1, 2)
        return torch.cat([torch.cat(boxes, 2), torch.cat(logits, 2).sigmoid()], 1)

    def _levels(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        c8 = self.to8(self.to4(x))
        c16 = self.to16(c8)
        p8, p16, p32 = (s(c) for s, c in zip(self.sides, (c8, c16, self.to32(c16)), strict=True))
        p16 = self.fine[0](p16 + self.up(p32))
        p8 = self.fine[1](p8 + self.up(p16))
        p16 = self.coarse[0](p16 + self.down[0](p8))
        p32 = self.coarse[1](p32 + self.down[1](p16))
        return p8, p16, p32


def _boxes(raw: Tensor, stride: int) -> Tensor:
    """(N, 4, cells) cx cy w h in pixels: an offset from the cell's middle, and a power of e."""
    raw = raw.float()
    # From running sums instead of a stored grid: so the exported graph takes any size.
    ones = torch.ones_like(raw[:, :1])
    middle = torch.cat([ones.cumsum(3), ones.cumsum(2)], 1) - 0.5
    sizes = (raw[:, 2:].clamp(max=4.6) + math.log(2)).exp()
    return (torch.cat([raw[:, :2] + middle, sizes], 1) * stride).flatten(2)


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

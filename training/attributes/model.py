"""The two networks: one trunk, and what is read from it.

Pictures are (N, 3, 48, 48) float32 RGB from 0 to 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from training.attributes.data import ATTRIBUTES

DIMENSIONS = 128
"""Of an embedding."""
_WIDTHS = (24, 48, 80, 96)


def _convolution(inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3×3 convolutions whose result is added to what went in."""

    def __init__(self, width: int, groups: int = 1) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            _convolution(width, width, groups=groups),
            nn.Conv2d(width, width, 3, 1, 1, groups=groups, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.inner(x))


class Trunk(nn.Module):
    """A picture as (N, WIDTH) numbers: means at strides 8 and 16, and the greatest at 16.

    Colour is told by means of shallow features, shape by deep ones.
    """

    WIDTH = _WIDTHS[2] + 2 * _WIDTHS[3]

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = _WIDTHS
        self.shallow = nn.Sequential(
            _convolution(3, first, 2),
            _convolution(first, second, 2),
            Residual(second),
            _convolution(second, third, 2),
            Residual(third),
        )
        self.deep = nn.Sequential(_convolution(third, fourth, 2), Residual(fourth, groups=4))

    def forward(self, pictures: Tensor) -> Tensor:
        shallow = self.shallow(pictures * 2 - 1)
        deep = self.deep(shallow)
        means = shallow.mean((2, 3)), deep.mean((2, 3))
        return torch.cat((*means, deep.amax((2, 3))), 1)


class AttributeNet(nn.Module):
    """Logits of each attribute, (N, names), in the order of ATTRIBUTES."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.drop = nn.Dropout(0.1)
        self.heads = nn.ModuleList(nn.Linear(Trunk.WIDTH, len(n)) for n in ATTRIBUTES.values())

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        features = self.drop(self.trunk(pictures))
        return tuple(head(features) for head in self.heads)


class Probabilities(nn.Module):
    """An AttributeNet as it is exported: probabilities instead of logits."""

    def __init__(self, net: AttributeNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return tuple(logits.softmax(1) for logits in self.net(pictures))


class EmbeddingNet(nn.Module):
    """Embeddings (N, DIMENSIONS) of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.project = nn.Linear(Trunk.WIDTH, DIMENSIONS)

    def forward(self, pictures: Tensor) -> Tensor:
        return nn.functional.normalize(self.project(self.trunk(pictures)), dim=1)

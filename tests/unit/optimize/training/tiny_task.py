"""A network that is taught in milliseconds, and its training step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn


class TinyNetwork(nn.Module):
    """Numbers (N, 5, cells) of a picture; one layer's outputs are added to another's."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU()
        )
        self.inner = nn.Sequential(nn.Conv2d(8, 16, 3, 1, 1), nn.ReLU())
        self.back = nn.Conv2d(16, 8, 3, 1, 1)
        self.head = nn.Conv2d(8, 5, 1)

    def forward(self, pictures: Any) -> Any:
        found = self.first(pictures)
        found = found + self.back(self.inner(found))
        return self.head(found).flatten(2)


class TinyTask:
    """See ``TrainingTask``: the truth is what a fixed network finds."""

    rate = 1e-2

    def __init__(self) -> None:
        self._pictures = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(1))

    def network(self) -> nn.Module:
        state = torch.random.get_rng_state()
        torch.manual_seed(3)
        network = TinyNetwork()
        torch.random.set_rng_state(state)
        return network

    def batches(self, first: int) -> Iterator[Any]:
        step = first
        while True:
            yield self._pictures.roll(step, 0)[:4]
            step += 1

    def loss(self, network: nn.Module, batch: Any, teacher: nn.Module | None) -> Any:
        found = network(batch)
        with torch.no_grad():
            wanted = self.network().eval()(batch) + 0.1 if teacher is None else teacher(batch)
        return ((found - wanted) ** 2).mean()

    def export(self, network: nn.Module, path: Path) -> None:
        torch.onnx.export(
            network, (torch.zeros(1, 3, 16, 16),), str(path), dynamo=False, input_names=["images"]
        )


def example() -> Any:
    """What the network takes."""
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))

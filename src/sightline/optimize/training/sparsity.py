"""Unstructured pruning: single weights become zero, and the graph stays as it is.

In rounds that remove ever fewer (Zhu and Gupta 2017, arXiv 1710.01878). Files become smaller once they are compressed; few
runtimes compute faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sightline.optimize.training.channels import LAYERS
from sightline.optimize.training.importance import squared_gradients

if TYPE_CHECKING:
    from sightline.optimize.training.task import TrainingTask

ROUNDS = 8


class WeightPruning:
    """Makes a share of the weights zero, in rounds. See ``Compression``.

    Args:
        task: whose loss tells what a weight is worth.
        share: of all weights of layers, from 0 to 1.
    """

    rounds = ROUNDS
    rate = 0.05
    frozen = True

    def __init__(self, task: TrainingTask[Any], share: float) -> None:
        self._task, self._share = task, share

    def apply(self, network: nn.Module, number: int) -> None:
        """See ``Compression``."""
        share = self._share * (1 - (1 - (number + 1) / self.rounds) ** 3)
        if number == 0:
            _add_masks(network)
        gradients = squared_gradients(network, self._task)
        worth = {}
        for name, layer in _layers(network):
            weights = layer.parametrizations.weight.original
            squared = gradients[f"{name}.parametrizations.weight.original"]
            kept = layer.parametrizations.weight[0].mask
            worth[name] = torch.where(kept > 0, weights.detach() ** 2 * squared, -1.0)
        every = torch.cat([one.flatten() for one in worth.values()])
        count = int(len(every) * share)
        gone = torch.zeros(len(every), dtype=torch.bool)
        gone[every.argsort()[:count]] = True
        start = 0
        for name, layer in _layers(network):
            end = start + worth[name].numel()
            mask = ~gone[start:end].reshape(worth[name].shape)
            layer.parametrizations.weight[0].mask.copy_(mask)
            start = end

    def restore(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:  # noqa: ARG002 - masks are of its weights' shapes
        """See ``Compression``."""
        _add_masks(network)

    def remove(self, network: nn.Module) -> None:
        """See ``Compression``: the zeros are written into the weights."""
        for _, layer in _layers(network):
            parametrize.remove_parametrizations(layer, "weight")

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        """See ``Compression``."""
        weights = [layer.weight for _, layer in _layers(network)]
        zeros = sum(int((one == 0).sum()) for one in weights)
        return {"zeros": zeros / sum(one.numel() for one in weights)}


class _Mask(nn.Module):  # type: ignore[misc]  # torch is seen as untyped
    """Weights of which some are zero."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones_like(weight))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def _layers(network: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, layer in network.named_modules():
        if isinstance(layer, LAYERS):
            yield name, layer


def _add_masks(network: nn.Module) -> None:
    for _, layer in _layers(network):
        parametrize.register_parametrization(layer, "weight", _Mask(layer.weight))

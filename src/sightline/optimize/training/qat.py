"""Quantisation-aware training (QAT): weights that find the same when they and what they read are rounded to INT8.

While it is taught, the network computes with rounded numbers, and gradients pass the rounding as if it were not there
(Jacob et al. 2018, arXiv 1712.05877). Weights have a scale for each channel, symmetric; what a layer reads has one
range, the mean over pictures of the largest and smallest value. So does the calibration that follows (see
``variants.int8``), which finds the scales of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sightline.optimize.training.channels import LAYERS

_FOLLOWS = 0.02
"""How fast a range follows what is seen."""
_READ = "read_range"


class QuantizationAwareTraining:
    """Lets layers compute with rounded numbers while they are taught. See ``Compression``."""

    rounds = 1
    rate = 0.02
    frozen = True

    def apply(self, network: nn.Module, number: int) -> None:  # noqa: ARG002 - there is one
        """See ``Compression``."""
        for layer in _layers(network):
            channels = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
            parametrize.register_parametrization(layer, "weight", RoundedWeights(channels))
            layer.add_module(_READ, RoundedValues())
            layer.register_forward_pre_hook(_rounded)

    def restore(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:  # noqa: ARG002 - nothing depends on it
        """See ``Compression``."""
        self.apply(network, 0)

    def remove(self, network: nn.Module) -> None:
        """See ``Compression``: floats are left, which calibration rounds as training did."""
        for layer in _layers(network):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
            layer._forward_pre_hooks.clear()  # noqa: SLF001 - a copy of the network has lost the handles
            delattr(layer, _READ)

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        """See ``Compression``."""
        return {"layers": float(len(list(_layers(network))))}


class RoundedWeights(nn.Module):  # type: ignore[misc]  # torch is seen as untyped
    """Weights rounded to -127 … 127 times the scale of their channel.

    Args:
        axis: of the channels that are given out.
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self._axis = axis

    def forward(self, weight: Tensor) -> Tensor:
        """The rounded weights; gradients pass."""
        others = [axis for axis in range(weight.ndim) if axis != self._axis]
        scales = weight.detach().abs().amax(others).clamp(min=1e-8).float() / 127
        zeros = torch.zeros_like(scales, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scales, zeros, self._axis, -127, 127)


class RoundedValues(nn.Module):  # type: ignore[misc]
    """Values (N, …) rounded to 256 steps of a range, which follows what is seen in training."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(0.0))

    def forward(self, values: Tensor) -> Tensor:
        """The rounded values, float32; gradients of those within the range pass."""
        values = values.float()
        if self.training:
            self._follow(values.detach().flatten(1))
        scale = (self.high - self.low).clamp(min=1e-8) / 255
        zero = (-self.low / scale).round().clamp(0, 255).to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, 255)

    def _follow(self, values: Tensor) -> None:
        low, high = values.amin(1).mean().clamp(max=0), values.amax(1).mean().clamp(min=0)
        pace = _FOLLOWS if bool(self.high > self.low) else 1.0
        self.low.lerp_(low, pace)
        self.high.lerp_(high, pace)


def _layers(network: nn.Module) -> Iterator[Any]:
    for layer in network.modules():
        if isinstance(layer, LAYERS):
            yield layer


def _rounded(layer: object, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (getattr(layer, _READ)(given[0]), *given[1:])

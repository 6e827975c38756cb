"""What a network's weights are worth: how much its loss would rise without them.

Estimated from the squared gradients of the loss (optimal brain damage, LeCun et al. 1989).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from sightline.optimize.training.task import TrainingTask

BATCHES = 12
"""How many tell it."""


def squared_gradients(network: nn.Module, task: TrainingTask[Any]) -> dict[str, Tensor]:
    """The mean over some batches of the squared gradients of each parameter, by its name."""
    found = {
        name: torch.zeros_like(parameter)
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    for batch in islice(task.batches(0), BATCHES):
        network.zero_grad(set_to_none=True)
        task.loss(network, batch, None).backward()
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                found[name] += parameter.grad**2 / BATCHES
    network.zero_grad(set_to_none=True)
    return found

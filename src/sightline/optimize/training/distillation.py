"""Distillation: a student with a part of the channels of every layer learns to find what its teacher finds.

Hinton et al. 2015 (arXiv 1503.02531). The student begins with those of the teacher's channels that matter most.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from sightline.optimize.training.channels import ChannelGroup, RemovableChannels

if TYPE_CHECKING:
    from sightline.optimize.training.task import TrainingTask


class Distillation:
    """Leaves a student, at once. See ``Compression``.

    Args:
        task: whose loss tells what a channel is worth.
        example: what the network takes, (1, 3, H, W).
        share: of each layer's channels that the student has, from 0 to 1.
    """

    rounds = 1
    rate = 1.0
    frozen = False

    def __init__(self, task: TrainingTask[Any], example: Tensor, share: float) -> None:
        self._share = share
        self._channels = RemovableChannels(task, example)

    def apply(self, network: nn.Module, number: int) -> None:  # noqa: ARG002 - there is one
        """See ``Compression``. Raises ModelError: no channel can be removed."""
        self._channels.remove(network, self._chosen)

    def restore(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:
        """See ``Compression``."""
        self._channels.restore(network, state)

    def remove(self, network: nn.Module) -> None:
        """See ``Compression``: a student is a network like any other."""

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        """See ``Compression``."""
        return self._channels.figures(network)

    def _chosen(self, groups: list[ChannelGroup]) -> dict[str, list[int]]:
        """The least important channels of each group, of which one at least remains."""
        chosen = {}
        for group in groups:
            count = len(group) - max(1, round(len(group) * self._share))
            if count:
                chosen[group.layer] = group.importance.argsort()[:count].tolist()
        return chosen

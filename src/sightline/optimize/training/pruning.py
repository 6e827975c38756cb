"""Structured pruning: the channels that matter least are removed, so that the graph is smaller and faster.

A few at a time, and the network is taught in between (Molchanov et al. 2017, arXiv 1611.06440). What a channel is
worth is held against the multiplications that it costs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from sightline.optimize.training.channels import ChannelGroup, RemovableChannels

if TYPE_CHECKING:
    from sightline.optimize.training.task import TrainingTask

BLOCK = 16
"""What remains of a layer is a multiple of this: processors compute so many channels at once."""

ROUNDS = 6


class ChannelPruning:
    """Removes a share of the channels, in rounds. See ``Compression``.

    Args:
        task: whose loss tells what a channel is worth.
        example: what the network takes, (1, 3, H, W).
        share: of all channels that can be removed, from 0 to 1.
        block: what remains of a layer is a multiple of it; layers that are no larger stay as they are.
    """

    rounds = ROUNDS
    rate = 0.1
    frozen = True

    def __init__(
        self, task: TrainingTask[Any], example: Tensor, share: float, block: int = BLOCK
    ) -> None:
        self._share, self._block = share, block
        self._channels = RemovableChannels(task, example)

    def apply(self, network: nn.Module, number: int) -> None:
        """See ``Compression``. Raises ModelError: no channel can be removed."""
        share = self._share * (number + 1) / self.rounds
        self._channels.remove(network, lambda groups: self._cheapest(groups, share))

    def restore(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:
        """See ``Compression``."""
        self._channels.restore(network, state)

    def remove(self, network: nn.Module) -> None:
        """See ``Compression``: a pruned network is like any other."""

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        """See ``Compression``."""
        return self._channels.figures(network)

    def _cheapest(self, groups: list[ChannelGroup], share: float) -> dict[str, list[int]]:
        """The blocks of channels that bring the least loss for the multiplications that they save.

        So many that a share of the channels of the whole network is gone; a block at least remains of
        each group.
        """
        blocks: list[tuple[float, str, list[int]]] = []
        for group in groups:
            order = group.importance.argsort().tolist()
            ends = range(len(group) % self._block or self._block, len(group), self._block)
            for start, end in itertools.pairwise((0, *ends)):
                channels = order[start:end]
                loss = float(group.importance[channels].sum())
                blocks.append((loss / (len(channels) * group.cost), group.layer, channels))
        wanted = sum(map(len, groups)) - round(self._channels.count * (1 - share))
        chosen: dict[str, list[int]] = {}
        removed = 0
        for _, layer, channels in sorted(blocks, key=lambda one: one[0]):
            if removed >= wanted:
                break
            chosen.setdefault(layer, []).extend(channels)
            removed += len(channels)
        return chosen

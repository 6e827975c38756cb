"""What a training does to its network besides teaching it: the seam of pruning, distillation and INT8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn


class Compression(Protocol):
    """Makes a network smaller in rounds; after each of them it is taught for a while."""

    rounds: int
    """How many there are."""
    rate: float
    """The share of the task's learning rate that suits a network so changed."""
    frozen: bool
    """Whether batch normalisation keeps the statistics that it has: a network that is near what it was is
    disturbed by those of single batches, and one that is not learns faster with them."""

    def apply(self, network: nn.Module, number: int) -> None:
        """Change the network in place: round ``number``, from 0. Raises ModelError."""

    def restore(self, network: nn.Module, state: Mapping[str, Tensor]) -> None:
        """Give a network as the task makes it the form of one whose ``state_dict`` was saved."""

    def remove(self, network: nn.Module) -> None:
        """Take out, in place, what only the training needs."""

    def figures(self, network: nn.Module) -> Mapping[str, float]:
        """What was reached, for the card."""

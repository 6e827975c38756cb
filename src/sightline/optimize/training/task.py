"""What fine-tuning asks of the code that a model was trained with, and how that code is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sightline.errors import ConfigError
from sightline.optimize.export.networks import looked_up, required_arguments

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")


class TrainingTask(Protocol[T]):
    """The training step of a model, which its user writes; T is a batch."""

    rate: float
    """The learning rate (AdamW's) that a network of the kind learns with from the beginning."""

    def network(self) -> nn.Module:
        """A new network with the model's weights.

        In evaluation mode it takes what the model's file takes, (N, 3, H, W), and answers as that does.
        """

    def batches(self, first: int) -> Iterator[T]:
        """Batches of training data without end, from that of step ``first`` on; always the same ones."""

    def loss(self, network: nn.Module, batch: T, teacher: nn.Module | None) -> Tensor:
        """How far a network in training mode is from the truth of a batch: a scalar with gradients.

        With a ``teacher``, the network as it was, in evaluation mode: how far it is from what that finds.
        """

    def export(self, network: nn.Module, path: Path) -> None:
        """Write a network, which may have fewer channels, as an ONNX file like the model's."""


_NEEDED = ("rate", "network", "batches", "loss", "export")


def training_task(word: str, data: str | None) -> TrainingTask[Any]:
    """The task that ``package.module:factory`` or ``folder/file.py:factory`` makes.

    Args:
        data: handed to a factory that needs one argument.

    Raises ConfigError: there is no such factory, or what it makes is no ``TrainingTask``.
    """
    factory = looked_up(word)
    wanted = required_arguments(factory)
    if wanted and data is None:
        raise ConfigError(f"--training {word}: it needs the data to train with: --training-data")
    try:
        task: TrainingTask[object] = factory(data) if wanted else factory()
    except Exception as exc:  # whatever the user's own code raises
        raise ConfigError(
            f"--training {word}: it cannot be made: {type(exc).__name__}: {exc}"
        ) from exc
    missing = [name for name in _NEEDED if not hasattr(task, name)]
    if missing:
        raise ConfigError(
            f"--training {word}: {type(task).__name__} lacks {', '.join(missing)}: see TrainingTask in "
            "sightline.optimize.training.task"
        )
    return task

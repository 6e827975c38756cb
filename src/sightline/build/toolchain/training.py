"""Variants that are trained: their options, the training step, and where they are kept meanwhile."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.errors import ConfigError
from sightline.optimize.training.kinds import TrainingLength, trained_variant

if TYPE_CHECKING:
    from sightline.optimize.training.task import TrainingTask
    from sightline.optimize.variants.optimization import TrainedGraph
    from sightline.optimize.variants.original import Original, TellProgress


@dataclass(frozen=True)
class TrainingRequest:
    """What ``--training``, ``--training-data``, ``--training-minutes`` and ``--training-steps`` say."""

    task: str
    data: str | None
    length: TrainingLength

    def options(self) -> dict[str, object]:
        """For the card and the report."""
        length = {f"training_{name}": value for name, value in asdict(self.length).items()}
        return {"training": self.task, "training_data": self.data, **length}


def begin_training(
    variants: Sequence[str], request: TrainingRequest | None, flag: str = "--variants"
) -> TrainingTask[Any] | None:
    """The training step, where a variant is trained.

    Args:
        variants: names of variants.
        request: the options of the training.
        flag: by which the user named the variants.

    Raises ConfigError: ``--training`` is missing, a package is, or the step cannot be made.
    """
    trained = [name for name in variants if trained_variant(name)]
    if not trained:
        return None
    if request is None:
        raise ConfigError(
            f"{flag} {trained[0]}: the training step of the model is needed: --training "
            "package.module:factory (see docs/guides/optimizing.md)"
        )
    for package in ("torch", "torch_pruning"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"{flag} {trained[0]}: {package} is not installed: pip install 'sightline[training]'"
            )
    from sightline.optimize.training.task import training_task

    return training_task(request.task, request.data)


def trainer(
    task: TrainingTask[Any],
    request: TrainingRequest,
    original: Original,
    place: tuple[Path, Path],
    progress: TellProgress,
) -> Callable[[str], TrainedGraph]:
    """What trains variants of the original, by their names.

    Args:
        place: the output folder, and the model's file.

    Raises ConfigError: the training step's network is not the model.
    """
    import hashlib

    from sightline.optimize.training.trainer import SEED, VariantTrainer

    model = original.graph.SerializeToString()
    key = {"model": hashlib.sha256(model).hexdigest(), "seed": SEED, **request.options()}
    own = VariantTrainer(
        task, request.length, lambda name: checkpoint_path(*place, name), key, progress
    )
    own.check(original)
    example = next(original.inputs(1))

    def train(name: str) -> TrainedGraph:
        variant = trained_variant(name)
        assert variant is not None
        return own.graph(variant, example)

    return train


def checkpoint_path(folder: Path, model: Path, name: str) -> Path:
    """Where the state of a variant's training is kept until its results are written."""
    return folder / f"{model.stem}-{name}.checkpoint.pt"

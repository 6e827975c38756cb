"""Makes the variants of a model that are trained, as graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from sightline.errors import ConfigError, ModelError, SightlineError
from sightline.optimize.export.comparison import compare
from sightline.optimize.export.request import ExportSource
from sightline.optimize.export.runners import engine_runner, network_runner
from sightline.optimize.training.compression import Compression
from sightline.optimize.training.distillation import Distillation
from sightline.optimize.training.fine_tuning import FineTuning
from sightline.optimize.training.kinds import TrainedVariant, TrainingLength
from sightline.optimize.training.pruning import ChannelPruning
from sightline.optimize.training.qat import QuantizationAwareTraining
from sightline.optimize.training.randomness import seed
from sightline.optimize.training.sparsity import WeightPruning
from sightline.optimize.variants.optimization import TrainedGraph
from sightline.whole_files import scratch_beside

if TYPE_CHECKING:
    from sightline.optimize.training.task import TrainingTask
    from sightline.optimize.variants.original import Original
    from sightline.types import Floats

SEED = 0
"""Seed of the random numbers of each training."""

SAME = 0.05
"""How far the outputs of the task's network may be from the model's (see ``export.comparison``): its file may keep
weights in 16 bits."""


@dataclass(frozen=True)
class VariantTrainer:
    """Trains variants one after another; a training that was interrupted is gone on with.

    Args:
        task: the model's training step.
        length: of each training.
        checkpoint: tells where the state of a variant's training is kept.
        key: what a state must have been made with: the model, the task.
        progress: is told what is being done.
    """

    task: TrainingTask[Any]
    length: TrainingLength
    checkpoint: Callable[[str], Path]
    key: Mapping[str, object]
    progress: Callable[[str], None]

    def check(self, original: Original) -> None:
        """Raise ConfigError where the task's network is not the model."""
        with _of_the_task("network"):
            network = self.task.network().float().eval()
        source = ExportSource("network", "the training step's network", network)
        engine = original.make_engine(original.graph.SerializeToString(), "onnxruntime", "fp32")
        try:
            found = compare(
                engine_runner(engine),
                network_runner(source, original.normalization),
                original.shown(),
            )
        except ModelError as exc:
            raise ConfigError(f"--training: its network is not the model: {exc}") from exc
        finally:
            engine.close()
        if not found.distance <= SAME:
            raise ConfigError(
                f"--training: its network is not the model: {found}: give it the weights that the file was made of"
            )

    def graph(self, variant: TrainedVariant, example: Floats) -> TrainedGraph:
        """The graph of a variant.

        Args:
            example: what the model takes, (1, 3, H, W).

        Raises:
            ConfigError: the task fails, or its checkpoint is of another training.
            ModelError: the network cannot be changed so, or the loss is not a number any more.
            SinkError: a checkpoint cannot be written.
        """
        seed(SEED)
        tuning = FineTuning(
            self.task, compression(variant, self.task, example), self.length,
            self.checkpoint(variant.name), {**self.key, "variant": variant.name},
            lambda what: self.progress(f"{variant.name}: {what}"),
        )  # fmt: skip
        self.progress(f"{variant.name}: looking at the network")
        with _of_the_task("a step"):
            made = tuning.run()
        content = self._exported(made.network, variant)
        return TrainedGraph(content, made.figures, rounded=variant.kind == "qat")

    def _exported(self, network: nn.Module, variant: TrainedVariant) -> bytes:
        with scratch_beside(self.checkpoint(variant.name)) as folder:
            path = folder / "exported.onnx"
            with _of_the_task("export"):
                self.task.export(network, path)
            if not path.is_file():
                raise ConfigError(f"--training: export wrote no file for {variant.name}")
            return path.read_bytes()


def compression(variant: TrainedVariant, task: TrainingTask[Any], example: Floats) -> Compression:
    """What is done to the network of a variant."""
    share = variant.share or 0.0
    kinds: dict[str, Callable[[], Compression]] = {
        "pruned": lambda: ChannelPruning(task, _tensor(example), share),
        "distilled": lambda: Distillation(task, _tensor(example), share),
        "sparse": lambda: WeightPruning(task, share),
        "qat": QuantizationAwareTraining,
    }
    return kinds[variant.kind]()


def _tensor(values: Floats) -> object:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


@contextmanager
def _of_the_task(method: str) -> Iterator[None]:
    """What the user's own code raises, as a ConfigError that names the method."""
    try:
        yield
    except SightlineError:
        raise
    except Exception as exc:  # whatever it raises
        raise ConfigError(f"--training: {method} fails: {type(exc).__name__}: {exc}") from exc

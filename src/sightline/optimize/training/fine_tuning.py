"""A network taught again while it is made smaller: rounds, a moving average, checkpoints, and an end in time."""

from __future__ import annotations

import copy
import io
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sightline.errors import ConfigError, ModelError
from sightline.optimize.training.interruption import held_interrupts
from sightline.optimize.training.randomness import random_state, restore_random_state
from sightline.whole_files import write_whole

if TYPE_CHECKING:
    from sightline.optimize.training.compression import Compression
    from sightline.optimize.training.kinds import TrainingLength
    from sightline.optimize.training.task import TrainingTask

SHRINKING = 0.4
"""The share of the training that is over when the last round begins."""

WARM_UP = 30
"""Steps after each round in which the learning rate rises to its height."""

AVERAGE = 0.998
"""Decay of the moving average (EMA) of the weights: the share of the old ones at each step."""

DECAY = 0.01
CLIPPED = 10.0
"""Gradients are clipped at this norm."""

PAUSED_S = 10.0
"""A step counts as this long at most: a training that was paused is not shortened."""

PARTS = frozenset({
    "key", "round", "round_began", "step", "seconds", "loss", "network", "average", "optimizer", "random",
})  # fmt: skip
"""The keys of a checkpoint."""

SAVED_EVERY_S = 60.0
TOLD_EVERY_S = 1.0


@dataclass(frozen=True)
class FineTuned:
    """A taught network, and how it was taught."""

    network: nn.Module
    figures: Mapping[str, float]


class FineTuning:
    """Teaches a network to find what another one finds, while it is made smaller.

    Args:
        task: the training step of the model.
        compression: what is done to the network in between.
        length: of the training.
        checkpoint: where its state is kept; a training that is found there is gone on with.
        key: what the state must have been made with.
        progress: is told what is being done.
    """

    def __init__(
        self,
        task: TrainingTask[Any],
        compression: Compression,
        length: TrainingLength,
        checkpoint: Path,
        key: Mapping[str, object],
        progress: Callable[[str], None],
    ) -> None:
        self._task, self._compression, self._length = task, compression, length
        self._checkpoint, self._progress = checkpoint, progress
        self._key = json.dumps({**key, **asdict(length)}, sort_keys=True, default=str)
        self._teacher = task.network().eval().requires_grad_(False)
        self._network = task.network().train()
        self._average = copy.deepcopy(self._network)
        self._rate = task.rate * compression.rate
        self._round, self._step, self._seconds = -1, 0, 0.0
        self._round_began = 0
        self._loss = math.nan  # its moving average
        self._optimizer = self._new_optimizer()
        self._saved_at = self._told_at = time.monotonic()

    def run(self) -> FineTuned:
        """Teach until the end, from the checkpoint where there is one.

        Raises:
            ModelError: the loss is not a number any more, or the network cannot be made smaller.
            ConfigError: the checkpoint is of another training, or the task's batches end.
            SinkError: a checkpoint cannot be written.
            KeyboardInterrupt: Ctrl-C or SIGTERM came; the checkpoint has all steps.
        """
        self._resume()
        with held_interrupts() as interrupted:
            self._teach(interrupted)
        if not all(bool(weight.isfinite().all()) for weight in self._average.parameters()):
            raise ModelError(self._no_number("a weight"))
        self._save()
        network = self._average.eval()
        figures = dict(self._compression.figures(network))
        self._compression.remove(network)
        told = {"loss": self._loss, "steps": self._step, "minutes": self._seconds / 60}
        return FineTuned(network, figures | told)

    def _teach(self, interrupted: Callable[[], bool]) -> None:
        batches = None
        while (
            progress := self._length.progress(self._step, self._seconds)
        ) < 1 or self._round + 1 < self._compression.rounds:
            started = time.monotonic()
            if progress >= self._begin(self._round + 1):
                self._next_round()
                batches = None
            batches = batches or self._task.batches(self._step)
            batch = next(batches, None)
            if batch is None:
                raise ConfigError(
                    f"--training: its batches end before step {self._step}: they are to begin again"
                )
            self._update(batch, progress)
            self._seconds += min(PAUSED_S, time.monotonic() - started)
            self._tell()
            if interrupted():
                self._save()
                raise KeyboardInterrupt(
                    f"{self._step} steps are kept in {self._checkpoint}: the same command goes on from there"
                )

    def _begin(self, number: int) -> float:
        """The progress at which a round begins."""
        last = self._compression.rounds - 1
        return math.inf if number > last else SHRINKING * number / max(1, last)

    def _next_round(self) -> None:
        self._round += 1
        self._round_began = self._step
        # What was averaged is better than the last step's, also to go on with.
        if self._round:
            self._network.load_state_dict(self._average.state_dict())
        self._keep_statistics()
        self._compression.apply(self._network, self._round)
        self._average = copy.deepcopy(self._network)
        self._begin_teaching()

    def _begin_teaching(self) -> None:
        """A new optimiser for the network as it is now."""
        self._optimizer = self._new_optimizer()
        self._keep_statistics()

    def _keep_statistics(self) -> None:
        """The network is taught; its batch normalisation learns statistics only where it should."""
        self._network.train()
        if self._compression.frozen:
            for layer in _normalizations(self._network):
                layer.eval()

    def _update(self, batch: object, progress: float) -> None:
        shape = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        warm = min(1.0, (self._step - self._round_began + 1) / WARM_UP)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * shape * warm
        loss = self._task.loss(self._network, batch, self._teacher)
        own = float(loss.detach())
        if not math.isfinite(own):
            raise ModelError(self._no_number("the loss"))
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), CLIPPED)
        self._optimizer.step()
        self._follow()
        self._step += 1
        self._loss = own if math.isnan(self._loss) else 0.98 * self._loss + 0.02 * own

    def _no_number(self, what: str) -> str:
        return (
            f"{what} is not a number (NaN) or infinite after {self._step} steps: a lower `rate` of the training "
            "task may help"
        )

    def _follow(self) -> None:
        """The average follows, quickly at first."""
        steps = self._step - self._round_began
        keep = min(AVERAGE, (1 + steps) / (10 + steps))
        average = self._average.state_dict()  # without gradients
        for name, now in self._network.state_dict().items():
            if now.is_floating_point():
                average[name].lerp_(now, 1 - keep)
            else:
                average[name].copy_(now)

    def _new_optimizer(self) -> Any:
        parameters = [p for p in self._network.parameters() if p.requires_grad]
        weights = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        return torch.optim.AdamW(
            [
                {"params": weights, "weight_decay": DECAY},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self._rate, betas=(0.9, 0.99),
        )  # fmt: skip

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told_at > TOLD_EVERY_S:
            done = self._length.progress(self._step, self._seconds)
            left = max(0.0, self._seconds * (1 - done) / done / 60)
            self._progress(f"step {self._step}, loss {self._loss:.3f}, {left:.1f} min left")
            self._told_at = now
        if now - self._saved_at > SAVED_EVERY_S:
            self._save()
            self._saved_at = now

    def _save(self) -> None:
        state = {
            "key": self._key, "round": self._round, "round_began": self._round_began, "step": self._step,
            "seconds": self._seconds, "loss": self._loss, "network": self._network.state_dict(),
            "average": self._average.state_dict(), "optimizer": self._optimizer.state_dict(),
            "random": random_state(),
        }  # fmt: skip
        content = io.BytesIO()
        torch.save(state, content)
        write_whole(self._checkpoint, content.getvalue())

    def _resume(self) -> None:
        if not self._checkpoint.exists():
            return
        state = _read_checkpoint(self._checkpoint)
        if state["key"] != self._key:
            raise ConfigError(
                f"{self._checkpoint} was left by a training with other options, {state['key']}: remove it, or "
                "give those again"
            )
        saved: dict[str, Tensor] = state["network"]
        for network, weights in ((self._network, saved), (self._average, state["average"])):
            self._compression.restore(network, weights)
            network.load_state_dict(weights)
        self._begin_teaching()
        self._optimizer.load_state_dict(state["optimizer"])
        self._round, self._round_began = state["round"], state["round_began"]
        self._step, self._seconds, self._loss = state["step"], state["seconds"], state["loss"]
        restore_random_state(state["random"])  # at the end: what is above may have drawn numbers


def _normalizations(network: nn.Module) -> list[Any]:
    return [
        layer
        for layer in network.modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 - the class of all of them
        and layer.track_running_stats
    ]


def _read_checkpoint(path: Path) -> dict[str, Any]:
    """What was saved. Raises ModelError: it is something else."""
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # its readers raise whatever comes along
        raise ModelError(
            f"{path}: no checkpoint of a training ({exc}): remove it to begin again"
        ) from exc
    if not isinstance(state, dict) or not state.keys() >= PARTS:
        raise ModelError(f"{path}: no checkpoint of such a training: remove it to begin again")
    return state

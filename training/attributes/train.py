"""Train the classifier or the embedder.

    python -m training.attributes.train classifier OUT.pt DATA... --minutes 12     # or --steps 9000
    python -m training.attributes.train embedder   OUT.pt DATA... --minutes 12

DATA are folders that ``data.py`` wrote. What was interrupted goes on where it was when the same command is given again.
"""

from __future__ import annotations

import argparse
import copy
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor, nn
from training.attributes.batches import Batch, Crops
from training.attributes.data import COLOURS
from training.attributes.model import AttributeNet, EmbeddingNet

from sightline.optimize.training.interruption import held_interrupts, told_interrupts

SAVED_EVERY_S = 60.0


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out. Either ``steps`` or ``minutes`` is the length."""

    task: str
    steps: int = 0
    minutes: float = 0.0
    batch: int = 128
    seed: int = 0
    rate: float = 3e-3
    decay: float = 0.03
    warm_up: int = 100
    average: float = 0.998
    """Of the weights (EMA) that are kept: share of the old ones at each step."""

    def progress(self, step: int, seconds: float) -> float:
        """From 0 to 1."""
        return step / self.steps if self.steps else seconds / (60 * self.minutes)

    def rate_at(self, step: int, progress: float) -> float:
        """Warm-up, then half a cosine down to a hundredth."""
        shape = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * shape


def attribute_loss(net: nn.Module, pictures: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of types and of colours; what has no colour is to be given none."""
    types, colours = net(pictures)
    known = torch.from_numpy(batch.colours)
    wanted = nn.functional.one_hot(known.clamp(min=0), len(COLOURS)).float()
    # All colours equally likely: then none reaches the card's threshold.
    wanted[known < 0] = 1 / len(COLOURS)
    return nn.functional.cross_entropy(types, torch.from_numpy(batch.types)) + (
        nn.functional.cross_entropy(colours, wanted)
    )


def contrastive_loss(net: nn.Module, pictures: Tensor, batch: Batch) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020) with a temperature of 0.08."""
    vectors = net(pictures).float()
    owners = torch.from_numpy(batch.identities)
    alike = vectors @ vectors.T / 0.08
    itself = torch.eye(len(owners), dtype=torch.bool)
    alike = alike.masked_fill(itself, -1e4)
    same = (owners[:, None] == owners[None]) & ~itself
    likely = alike.log_softmax(1)
    return -((likely * same).sum(1) / same.sum(1).clamp(min=1)).mean()


Loss = Callable[[nn.Module, Tensor, Batch], Tensor]


class Training:
    """A network, its moving average and its optimiser."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        net, self._loss = _TASKS[recipe.task]
        self.net = net().to(memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.net).eval().requires_grad_(requires_grad=False)
        weights = [p for p in self.net.parameters() if p.ndim > 1]
        others = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [{"params": weights}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.decay)
        self.step, self.seconds = 0, 0.0

    def start(self, checkpoint: Path) -> None:
        """Begin with the weights of a finished training, of the other task as far as they fit."""
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)["average"]
        for net in (self.net, self.average):
            own = net.state_dict()
            own.update({k: v for k, v in state.items() if k in own and v.shape == own[k].shape})
            net.load_state_dict(own)

    def save(self, checkpoint: Path) -> None:
        """Keep everything, to be gone on with; a crash leaves the checkpoint before whole."""
        state: dict[str, Any] = {
            "recipe": asdict(self.recipe), "step": self.step, "seconds": self.seconds,
            "net": self.net.state_dict(), "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(), "random": torch.get_rng_state(),
        }  # fmt: skip
        fresh = checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(checkpoint)

    def load(self, checkpoint: Path) -> None:
        """Go on where a checkpoint was written. Raises ValueError: it is of another recipe."""
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(
                f"{checkpoint} is of {state['recipe']}: remove it, or give those options"
            )
        self.step, self.seconds = state["step"], state["seconds"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])  # which inputs are left out (dropout)

    def update(self, batch: Batch, progress: float) -> float:
        """One step of the optimiser; returns the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate_at(self.step, progress)
        pictures = torch.from_numpy(batch.pictures).float().div(255)
        # An older processor takes many times as long in bfloat16.
        fast = torch.backends.cpu.get_cpu_capability() != "AVX2"
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            loss = self._loss(
                self.net, pictures.contiguous(memory_format=torch.channels_last), batch
            )
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self._average()
        self.step += 1
        return float(loss.detach())

    @torch.no_grad()
    def _average(self) -> None:
        # Early on the average follows quickly, else it would remember the random start.
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for mean, now in zip(
            self.average.state_dict().values(), self.net.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)


_TASKS: dict[str, tuple[type[nn.Module], Loss]] = {
    "classifier": (AttributeNet, attribute_loss),
    "embedder": (EmbeddingNet, contrastive_loss),
}


def batches(crops: Crops, recipe: Recipe, first: int = 0) -> Iterator[Batch]:
    """Batch after batch, from that of step ``first`` on, each made while the one before it is taught."""
    draw = crops.vehicles if recipe.task == "classifier" else crops.pairs
    ready: queue.Queue[Batch] = queue.Queue(maxsize=4)
    ended = threading.Event()

    def make() -> None:
        step = first
        while not ended.is_set():
            ready.put(draw(step, recipe.batch))
            step += 1

    threading.Thread(target=make, daemon=True).start()
    try:
        while True:
            yield ready.get()
    finally:
        ended.set()
        while not ready.empty():
            ready.get()


def train(data: Sequence[Path], out: Path, recipe: Recipe, start: Path | None = None) -> Training:
    """Train, and write the averaged network to ``out``; see ``Training.start`` for ``start``.

    A training that was interrupted is gone on with: it is kept beside ``out``, in ``OUT.checkpoint``.

    Raises KeyboardInterrupt: Ctrl-C or SIGTERM came; the checkpoint has all steps.
    """
    crops, training = Crops(data, recipe.seed), Training(recipe)
    checkpoint = out.with_suffix(".checkpoint")
    if checkpoint.exists():
        training.load(checkpoint)
    elif start is not None:
        training.start(start)
    out.parent.mkdir(parents=True, exist_ok=True)
    with held_interrupts() as interrupted:
        _teach(training, crops, checkpoint, interrupted)
    state = {"recipe": asdict(recipe), "step": training.step}
    torch.save(state | {"average": training.average.state_dict()}, out)
    checkpoint.unlink(missing_ok=True)
    return training


def _teach(
    training: Training, crops: Crops, checkpoint: Path, interrupted: Callable[[], bool]
) -> None:
    recipe, before = training.recipe, training.seconds
    started = saved = time.monotonic()
    total = 0.0
    for batch in batches(crops, recipe, training.step):
        training.seconds = before + time.monotonic() - started
        progress = recipe.progress(training.step, training.seconds)
        if progress >= 1:
            return
        total += training.update(batch, progress)
        if training.step % 100 == 0:
            print(
                f"step {training.step} {training.seconds:.0f} s loss {total / 100:.4f}", flush=True
            )
            total = 0.0
        ends = interrupted()
        if ends or time.monotonic() - saved > SAVED_EVERY_S:
            training.save(checkpoint)
            saved = time.monotonic()
        if ends:
            kept = f"{training.step} steps are kept in {checkpoint}"
            raise KeyboardInterrupt(f"{kept}: the same command goes on from there")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=list(_TASKS))
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0.0)
    length.add_argument("--steps", type=int, default=0)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--start", type=Path, help="a finished training to begin with")
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    recipe = Recipe(a.task, a.steps, a.minutes, seed=a.seed, rate=a.rate)
    train(a.data, a.out, recipe, a.start)


if __name__ == "__main__":
    with told_interrupts():
        main()

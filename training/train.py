"""Train the street detector.

    python training/train.py DATA OUT --minutes 240     # or --steps 20000, which can be repeated
    python training/train.py DATA OUT --minutes 240     # goes on where it was interrupted

DATA is what ``data.py`` wrote. In OUT appear ``log.txt`` and ``checkpoint.pt``, every few minutes.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import torch
from data import Batch, Crops
from loss import DetectionLoss, Losses, Targets
from model import StreetDetector, centres
from torch import Tensor, nn

from sightline.optimize.training.interruption import held_interrupts, told_interrupts

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out. Either ``steps`` or ``minutes`` is the length."""

    steps: int = 0
    minutes: float = 0.0
    batch: int = 16
    width: int = 384
    height: int = 256
    seed: int = 0
    rate: float = 4e-3
    decay: float = 0.02
    warm_up: int = 150
    average: float = 0.999
    """Of the weights (EMA) that are kept: share of the old ones at each step."""
    still: float = 10.0
    """A step counts as this many seconds at most: a training that was paused is not shortened."""

    def progress(self, step: int, seconds: float) -> float:
        """From 0 to 1."""
        return step / self.steps if self.steps else seconds / (60 * self.minutes)

    def rate_at(self, step: int, progress: float) -> float:
        """Warm-up, then half a cosine down to a fiftieth."""
        shape = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.rate * min(1.0, (step + 1) / self.warm_up) * shape


class LossesOf(Protocol):
    """What one step costs: a scalar with gradients, and what the log shows of it."""

    @property
    def total(self) -> Tensor: ...
    @property
    def parts(self) -> dict[str, float]: ...


class Batches(Protocol):
    """What a training draws from; see ``data.Crops``."""

    def batch(self, step: int, count: int) -> Batch: ...


class Training:
    """A model, its moving average and its optimiser; saved and loaded as one.

    ``network`` and ``cost`` are what another model of the same features has otherwise.
    """

    def __init__(self, recipe: Recipe, device: str = "cpu", compiled: bool = False) -> None:
        """``compiled``: through C++ or Triton; a quarter faster on a processor, after minutes."""
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, device
        self.model = self.network().to(device, memory_format=torch.channels_last).train()
        self._run = torch.compile(self.model) if compiled else self.model
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        learning = [p for p in self.model.parameters() if p.requires_grad]
        weights = [p for p in learning if p.ndim > 1]
        others = [p for p in learning if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": weights, "weight_decay": recipe.decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=recipe.rate, betas=(0.9, 0.99),
        )  # fmt: skip
        self.loss = DetectionLoss(*(t.to(device) for t in centres(recipe.width, recipe.height)))
        self.step, self.seconds = 0, 0.0

    def network(self) -> nn.Module:
        """A new model; parameters that need no gradient stay as they are."""
        return StreetDetector()

    def cost(self, found: Any, batch: Batch, targets: Targets) -> LossesOf:  # noqa: ARG002 - of other models
        """What it costs that the model has ``found`` this."""
        losses: Losses = self.loss(found, targets)
        return losses

    def update(self, batch: Batch) -> LossesOf:
        """One step of the optimiser."""
        started = time.monotonic()
        rate = self.recipe.rate_at(self.step, self.recipe.progress(self.step, self.seconds))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        pictures, targets = self._tensors(batch)
        with torch.autocast(self.device, torch.bfloat16, enabled=halves(self.device)):
            found = self._run(pictures)
        losses = self.cost(found, batch, targets)
        self.optimizer.zero_grad()
        losses.total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self._average()
        self.step += 1
        self.seconds += min(self.recipe.still, time.monotonic() - started)
        return losses

    def _tensors(self, batch: Batch) -> tuple[Tensor, Targets]:
        pictures = torch.from_numpy(batch.pictures).to(self.device).float() / 255
        objects = (torch.from_numpy(a) for a in (batch.owner, batch.boxes, batch.classes))
        targets = Targets.of(len(pictures), *objects, torch.from_numpy(batch.ignored))
        if self.device != "cpu":
            targets = Targets(*(t.to(self.device) for t in vars(targets).values()))
        return pictures.contiguous(memory_format=torch.channels_last), targets

    @torch.no_grad()
    def _average(self) -> None:
        # Early on the average follows quickly, else it would remember the random start.
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for mean, now in zip(
            self.average.state_dict().values(), self.model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)

    def save(self, path: Path) -> None:
        """Write everything; a crash leaves the previous checkpoint whole."""
        state: dict[str, Any] = {
            "recipe": asdict(self.recipe), "step": self.step, "seconds": self.seconds,
            "model": self.model.state_dict(), "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        fresh = path.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(path)

    def start_from(self, path: Path) -> int:
        """Take the averaged weights of another checkpoint whose names and shapes agree.

        Returns how many tensors were taken. Raises OSError.
        """
        given = torch.load(path, map_location=self.device, weights_only=True)["average"]
        own = self.model.state_dict()
        fits = {n: t for n, t in given.items() if n in own and own[n].shape == t.shape}
        for model in (self.model, self.average):
            model.load_state_dict(fits, strict=False)
        return len(fits)

    def load(self, path: Path) -> None:
        """Go on where a checkpoint was written. Raises OSError, RuntimeError."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step, self.seconds = state["step"], state["seconds"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def halves(device: str) -> bool:
    """Whether the device calculates faster in bfloat16; an older processor takes nine times as long."""
    return device != "cpu" or torch.backends.cpu.get_cpu_capability() != "AVX2"


def train(
    data: Path, out: Path, recipe: Recipe, device: str = "cpu",
    start: Path | None = None, compiled: bool = False,
) -> Training:  # fmt: skip
    """Train, or go on with, what is in ``out``; a fresh training may ``start`` from a checkpoint."""
    crops = Crops(data, (recipe.width, recipe.height), recipe.seed)
    training = Training(recipe, device, compiled)
    if start and not (out / CHECKPOINT).exists():
        print(f"{training.start_from(start)} tensors of {start}", flush=True)
    run(training, crops, out)
    return training


def run(training: Training, crops: Batches, out: Path) -> None:
    """Train until the recipe's end; a checkpoint in ``out`` is gone on with.

    Raises KeyboardInterrupt: Ctrl-C or SIGTERM came; the checkpoint has all steps.
    """
    out.mkdir(parents=True, exist_ok=True)
    recipe, checkpoint = training.recipe, out / CHECKPOINT
    if checkpoint.exists():
        training.load(checkpoint)
    saved = time.monotonic()
    sums: Counter[str] = Counter()
    since = training.step
    with (out / "log.txt").open("a", encoding="utf-8") as log, held_interrupts() as interrupted:
        while recipe.progress(training.step, training.seconds) < 1:
            drawn = time.monotonic()
            batch = crops.batch(training.step, recipe.batch)
            training.seconds += min(recipe.still, time.monotonic() - drawn)
            sums.update(training.update(batch).parts)
            if training.step % 50 == 0:
                means = [f"{part} {x / (training.step - since):.3f}" for part, x in sums.items()]
                minutes = f"{training.seconds / 60:.1f} min"
                line = " ".join(("step", str(training.step), minutes, *means))
                print(line, flush=True)
                print(line, file=log, flush=True)
                sums.clear()
                since = training.step
            if time.monotonic() - saved > 120:
                training.save(checkpoint)
                saved = time.monotonic()
            if interrupted():
                training.save(checkpoint)
                kept = f"{training.step} steps are kept in {checkpoint}"
                raise KeyboardInterrupt(f"{kept}: the same command goes on from there")
    training.save(checkpoint)


def options(description: str) -> argparse.ArgumentParser:
    """The options that all trainings have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0.0)
    length.add_argument("--steps", type=int, default=0)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--rate", type=float, default=Recipe.rate)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """The recipe that options ask for; sets how many threads PyTorch and OpenCV take."""
    a = arguments
    torch.set_num_threads(a.threads)
    cv2.setNumThreads(1)
    return Recipe(a.steps, a.minutes, batch=a.batch, rate=a.rate, seed=a.seed)


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--start", type=Path, help="a checkpoint to take weights from")
    parser.add_argument("--compile", action="store_true", help="needs a C++ compiler")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    a = parser.parse_args()
    train(a.data, a.out, recipe_of(a), a.device, a.start, a.compile)


if __name__ == "__main__":
    with told_interrupts():
        main()

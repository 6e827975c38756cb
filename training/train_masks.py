"""Train what makes masks, behind a street detector that stays as it is.

    python training/train_masks.py DATA OUT --detector street.onnx --minutes 60    # or --start CHECKPOINT
    python training/train_masks.py DATA OUT --minutes 60     # goes on where it was interrupted

DATA is what ``data.py`` wrote with ``--masks``. In OUT appear ``log.txt`` and ``checkpoint.pt``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from data import Batch, Crops
from loss import Targets
from mask_loss import MaskLoss, MaskLosses
from mask_model import StreetSegmenter, take_weights
from model import centres
from torch import nn
from train import CHECKPOINT, Recipe, Training, options, recipe_of, run

from sightline.optimize.training.interruption import told_interrupts


class MaskTraining(Training):
    """A ``Training`` of a ``StreetSegmenter``."""

    def __init__(self, recipe: Recipe, device: str = "cpu") -> None:
        super().__init__(recipe, device)
        middles, strides = (t.to(device) for t in centres(recipe.width, recipe.height))
        self._masks = MaskLoss(middles, strides)

    def network(self) -> nn.Module:
        """A new model."""
        return StreetSegmenter()

    def cost(self, found: Any, batch: Batch, targets: Targets) -> MaskLosses:
        """What these masks cost."""
        if batch.maps is None:
            raise ValueError("batches without masks: draw Crops with masks=True")
        return self._masks(*found, targets, torch.from_numpy(batch.maps).to(self.device))

    def take_detector(self, path: Path) -> int:
        """Take the weights of an exported detector. Raises ValueError, OSError."""
        take_weights(self.average.detector, path)
        return take_weights(self.model.detector, path)


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    first = parser.add_mutually_exclusive_group()
    first.add_argument("--detector", type=Path, help="the ONNX file of the detector, at the start")
    first.add_argument("--start", type=Path, help="a checkpoint to take all weights from that fit")
    a = parser.parse_args()
    recipe = recipe_of(a)
    training = MaskTraining(recipe)
    if not (a.out / CHECKPOINT).exists():
        if a.detector is not None:
            print(f"{training.take_detector(a.detector)} convolutions of {a.detector}", flush=True)
        elif a.start is not None:
            print(f"{training.start_from(a.start)} tensors of {a.start}", flush=True)
        else:
            parser.error("a new training needs --detector or --start")
    run(training, Crops(a.data, (recipe.width, recipe.height), recipe.seed, masks=True), a.out)


if __name__ == "__main__":
    with told_interrupts():
        main()

"""The bundled detector taught again while it is made smaller: the training task of ``sightline optimize``.

    python training/data.py /tmp/street/data --seeds 0:500
    sightline optimize street --data "street://?seed=8000&duration=60" --training training/fine_tune.py:StreetTask \\
        --training-data /tmp/street/data --variants pruned:0.3,distilled:0.5,qat --output small

The network is read back from its ONNX file, where batch normalisation is a part of the convolutions, and gets it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from data import CLASSES, Batch, Crops
from export import export
from loss import DetectionLoss, Targets, ciou, corners
from model import Conv, Raw, StreetDetector, centres
from torch import Tensor, nn
from torch.nn import functional
from train import halves

SIZE = (384, 256)
"""Width and height of the crops that are taught."""


def bundled_weights() -> Path:
    """The detector's file in the package."""
    with resources.as_file(resources.files("sightline.models.bundled") / "street.onnx") as path:
        return path


def read_back(path: Path) -> StreetDetector:
    """The network of a file that ``export`` wrote, for evaluation; without batch normalisation.

    Raises ValueError: the file's convolutions are not this network's.
    """
    network = StreetDetector(len(CLASSES)).eval()
    for part in network.modules():
        if isinstance(part, Conv):
            before = part[0]
            part[0] = nn.Conv2d(
                before.in_channels,
                before.out_channels,
                before.kernel_size,
                before.stride,
                before.padding,
            )
            part[1] = nn.Identity()
    graph = onnx.load(str(path)).graph
    weights = {
        weight.name.removesuffix(".half"): onnx.numpy_helper.to_array(weight).astype(np.float32)
        for weight in graph.initializer
    }
    written = [node for node in graph.node if node.op_type == "Conv"]
    layers = _in_order(network)
    if [tuple(layer.weight.shape) for layer in layers] != [
        weights[node.input[1]].shape for node in written
    ]:
        raise ValueError(f"{path}: its convolutions are not those of model.py")
    with torch.no_grad():
        for layer, node in zip(layers, written, strict=True):
            layer.weight.copy_(torch.from_numpy(weights[node.input[1]]))
            layer.bias.copy_(torch.from_numpy(weights[node.input[2]]))
    return network


@torch.no_grad()
def with_normalization(network: StreetDetector, pictures: Tensor) -> None:
    """Give a network that was read back its batch normalisation again, in place; it finds the same.

    The statistics are those of ``pictures``; scale and shift are such that nothing changes with them.
    """
    found: dict[nn.Module, Tensor] = {}
    parts = [part for part in network.modules() if isinstance(part, Conv)]
    hooks = [
        part[0].register_forward_hook(lambda layer, _, output: found.update({layer: output}))
        for part in parts
    ]
    network.eval()(pictures)
    for hook in hooks:
        hook.remove()
    for part in parts:
        layer = part[0]
        values = found[layer] - layer.bias[:, None, None]
        variance, mean = torch.var_mean(values, (0, 2, 3))
        norm = nn.BatchNorm2d(layer.out_channels, eps=1e-3, momentum=0.03).eval()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(layer.bias + mean)
        layer.bias, part[1] = None, norm


def _pictures(batch: Batch) -> Tensor:
    """(N, 3, H, W), RGB from 0 to 1, as the network takes them."""
    pictures = torch.from_numpy(batch.pictures).float() / 255
    return pictures.contiguous(memory_format=torch.channels_last)


def _in_order(network: nn.Module) -> list[nn.Conv2d]:
    """The convolutions in the order in which they run, which is that of the exported graph."""
    layers: list[nn.Conv2d] = []
    hooks = [
        layer.register_forward_hook(lambda layer, *_: layers.append(layer))
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    return layers


OBSERVED = 32
"""Crops that tell the statistics of batch normalisation."""


@dataclass(frozen=True)
class TeacherLoss:
    """How far what was found is from what a teacher found, both of all cells (see ``model.Raw``).

    Classes by cross-entropy less the teacher's own; boxes by CIoU and by how far their distributions are
    apart (Kullback and Leibler), in proportion to how sure the teacher is of an object in that cell.
    """

    box_weight: float = 7.5
    side_weight: float = 1.5
    sure: float = 0.05
    """Boxes of cells with a lower score are not taught."""

    def __call__(self, found: Raw, teacher: Raw) -> Tensor:
        """A scalar, 0 where both are the same."""
        logits, wanted = found.logits.float(), teacher.logits.float()
        scores = wanted.sigmoid()
        best = scores.amax(2)
        norm = best[best > self.sure].sum().clamp(min=1.0)
        kind = functional.binary_cross_entropy_with_logits(logits, scores, reduction="sum")
        least = functional.binary_cross_entropy_with_logits(wanted, scores, reduction="sum")
        picture, cell = torch.nonzero(best > self.sure, as_tuple=True)
        weight = best[picture, cell]
        boxes = corners(found.boxes[picture, cell].float())
        theirs = corners(teacher.boxes[picture, cell].float())
        box = ((1 - ciou(boxes, theirs)) * weight).sum()
        sides = found.sides[picture, cell].float().log_softmax(2)
        spread = teacher.sides[picture, cell].float().log_softmax(2)
        apart = (spread.exp() * (spread - sides)).sum(2).mean(1)
        side = (apart * weight).sum()
        return ((kind - least) + self.box_weight * box + self.side_weight * side) / norm


class StreetTask:
    """See ``sightline.optimize.training.task.TrainingTask``.

    Args:
        data: the folder that ``data.py`` wrote.
        seed: of the crops.
        count: crops of a step.
    """

    rate = 3e-3

    def __init__(self, data: str, seed: int = 0, count: int = 8) -> None:
        cv2.setNumThreads(1)
        self._crops = Crops(Path(data), SIZE, seed)
        self._count = count
        self._truth = DetectionLoss(*centres(*SIZE))
        self._teacher = TeacherLoss()

    def network(self) -> StreetDetector:
        """The detector with its weights."""
        network = read_back(bundled_weights())
        with_normalization(network, _pictures(self._crops.batch(0, OBSERVED)))
        return network.to(memory_format=torch.channels_last)

    def batches(self, first: int) -> Iterator[Batch]:
        """Crops of the streets that may be trained on."""
        step = first
        while True:
            yield self._crops.batch(step, self._count)
            step += 1

    def loss(self, network: nn.Module, batch: Batch, teacher: nn.Module | None) -> Tensor:
        """How far the network is from the truth, or from the teacher."""
        pictures = _pictures(batch)
        with torch.autocast("cpu", torch.bfloat16, enabled=halves("cpu")):
            found = network(pictures)
        if teacher is None:
            objects = (torch.from_numpy(a) for a in (batch.owner, batch.boxes, batch.classes))
            targets = Targets.of(len(pictures), *objects, torch.from_numpy(batch.ignored))
            return self._truth(found, targets).total
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=halves("cpu")):
            wanted = teacher.raw(pictures)
        return self._teacher(found, wanted)

    def export(self, network: nn.Module, path: Path) -> None:
        """Write a detector as the bundled one was written.

        Pictures of noise, on which it is compared, move boxes of nothing far: what a variant finds is judged later.
        """
        export(network, path, tolerance=0.1)

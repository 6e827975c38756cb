"""The street detector with masks: prototypes of the whole picture, and coefficients of each object.

Bolya et al. 2019, "YOLACT" (arXiv 1904.02689): a mask is the sum of the prototypes, each times the
object's coefficient, where that is above 0, within the object's box. Most objects of a street are
small and thin, so the prototypes are at stride 2: at stride 4 even the best ones lose half of the
bicycles' and a quarter of the people's average precision.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from model import Block, Conv, StreetDetector
from torch import Tensor, nn

PROTOTYPES = 16


class Prototypes(nn.Module):
    """Prototypes (N, PROTOTYPES, H / 2, W / 2) from pictures and the detector's features at strides 2, 4 and 8.

    The detector's first convolution was taught to find boxes; thin parts have one of their own.
    """

    def __init__(self, fine: int = 16, middle: int = 32, coarse: int = 48) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.from8 = nn.Sequential(Conv(coarse, coarse), Conv(coarse, middle, 1))
        self.from4 = Conv(middle, middle, 1)
        self.at4 = nn.Sequential(Block(middle), Block(middle))
        self.to2 = Conv(middle, 24, 1)
        self.edges = Conv(3, fine, 3, 2)
        self.from2 = Conv(2 * fine, 24)
        self.at2 = Block(24)
        self.last = nn.Conv2d(24, PROTOTYPES, 1)

    def forward(self, pictures: Tensor, c2: Tensor, c4: Tensor, p8: Tensor) -> Tensor:
        m4 = self.at4(self.from4(c4) + self.up(self.from8(p8)))
        fine = self.from2(torch.cat([c2, self.edges(pictures)], 1))
        return self.last(self.at2(fine + self.up(self.to2(m4))))


class StreetSegmenter(nn.Module):
    """Pictures (N, 3, H, W), RGB from 0 to 1, sides multiples of 32.

    ``forward`` gives (N, 4 + classes + PROTOTYPES, A), boxes cx cy w h in pixels, scores from 0 to 1
    and coefficients; and the prototypes (N, PROTOTYPES, H / 2, W / 2): the layout of YOLOv8-seg. The
    detector is not taught: only what makes masks has gradients.
    """

    def __init__(self, classes: int = 6, neck: int = 48) -> None:
        super().__init__()
        self.detector = StreetDetector(classes, neck).eval().requires_grad_(False)
        self.prototypes = Prototypes(coarse=neck)
        self.coefficients = nn.ModuleList(
            nn.Sequential(Conv(neck, neck), Conv(neck, neck), nn.Conv2d(neck, PROTOTYPES, 1))
            for _ in self.detector.heads
        )

    def train(self, mode: bool = True) -> StreetSegmenter:
        """As ``nn.Module.train``; the detector's normalisation stays as it was learnt."""
        super().train(mode)
        self.detector.eval()
        return self

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            halved, quartered, deepened = self.detector.to4
            c2 = halved(pictures)
            c4 = deepened(quartered(c2))
            levels = self.detector.levels(c4)
            found = self.detector.found(levels)
        told = [f(level).flatten(2) for f, level in zip(self.coefficients, levels, strict=True)]
        prototypes = self.prototypes(pictures, c2, c4, levels[0])
        return torch.cat([found, torch.cat(told, 2).to(found.dtype)], 1), prototypes


@torch.no_grad()
def take_weights(detector: StreetDetector, path: Path) -> int:
    """Put the weights of an exported detector into ``detector``, whose normalisation becomes the identity.

    The export has folded it into the convolutions. Returns how many convolutions there are.

    Raises:
        ValueError: the file has other convolutions.
        OSError: it cannot be read.
    """
    graph = onnx.load(path).graph
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    halved = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Cast"}
    modules = dict(detector.named_modules())
    wanted = {name for name, module in modules.items() if isinstance(module, nn.Conv2d)}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        name = _module_name(node.name)
        if name not in wanted:
            raise ValueError(f"{path}: the detector has no convolution {name}")
        wanted.remove(name)
        weight, bias = (torch.tensor(tensors[halved.get(i, i)]).float() for i in node.input[1:])
        modules[name].weight.copy_(weight)
        if modules[name].bias is not None:
            modules[name].bias.copy_(bias)
            continue
        parent, _, number = name.rpartition(".")
        norm = modules[f"{parent}.{int(number) + 1}"]
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.fill_(1)
        norm.bias.copy_(bias)
    if wanted:
        raise ValueError(f"{path}: has no convolution {min(wanted)}")
    return sum(isinstance(module, nn.Conv2d) for module in modules.values())


def _module_name(node: str) -> str:
    """``to4.2.body.0`` of a node that is called ``/to4/to4.2/body/body.0/Conv``."""
    parts: list[str] = []
    for part in node.strip("/").split("/")[:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts[-1] = part
        else:
            parts.append(part)
    return ".".join(parts)

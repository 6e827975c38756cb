"""What is known of a model: its tensors, its family, its engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Normalization:
    """What turns uint8 pixels into a network's input: ``(pixel * scale - mean) / std``.

    ``mean`` and ``std`` are per channel in the network's own channel order, after scaling.
    """

    scale: float = 1.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name and shape of a network's input or output; None stands for a dimension left open."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


Certainty: TypeAlias = Literal["sure", "ask", "card"]


@dataclass(frozen=True, slots=True)
class Fit:
    """How the outputs of a model fit a family.

    Args:
        outputs: places of the outputs that the family reads, in the order in which it reads them.
        classes: the number of classes that their shapes tell, or None.
        flat: they have no row for each picture, so that pictures of a batch cannot be told apart by
            the first axis.
        certainty: ``sure`` unless other models have such outputs too. Then ``ask`` wants a card, or
            the number of class names, to tell; ``card`` is for families that only a card can name,
            because another one is likelier.
        resizes: the graph resizes its pictures itself, so that it is given undistorted ones where its
            input size is open.
    """

    outputs: tuple[int, ...]
    classes: int | None = None
    flat: bool = False
    certainty: Certainty = "sure"
    resizes: bool = False


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is: ``requests`` inferences can be in flight at once.

    ``input`` is what ``submit`` takes, (N, H, W, C) uint8; open dimensions are None.
    """

    backend: str
    device: str
    precision: str
    requests: int
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]

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

DetectionTask: TypeAlias = Literal["detect", "segment", "pose", "obb"]
"""What a detector finds: boxes alone, or also masks, keypoints, or the angles of turned boxes."""


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
        task: what is told of objects beside boxes: masks (``segment``), keypoints (``pose``) or
            angles (``obb``).
        keypoint_values: of models with keypoints, the values of each candidate that the class scores
            and the keypoints share; only together with the keypoints' shape they tell ``classes``.
        class_scores: these values begin with a score for each class.
    """

    outputs: tuple[int, ...]
    classes: int | None = None
    flat: bool = False
    certainty: Certainty = "sure"
    resizes: bool = False
    task: DetectionTask = "detect"
    keypoint_values: int | None = None
    class_scores: bool = False


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

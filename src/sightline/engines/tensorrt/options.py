"""How an engine of TensorRT is built: precision, shapes, memory, and what runs it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from sightline.engines.requests import Shape
from sightline.errors import ConfigError

Precision: TypeAlias = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True)
class OptimizationProfile:
    """The shapes (N, H, W) that an engine takes: the smallest, that which it is tuned for, the largest.

    Raises ConfigError: they do not follow one another.
    """

    minimum: Shape
    optimum: Shape
    maximum: Shape

    def __post_init__(self) -> None:
        shapes = (self.minimum, self.optimum, self.maximum)
        if any(not 0 < a <= b <= c for a, b, c in zip(*shapes, strict=True)):
            raise ConfigError(
                f"optimisation profile {self}: the smallest shape comes first, then the usual one, then the "
                "largest, with no side smaller than the one before"
            )

    def __str__(self) -> str:
        return ",".join(f"{n}x{width}x{height}" for n, height, width in self.shapes)

    @property
    def shapes(self) -> tuple[Shape, Shape, Shape]:
        """Minimum, optimum and maximum."""
        return self.minimum, self.optimum, self.maximum

    @property
    def open(self) -> tuple[int | None, int | None, int | None]:
        """(N, H, W) with None for what may differ."""
        n, height, width = (
            low if low == high else None
            for low, high in zip(self.minimum, self.maximum, strict=True)
        )
        return n, height, width

    def holds(self, shape: Shape) -> bool:
        """Whether an engine of this profile takes a shape."""
        sides = zip(self.minimum, shape, self.maximum, strict=True)
        return all(low <= side <= high for low, side, high in sides)


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How an engine is built.

    Args:
        precision: of what it computes. ``int8`` needs a graph with QuantizeLinear and DequantizeLinear
            or, in a weakly typed network, pictures for the calibrator.
        profile: the shapes that it takes, where the model leaves some open.
        workspace_mb: the most memory of the device that an operator may use; None: TensorRT's own limit.
        strongly_typed: the graph says each tensor's type, and TensorRT keeps to it. None: where TensorRT
            knows nothing else (11) or the graph is quantised already. Weakly typed networks (10) get
            permission to use FP16 and INT8 where that is faster.
        dla_core: the deep learning accelerator that runs what it can; the GPU runs the rest.
    """

    precision: Precision = "fp16"
    profile: OptimizationProfile | None = None
    workspace_mb: int | None = None
    strongly_typed: bool | None = None
    dla_core: int | None = None

    def __post_init__(self) -> None:
        if self.dla_core is not None and self.precision == "fp32":
            raise ConfigError(
                "a DLA computes in FP16 and INT8 only: leave FP32 out, or build for the GPU"
            )

    def facts(self) -> dict[str, Any]:
        """What the engine depends on, for its checksum and for cards."""
        return {**asdict(self), "profile": None if self.profile is None else str(self.profile)}

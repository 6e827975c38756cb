"""What an exporter is handed: the model, and how it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sightline.engines.requests import Shape
from sightline.engines.tensorrt.calibration import CalibrationPictures
from sightline.engines.tensorrt.options import BuildOptions
from sightline.models.file import ModelFile
from sightline.types import Floats, Normalization, Pixels

Outputs: TypeAlias = list[tuple[str, Floats]]
"""The arrays that a model answers with, by name, in its order."""

Runner: TypeAlias = Callable[[Pixels], Outputs]
"""Runs a batch of pixels (N, H, W, 3) uint8 through a model, normalised as the model wants it."""

DynamicSide: TypeAlias = Literal["batch", "size"]

SourceKind: TypeAlias = Literal["network", "program", "onnx", "openvino"]
"""A PyTorch module or TorchScript, an exported program, and the two kinds of graph files."""


@dataclass(frozen=True, eq=False)
class ExportSource:
    """A model that was read.

    Args:
        kind: what it is.
        name: the file's name, or the import path.
        network: a PyTorch module in evaluation mode (``network``) or a ``torch.export.ExportedProgram``
            (``program``).
        file: an ONNX or OpenVINO model file.
        sha256: of the file.
    """

    kind: SourceKind
    name: str
    network: Any = None
    file: ModelFile | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class EngineBuild:
    """How an engine of TensorRT is built.

    Args:
        options: its precision, shapes and memory.
        cache: folder of what earlier builds have found out, and of their engines.
        pictures: what a calibrator shows the network, for INT8.
        command: what builds it again elsewhere.
    """

    options: BuildOptions
    cache: Path | None = None
    pictures: CalibrationPictures | None = None
    command: str = ""

    def compared(self, shapes: Sequence[Shape]) -> list[Shape]:
        """Those of the shapes (N, H, W) to compare on that the engine takes; at least its usual one."""
        profile = self.options.profile
        if profile is None:
            return list(shapes)
        return list(dict.fromkeys([profile.optimum, *filter(profile.holds, shapes)]))


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """A file that is to be written.

    Args:
        source: the model.
        path: of the file, or of the folder where the format is one; it does not exist.
        size: width and height of its input, in pixels.
        batch: pictures in its input, where they are not dynamic.
        dynamic: what is left open in its input.
        normalization: what is done to pixels before the network.
        order: of its channels, ``rgb`` or ``bgr``.
        input_name: of its one input; None: that of the source, or ``images``.
        output_names: of its outputs; none: those of the source.
        opset: of an ONNX file; None: that of the source, or 17.
        fp16: weights in 16 bits, where the format can.
        compute_units: what Core ML may run on.
        coreml_target: the oldest system that a Core ML package runs on: ``iOS16``.
        build: of an engine of TensorRT.
    """

    source: ExportSource
    path: Path
    size: tuple[int, int]
    batch: int = 1
    dynamic: frozenset[DynamicSide] = frozenset()
    normalization: Normalization = field(default_factory=Normalization)
    order: str = "rgb"
    input_name: str | None = None
    output_names: tuple[str, ...] = ()
    opset: int | None = None
    fp16: bool = False
    compute_units: str = "ALL"
    coreml_target: str = "iOS16"
    build: EngineBuild | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of an example: batch, 3, height, width."""
        return (self.batch, 3, self.size[1], self.size[0])

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """As ``shape``, with None where it is dynamic."""
        n, channels, height, width = self.shape
        resized = "size" in self.dynamic
        return (
            None if "batch" in self.dynamic else n,
            channels,
            None if resized else height,
            None if resized else width,
        )

"""The layers of a model, and what follows from them: operators, work and size. Knows no file format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sightline.types import TensorSpec

BITS: Mapping[str, int] = {"fp32": 32, "fp16": 16, "int8": 8}
"""Precisions that a model's size is estimated for."""

MOST_METADATA = 500
"""Characters of one entry of metadata that are shown."""


@dataclass(frozen=True)
class Weight:
    """A constant tensor: its shape, the bits of an element, and whether its elements are numbers that
    a conversion to another precision would change."""

    shape: tuple[int, ...]
    bits: int
    convertible: bool

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        count = 1
        for side in self.shape:
            count *= side
        return count

    def bytes_at(self, bits: int, *, quantized: bool) -> int:
        """Its size with elements of ``bits``.

        ``quantized`` weights of whole numbers have an FP32 scale for each output channel.
        """
        if not self.convertible:
            return (self.elements * self.bits + 7) // 8
        scales = 4 * self.shape[0] if quantized else 0
        return (self.elements * bits + 7) // 8 + scales


@dataclass(frozen=True)
class Layer:
    """One node of a model's graph.

    ``macs`` are the multiply-accumulates of one picture; None: they are not counted for this
    operator, or not known because a shape is open. ``counted`` says which.
    """

    name: str
    operator: str
    weights: tuple[Weight, ...] = ()
    macs: int | None = None
    counted: bool = False

    @property
    def parameters(self) -> int:
        """Elements of its weights."""
        return sum(weight.elements for weight in self.weights)


@dataclass(frozen=True)
class OperatorCount:
    """All layers of one operator; ``macs`` is None where this operator's work is not counted or not
    known for each of them."""

    operator: str
    count: int
    parameters: int
    macs: int | None


@dataclass(frozen=True)
class Inspection:
    """What a model file holds.

    Args:
        format: ``onnx``, ``openvino`` or ``torch``.
        producer: the program that wrote the file, where it says so.
        opsets: the version of each set of operators, by its domain.
        metadata: what its exporter noted, shortened.
        inputs: its inputs, as the file declares them.
        outputs: its outputs, as the file declares them.
        layers: its nodes, in the file's order.
        size_bytes: of the file, with its weights.
        at: the input (width, height) that the work is counted for; None: the file's own shapes.
        notes: what is not counted, and why.
    """

    format: str
    producer: str
    opsets: Mapping[str, int]
    metadata: Mapping[str, str]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    layers: tuple[Layer, ...]
    size_bytes: int
    at: tuple[int, int] | None
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Elements of all weights."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates for one picture; None where a layer's are not known."""
        counted = [layer.macs for layer in self.layers if layer.counted]
        known = [macs for macs in counted if macs is not None]
        return sum(known) if counted and len(known) == len(counted) else None

    def operators(self) -> list[OperatorCount]:
        """The layers by operator: those with most work first, then those with most parameters."""
        table: dict[str, list[Layer]] = {}
        for layer in self.layers:
            table.setdefault(layer.operator, []).append(layer)
        rows = [_row(operator, layers) for operator, layers in table.items()]
        return sorted(rows, key=lambda row: (-(row.macs or 0), -row.parameters, -row.count))

    def largest(self, count: int = 10) -> list[Layer]:
        """The layers with most parameters."""
        found = sorted(self.layers, key=lambda layer: -layer.parameters)[:count]
        return [layer for layer in found if layer.parameters]

    def size_at(self, precision: str) -> int | None:
        """Bytes of the file with weights of a precision (``BITS``), estimated from its tensors.

        INT8 leaves vectors (biases, norms) in FP32, as quantisers do. None where the file's tensors
        are not known.
        """
        weights = [weight for layer in self.layers for weight in layer.weights]
        if not weights:
            return None
        stored = sum(w.bytes_at(w.bits, quantized=False) for w in weights)
        around = max(0, self.size_bytes - stored)  # the graph itself
        return around + sum(_bytes(weight, precision) for weight in weights)


def _bytes(weight: Weight, precision: str) -> int:
    if precision != "int8":
        return weight.bytes_at(BITS[precision], quantized=False)
    is_matrix = len(weight.shape) > 1
    return weight.bytes_at(8 if is_matrix else 32, quantized=is_matrix)


def _row(operator: str, layers: Sequence[Layer]) -> OperatorCount:
    known = [layer.macs for layer in layers if layer.macs is not None]
    return OperatorCount(
        operator,
        len(layers),
        sum(layer.parameters for layer in layers),
        sum(known) if len(known) == len(layers) else None,
    )


def shortened(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata whose long entries end in an ellipsis."""
    return {
        key[:MOST_METADATA]: text if len(text) <= MOST_METADATA else f"{text[:MOST_METADATA]}…"
        for key, text in metadata.items()
    }

"""The layers of an OpenVINO IR, read by OpenVINO itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline.engines.openvino_ import shared_core
from sightline.errors import ModelError
from sightline.optimize.inspection.layers import Inspection, Layer, Weight
from sightline.types import TensorSpec


def inspect_openvino(path: Path, size: tuple[int, int] | None) -> Inspection:
    """What an OpenVINO IR holds. See ``inspect_onnx``.

    Raises:
        EngineUnavailable: OpenVINO is not installed.
        ModelError: it cannot read the file.
    """
    core = shared_core()
    try:
        model = core.read_model(str(path))
    except RuntimeError as exc:
        raise ModelError(f"{path}: not a whole OpenVINO IR: {str(exc).splitlines()[-1]}") from exc
    inputs, outputs = map(_specs, (model.inputs, model.outputs))
    at = _reshaped(model, size)
    layers = tuple(_layers(model))
    notes = []
    unknown = [layer.name for layer in layers if layer.counted and layer.macs is None]
    if unknown:
        notes.append(
            f"the work of {len(unknown)} layers is not known, {unknown[0]} among them: where the input is "
            "open, give it with --size"
        )
    weights = path.with_suffix(".bin")
    return Inspection(
        format="openvino",
        producer="",
        opsets={},
        metadata={},
        inputs=inputs,
        outputs=outputs,
        layers=layers,
        size_bytes=path.stat().st_size + (weights.stat().st_size if weights.is_file() else 0),
        at=at,
        notes=tuple(notes),
    )


def _specs(ports: Any) -> tuple[TensorSpec, ...]:
    def spec(port: Any) -> TensorSpec:
        shape = port.partial_shape
        dims: tuple[int | None, ...] = ()
        if shape.rank.is_static:
            dims = tuple(d.get_length() if d.is_static else None for d in shape)
        names = sorted(port.names)
        return TensorSpec(names[0] if names else port.node.friendly_name, dims, _dtype(port))

    return tuple(map(spec, ports))


def _dtype(port: Any) -> str:
    """NumPy's name of an element type; OpenVINO's own where NumPy has none."""
    try:
        return str(port.element_type.to_dtype().name)
    except RuntimeError:
        return str(port.element_type.to_string())


def _reshaped(model: Any, size: tuple[int, int] | None) -> tuple[int, int] | None:
    """Give the one picture input its size, where it is open; the size that results."""
    if len(model.inputs) != 1:
        return None
    (spec,) = _specs(model.inputs)
    if len(spec.shape) != 4:
        return None
    rows = 1 if spec.shape[3] in {1, 3} and spec.shape[1] not in {1, 3} else 2
    shape: list[int | None] = [spec.shape[0] or 1, *spec.shape[1:]]
    for axis, side in zip((rows, rows + 1), (size or (None, None))[::-1], strict=True):
        shape[axis] = shape[axis] or side
    if None in shape:
        return None
    if tuple(shape) != spec.shape:
        try:
            model.reshape(shape)
        except RuntimeError:  # its graph has another size baked in
            return None
    height, width = shape[rows], shape[rows + 1]
    return (width, height) if width and height else None


def _layers(model: Any) -> Iterator[Layer]:
    """The nodes that compute something of the input. Those that only make a weight of constants (its
    type, scale, shape) belong to the node that takes it; each constant counts once."""
    constants: dict[str, object] = {}
    counted: set[str] = set()
    for node in model.get_ordered_ops():
        kind, name = node.get_type_name(), node.get_name()
        sources = [port.get_source_output().get_node() for port in node.inputs()]
        if kind == "Constant" or (sources and all(s.get_name() in constants for s in sources)):
            constants[name] = node
            continue
        if kind in {"Parameter", "Result", "ShapeOf"}:
            continue
        macs = _COUNTED.get(kind)
        yield Layer(
            node.get_friendly_name(),
            kind,
            tuple(w for s in sources if s.get_name() in constants for w in _weights(s, counted)),
            macs(node) if macs else None,
            counted=macs is not None,
        )


def _weights(node: Any, counted: set[str]) -> Iterator[Weight]:
    """The constants that a node is made of, but for those that were counted already."""
    if node.get_name() in counted:
        return
    counted.add(node.get_name())
    if node.get_type_name() != "Constant":
        for port in node.inputs():
            yield from _weights(port.get_source_output().get_node(), counted)
        return
    kind = node.get_element_type()
    shape, name = tuple(node.get_output_shape(0)), kind.to_string()
    small = name in {"i8", "u8", "i4", "u4"} and len(shape) > 1
    yield Weight(shape, kind.bitwidth, convertible=small or name.startswith(("f", "bf")))


def _shape(port: Any) -> list[int] | None:
    return list(port.get_shape()) if port.get_partial_shape().is_static else None


def _conv(node: Any) -> int | None:
    """Weights are (out, in, kernel…), of groups (groups, out, in, kernel…)."""
    out, weight = _shape(node.output(0)), _shape(node.input(1))
    skipped = 2 if node.get_type_name() == "GroupConvolution" else 1
    return None if out is None or weight is None else math.prod(out) * math.prod(weight[skipped:])


def _conv_backwards(node: Any) -> int | None:
    """Weights are (in, out, kernel…), of groups (groups, in, out, kernel…)."""
    given, weight = _shape(node.input(0)), _shape(node.input(1))
    skipped = 2 if node.get_type_name().startswith("Group") else 1
    return (
        None if given is None or weight is None else math.prod(given) * math.prod(weight[skipped:])
    )


def _matmul(node: Any) -> int | None:
    given, out = _shape(node.input(0)), _shape(node.output(0))
    transposed = bool(node.get_attributes().get("transpose_a"))
    if out is None or not given:
        return None
    return math.prod(out) * given[-2 if transposed and len(given) > 1 else -1]


_COUNTED: Mapping[str, Callable[[Any], int | None]] = {
    "Convolution": _conv,
    "GroupConvolution": _conv,
    "ConvolutionBackpropData": _conv_backwards,
    "GroupConvolutionBackpropData": _conv_backwards,
    "MatMul": _matmul,
}

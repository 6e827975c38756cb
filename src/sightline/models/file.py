"""A model file as a graph: what goes in, what comes out, what its exporter wrote about it.

Knows ONNX and OpenVINO IR as file formats, PyTorch programs by name only, and of TensorRT's engines what is
told in front of them; knows no runtime and no boxes.
"""

from __future__ import annotations

import hashlib
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sightline.errors import ModelError
from sightline.foreign_files.mistaken import file_mistaken_for
from sightline.model_inputs import ModelInputs, read_inputs
from sightline.models.exporters import other_formats
from sightline.models.exporters.metadata import program_metadata, yaml_metadata
from sightline.models.graphs.inputs import take_one_picture
from sightline.models.zoo import missing_file
from sightline.plan_file import PLAN_SUFFIXES, read_words, record_of
from sightline.types import TensorSpec

if TYPE_CHECKING:
    from onnx import GraphProto

Shape = tuple[int | None, ...]

TORCH_SUFFIXES = {".torchscript", ".ts", ".pt2"}
"""Suffixes of PyTorch programs. Most `.pt` files are checkpoints, which are no programs."""

IR_TYPES = {"FP16": "float16", "U8": "uint8", "I8": "int8", "I32": "int32", "I64": "int64"}
"""OpenVINO's names of element types -> NumPy's."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A model that was read: ``input`` is (N, 3, H, W); open dimensions are None.

    ``inputs`` are those that the file itself declares, the picture's among them. The ``graph`` of an
    ONNX model has been given the one input; of an OpenVINO IR, the engine does so.
    """

    path: Path
    format: Literal["onnx", "openvino", "torch", "tensorrt"]
    input: TensorSpec
    inputs: tuple[TensorSpec, ...]
    channels: int
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str]
    opset: int | None
    parameters: int
    graph: GraphProto = None  # onnx.ModelProto where the format is ONNX
    changed: bool = False  # the graph is no longer what the file holds

    @property
    def content(self) -> Path | bytes:
        """What an engine is handed: the file, or the graph's bytes where it was changed."""
        if self.graph is None or not self.changed:
            return self.path
        content: bytes = self.graph.SerializeToString()
        return content

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file's bytes, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def weights_sha256(self) -> str:
        """The SHA-256 of the file, its card and files with its weights, in hexadecimal; for a file alone, ``sha256``."""
        if not (beside := self._beside()):
            return self.sha256
        digest = hashlib.sha256()
        for path in (self.path, *beside):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def _beside(self) -> list[Path]:
        """Files that decide what the model says, and are there: weights, and the card beside it."""
        names = {self.path.with_suffix(".yaml").name}
        if self.format == "openvino":
            names.add(self.path.with_suffix(".bin").name)
        if self.graph is not None:
            stored = (entry for one in self.graph.graph.initializer for entry in one.external_data)
            names |= {entry.value for entry in stored if entry.key == "location"}
        return sorted(path for name in names if (path := self.path.parent / name).is_file())

    @property
    def size_bytes(self) -> int:
        """On disk, weights included."""
        weights = self.path.with_suffix(".bin")
        return self.path.stat().st_size + (
            weights.stat().st_size if self.format == "openvino" else 0
        )

    def output_shapes(self, batch: int, height: int, width: int) -> list[Shape] | None:
        """Shapes of the outputs for one input size, or None where that size cannot run.

        Only ONNX graphs can be asked about another size than their own.
        """
        own = self.input.shape == (batch, 3, height, width)
        if own and all(o.shape and None not in o.shape for o in self.outputs):
            return [o.shape for o in self.outputs]
        if self.graph is None:
            return None
        return onnx_output_shapes(self.graph, (batch, 3, height, width))

    def outputs_at(self, size: tuple[int, int]) -> list[TensorSpec]:
        """The outputs with the shapes that they have for a picture of ``size`` (width, height).

        Where that cannot be worked out, with those that the file declares.
        """
        shapes = self.output_shapes(self.input.shape[0] or 1, size[1], size[0])
        if shapes is None:
            return list(self.outputs)
        pairs = zip(self.outputs, shapes, strict=True)
        return [replace(output, shape=shape or output.shape) for output, shape in pairs]


def open_model(path: Path) -> ModelFile:
    """Read an ``.onnx`` or OpenVINO ``.xml`` file. A PyTorch program and an engine of TensorRT are not run to
    read them: their card says what they are, or the words of Ultralytics or of Sightline in them.

    Raises:
        ModelError: it is missing, broken, of another format, or does not take one picture input.
    """
    if not path.is_file():
        raise missing_file(path)
    suffix = path.suffix.lower()
    _refuse_mistaken(path)
    if suffix == ".onnx":
        model = _open_onnx(path)
    elif suffix == ".xml":
        model = _open_ir(path)
    elif suffix in TORCH_SUFFIXES:
        model = _open_program(path)
    elif suffix in PLAN_SUFFIXES:
        model = _open_engine(path)
    else:
        raise ModelError(
            f"{path}: unknown model format {path.suffix or '(none)'}: it is {other_formats.about(path)}"
        )
    return model


def _refuse_mistaken(path: Path) -> None:
    """Raise ModelError where a download has brought something else in the model's place, and it is known what."""
    other = file_mistaken_for(path)
    if other is not None and not _is_torch_archive(path):
        raise ModelError(f"{path}: no model, but {other}")


def _is_torch_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() in {*TORCH_SUFFIXES, ".pt", ".pth"} and file.read(2) == b"PK"


def onnx_output_shapes(graph: GraphProto, shape: tuple[int, int, int, int]) -> list[Shape] | None:
    """Infer the output shapes of an ONNX model for one input ``shape``; None where it cannot run.

    Works on a copy without the shapes that the exporter wrote down, so that a graph with sizes
    baked into its nodes shows them as a contradiction.
    """
    import onnx

    copy = copied(graph)
    set_input_shape(copy, shape)
    try:
        inferred = onnx.shape_inference.infer_shapes(copy, strict_mode=True, data_prop=True)
    except (onnx.shape_inference.InferenceError, RuntimeError):
        return None  # the sizes contradict each other: this size cannot run
    return [_onnx_shape(o) for o in inferred.graph.output]


def copied(graph: GraphProto) -> Any:
    """An ONNX model that can be changed without changing this one."""
    copy = type(graph)()
    copy.CopyFrom(graph)
    return copy


def set_input_shape(graph: GraphProto, shape: tuple[int | str, ...]) -> None:
    """Give an ONNX model another input shape, in place, and forget all shapes that follow."""
    weights = {w.name for w in graph.graph.initializer}
    (picture,) = [i for i in graph.graph.input if i.name not in weights]
    for dim, value in zip(picture.type.tensor_type.shape.dim, shape, strict=True):
        dim.Clear()
        if isinstance(value, str):
            dim.dim_param = value
        else:
            dim.dim_value = value
    for output in graph.graph.output:
        output.type.tensor_type.ClearField("shape")
    del graph.graph.value_info[:]


def _onnx_shape(value: Any) -> Shape:
    return tuple(
        d.dim_value if d.HasField("dim_value") else None for d in value.type.tensor_type.shape.dim
    )


def load_onnx(path: Path) -> Any:
    """The ``onnx.ModelProto`` of a file, with weights that lie beside it. Raises ModelError."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(str(path))
    except (
        onnx.checker.ValidationError,
        ValueError,
    ) as exc:  # raised for weights in files beside it only
        raise ModelError(
            f"{path}: its weights cannot be used: {str(exc).rstrip('. ')}. They must be files in the model's own folder: put them "
            "there, or save the model in one file"
        ) from exc
    except (DecodeError, OSError) as exc:
        raise ModelError(
            f"{path}: not a whole ONNX model (truncated, or another format): {exc}"
        ) from exc
    if not graph.graph.node:
        raise ModelError(f"{path}: not a whole ONNX model: it holds no graph")
    return graph


def _open_onnx(path: Path) -> ModelFile:
    import onnx

    graph = load_onnx(path)

    def spec(value: Any) -> TensorSpec:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        return TensorSpec(value.name, _onnx_shape(value), str(dtype))

    weights = {w.name for w in graph.graph.initializer}
    declared = tuple(spec(i) for i in graph.graph.input if i.name not in weights)
    inputs = _inputs(path, declared)
    parameters = sum(math.prod(w.dims) for w in graph.graph.initializer)
    if not inputs.is_plain:
        take_one_picture(graph, inputs)
    return ModelFile(
        path=path,
        format="onnx",
        input=_picture(declared, inputs),
        inputs=declared,
        channels=inputs.channels,
        outputs=tuple(spec(o) for o in graph.graph.output),
        metadata={p.key: p.value for p in graph.metadata_props},
        opset=next((o.version for o in graph.opset_import if o.domain in {"", "ai.onnx"}), None),
        parameters=parameters,
        graph=graph,
        changed=not inputs.is_plain,
    )


def _inputs(path: Path, declared: tuple[TensorSpec, ...]) -> ModelInputs:
    try:
        return read_inputs(declared)
    except ModelError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def _picture(declared: tuple[TensorSpec, ...], inputs: ModelInputs) -> TensorSpec:
    """The one input that is left, (N, 3, H, W)."""
    n, _, height, width = inputs.shape
    return replace(declared[inputs.picture], shape=(n, 3, height, width))


def _open_program(path: Path) -> ModelFile:
    """A PyTorch program, with what Ultralytics has written into it; its input is of that size only."""
    metadata = program_metadata(path)
    pixels = _told_input(metadata)
    return ModelFile(path, "torch", pixels, (pixels,), 3, (), metadata, None, 0)


def _open_engine(path: Path) -> ModelFile:
    """An engine of TensorRT, with what Sightline or Ultralytics has written in front of it."""
    words = read_words(path)
    record = record_of(words, path)
    if record is None:
        metadata = {key: str(value) for key, value in words.items()}
        pixels, outputs = (
            _told_input(metadata, dynamic="'dynamic': True" in metadata.get("args", "")),
            (),
        )
        return ModelFile(path, "tensorrt", pixels, (pixels,), 3, outputs, metadata, None, 0)
    n, height, width, _ = record.input
    pixels = TensorSpec("images", (n, 3, height, width))
    return ModelFile(path, "tensorrt", pixels, (pixels,), 3, record.outputs, {}, None, 0)


def _told_input(metadata: Mapping[str, str], *, dynamic: bool = False) -> TensorSpec:
    """The input (N, 3, H, W) that Ultralytics' words tell of; what they do not fix is open."""
    size = re.fullmatch(r"\[(\d+), (\d+)\]", metadata.get("imgsz", ""))
    if size is None or dynamic:
        return TensorSpec("images", (None, 3, None, None))
    batch = metadata.get("batch", "")
    n = int(batch) if batch.isdecimal() else None
    return TensorSpec("images", (n, 3, int(size[1]), int(size[2])))


def _open_ir(path: Path) -> ModelFile:
    """Read an OpenVINO IR: an XML of layers with a ``.bin`` of weights beside it."""
    if not path.with_suffix(".bin").is_file():
        raise ModelError(f"{path}: its weights {path.with_suffix('.bin').name} are not beside it")
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - a model runs code-like graphs anyway: trusted
        return _read_ir(path, root)
    except (ET.ParseError, KeyError, ValueError) as exc:
        raise ModelError(f"{path}: not a whole OpenVINO IR: {exc!r}") from exc


def _read_ir(path: Path, root: ET.Element) -> ModelFile:
    """Raises KeyError or ValueError where the XML contradicts itself."""

    def dims(port: ET.Element) -> Shape:
        return tuple(None if (v := int(d.text or -1)) < 0 else v for d in port.findall("dim"))

    def spec(layer: ET.Element, port: ET.Element, named: str | None = None) -> TensorSpec:
        # The first in the alphabet, as the engine names them.
        names = (named or port.get("names") or layer.get("name") or "").split(",")
        return TensorSpec(
            min(names), dims(port), IR_TYPES.get(port.get("precision", ""), "float32")
        )

    layers = list(root.iter("layer"))
    by_port = {
        (la.get("id"), p.get("id")): (la, p) for la in layers for p in la.iterfind("output/port")
    }
    declared = tuple(spec(la, p) for la, p in by_port.values() if la.get("type") == "Parameter")
    if root.tag != "net":
        raise ModelError(f"{path}: an OpenVINO IR with one picture input is needed")
    inputs = _inputs(path, declared)
    ends = {la.get("id"): la.get("output_names") for la in layers if la.get("type") == "Result"}
    edges = [e for e in root.iter("edge") if e.get("to-layer") in ends]
    edges.sort(key=lambda e: int(e.get("to-layer") or 0))
    outputs = [
        spec(*by_port[e.get("from-layer"), e.get("from-port")], ends[e.get("to-layer")])
        for e in edges
    ]
    constants = (la.find("data") for la in layers if la.get("type") == "Const")
    return ModelFile(
        path=path,
        format="openvino",
        input=_picture(declared, inputs),
        inputs=declared,
        channels=inputs.channels,
        outputs=tuple(outputs),
        metadata=_ir_metadata(path, root),
        opset=None,
        parameters=sum(_elements(c) for c in constants if c is not None),
    )


def _ir_metadata(path: Path, root: ET.Element) -> dict[str, str]:
    """What stands in the file, and in the ``metadata.yaml`` that Ultralytics writes beside it."""
    said = {e.tag: e.get("value", "") for e in root.iterfind("rt_info/model_info/*")}
    return said | yaml_metadata(path.with_name("metadata.yaml"))


def _elements(constant: ET.Element) -> int:
    shape = [int(d) for d in (constant.get("shape") or "").split(",") if d.strip()]
    return math.prod(shape)

"""Tensors as the Open Inference Protocol (KServe v2) has them; knows no transport and no model.

What came over the wire is checked here against what a model takes, with the tensor's name in every
complaint. Raw bytes are looked at in place: the only copy is the one into the engine's memory.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from sightline.errors import InferenceError, InvalidRequest
from sightline.types import Array, JsonObject, Pixels

DATATYPES = {
    "bool": "BOOL",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "object": "BYTES",
}
"""NumPy's names of element types -> the protocol's."""

NUMPY = {datatype: name for name, datatype in DATATYPES.items()}

MOST_SIDES = 8
"""Dimensions of a tensor: real models have five at most."""

JSON_PIECE = 4096
"""Numbers that are written as JSON at a time: other threads get their turn between pieces."""

Parameter: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """Name, element type and shape of a tensor as a model has it; -1 is a side left open."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def to_dict(self) -> JsonObject:
        """As the protocol's metadata has a tensor; an open dimension is -1."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor's bytes are in shared memory: so many, at an offset in a registered region."""

    region: str
    size: int
    offset: int = 0

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that name the place in shared memory."""
        named: dict[str, Parameter] = dict(
            zip(PLACE, (self.region, self.size, self.offset), strict=True)
        )
        return named if self.offset else {n: v for n, v in named.items() if n != PLACE[2]}


@dataclass(frozen=True, slots=True)
class InputTensor:
    """A tensor of a request, unchecked.

    Its content is either ``raw``, the elements' bytes (little-endian; each of BYTES behind its
    length, uint32), or ``values``: numbers, nested or flat, or for BYTES ``bytes`` or base64 text; or
    it is at a ``place``.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes | memoryview | None = None
    values: Sequence[Any] | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One inference that a client asks for. ``outputs`` are those wanted, in order; none: all.
    ``places`` are of outputs that go into shared memory."""

    model: str
    inputs: Sequence[InputTensor]
    version: str = ""
    id: str = ""
    outputs: Sequence[str] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor of an answer; ``array`` is contiguous. With a ``place`` its bytes are there already."""

    name: str
    array: Array
    place: Place | None = None

    @property
    def datatype(self) -> str:
        """The protocol's name of the array's type: ``FP32``."""
        return DATATYPES[self.array.dtype.name]

    @property
    def raw(self) -> memoryview | bytes:
        """The elements' bytes, not copied but for BYTES, each of which stands behind its length."""
        if self.array.dtype.kind == "O":
            texts = [_encoded(value) for value in self.array.reshape(-1).tolist()]
            return b"".join(piece for text in texts for piece in (_LENGTH.pack(len(text)), text))
        flat = np.ascontiguousarray(self.array).reshape(-1)
        return flat.view(np.uint8).data if flat.size else memoryview(b"")

    def json(self) -> Iterator[str]:
        """The elements as a flat JSON list, in pieces.

        Nine digits give back the same float32, seventeen the same float64. Raises InvalidRequest for
        FP16, which the protocol has as bytes only, and InferenceError for what JSON cannot say.
        """
        kind = self.array.dtype.kind
        if self.array.dtype.name == "float16":
            raise InvalidRequest(
                f"output {self.name!r}: FP16 has no form in JSON: ask for binary data"
            )
        if kind == "f" and not np.isfinite(self.array).all():
            raise InferenceError(
                f"output {self.name!r} holds NaN or infinity, which JSON cannot say: "
                "ask for binary data"
            )
        flat = self.array.reshape(-1)
        write = _WRITERS.get(self.array.dtype.name, str)
        yield "["
        for at in range(0, flat.size, JSON_PIECE):
            piece = ",".join(map(write, flat[at : at + JSON_PIECE].tolist()))
            yield f",{piece}" if at else piece
        yield "]"


_LENGTH = struct.Struct("<I")


def _encoded(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _text(value: object) -> str:
    """A JSON string; bytes that are no UTF-8 are replaced."""
    return json.dumps(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


_WRITERS: dict[str, Callable[[Any], str]] = {
    "float32": "%.9g".__mod__,
    "float64": repr,
    "bool": ("false", "true").__getitem__,
    "object": _text,
}


def array(tensor: InputTensor, spec: TensorMetadata) -> Array:
    """An input as an array of the type and shape that a model declares; read-only where it came as
    bytes, which are not copied. Sides that are left open may be 0.

    Raises InvalidRequest, naming the tensor.
    """
    check(tensor, spec, least=0)
    wanted = math.prod(tensor.shape)
    if spec.datatype == "BYTES":
        return _texts(tensor, wanted).reshape(tensor.shape)
    dtype = np.dtype(NUMPY[spec.datatype])
    if tensor.raw is not None:
        if len(tensor.raw) != wanted * dtype.itemsize:
            raise wrong(
                tensor,
                f"shape {list(tensor.shape)} of {spec.datatype} needs {wanted * dtype.itemsize} "
                f"bytes, not {len(tensor.raw)}",
            )
        flat = np.frombuffer(tensor.raw, dtype)
        if dtype.kind == "b" and flat.size and flat.view(np.uint8).max() > 1:
            raise wrong(tensor, "its elements must be 0 or 1")
    else:
        flat = _numbers(tensor, dtype)
        if flat.size != wanted:
            raise wrong(
                tensor, f"shape {list(tensor.shape)} needs {wanted} elements, not {flat.size}"
            )
    if dtype.kind == "f" and not np.isfinite(flat).all():
        raise wrong(tensor, "it holds NaN or infinity")
    return flat.reshape(tensor.shape)


def _numbers(tensor: InputTensor, dtype: np.dtype[Any]) -> Array:
    if dtype == np.float16:
        raise wrong(tensor, "FP16 has no form as numbers: send it as binary data")
    values = _flat(tensor)
    kinds: dict[str, set[type]] = {"b": {bool}, "f": {int, float}}
    allowed = kinds.get(dtype.kind, {int})
    if not set(map(type, values)) <= allowed:
        what = {"b": "true or false", "f": "numbers"}.get(dtype.kind, "whole numbers")
        raise wrong(tensor, f"its elements must be {what}")
    if dtype.kind in "iu" and values:
        info = np.iinfo(dtype)
        if min(values) < info.min or max(values) > info.max:
            raise wrong(tensor, f"its elements must be from {info.min} to {info.max}")
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            return np.array(values, dtype)
    except (OverflowError, ValueError) as exc:
        raise wrong(tensor, f"its elements must be numbers that {dtype.name} holds") from exc


def _texts(tensor: InputTensor, wanted: int) -> Array:
    """The elements of BYTES as texts: ONNX has no other strings than UTF-8."""
    if tensor.raw is not None:
        items: Sequence[object] = _split(tensor, wanted)
    else:
        items = _flat(tensor)
    if len(items) != wanted:
        raise wrong(tensor, f"shape {list(tensor.shape)} needs {wanted} elements, not {len(items)}")
    found = np.empty(wanted, object)
    for i, item in enumerate(items):
        try:
            found[i] = item.decode() if isinstance(item, bytes) else item
        except UnicodeDecodeError as exc:
            raise wrong(tensor, f"element {i} is no UTF-8 text") from exc
        if not isinstance(found[i], str):
            raise wrong(tensor, f"element {i} must be text")
    return found


def pixels(tensor: InputTensor, spec: TensorMetadata) -> Pixels:
    """The uint8 array of an input, a read-only view of its bytes where it came as bytes.

    Raises InvalidRequest, naming the tensor.
    """
    check(tensor, spec)
    if tensor.raw is not None:
        flat = np.frombuffer(tensor.raw, np.uint8)
    else:
        values = _flat(tensor)
        try:
            flat = np.frombuffer(bytes(values), np.uint8)
        except (TypeError, ValueError) as exc:
            raise wrong(tensor, "its elements must be whole numbers from 0 to 255") from exc
    wanted = math.prod(tensor.shape)
    if flat.size != wanted:
        raise wrong(tensor, f"shape {list(tensor.shape)} needs {wanted} elements, not {flat.size}")
    return flat.reshape(tensor.shape)


def encoded(tensor: InputTensor, spec: TensorMetadata) -> list[bytes]:
    """The elements of a BYTES input. Raises InvalidRequest, naming the tensor."""
    check(tensor, spec)
    wanted = math.prod(tensor.shape)
    if tensor.raw is not None:
        items = _split(tensor, wanted)
    else:
        items = [_decoded(tensor, value) for value in _flat(tensor)]
    if len(items) != wanted:
        raise wrong(tensor, f"shape {list(tensor.shape)} needs {wanted} elements, not {len(items)}")
    return items


def check(tensor: InputTensor, spec: TensorMetadata, least: int = 1) -> None:
    """Type and shape must be the model's. Raises InvalidRequest, naming the tensor."""
    if tensor.datatype != spec.datatype:
        raise wrong(tensor, f"datatype must be {spec.datatype}, not {tensor.datatype!r:.40}")
    shape = tensor.shape
    fits = len(shape) == len(spec.shape) and all(
        have >= least and want in {-1, have} for have, want in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        raise wrong(
            tensor, f"shape must be {list(spec.shape)} (-1: {least} or more), not {list(shape)}"
        )


MISSING, TWICE = "its content is missing", "its content is given twice"
"""What is wrong with a tensor, whichever transport brings it."""

PLACE = ("shared_memory_region", "shared_memory_byte_size", "shared_memory_offset")

UNSERVED = frozenset({"classification"})
"""Parameters that would change what is answered; all others that are unknown are accepted, as the
protocol has it."""


def check_sides(name: str, shape: Sequence[int]) -> None:
    """Raises InvalidRequest where an input has more dimensions than any model."""
    if len(shape) > MOST_SIDES:
        raise InvalidRequest(f"input {name!r:.80}: its shape must have at most {MOST_SIDES} sides")


def check_parameters(what: str, names: Iterable[str]) -> None:
    """Raises InvalidRequest where a tensor has a parameter that cannot be obeyed."""
    for name in names:
        if name in UNSERVED:
            raise InvalidRequest(f"{what}: parameter {name!r} is not supported")


def place_of(what: str, parameters: Mapping[str, Parameter]) -> Place | None:
    """The place that a tensor's parameters name. Raises InvalidRequest."""
    region, size, offset = (parameters.get(name) for name in PLACE)
    if region is None:
        if size is not None or offset is not None:
            raise InvalidRequest(f"{what}: {PLACE[1]} and {PLACE[2]} need {PLACE[0]}")
        return None
    if not isinstance(region, str):
        raise InvalidRequest(f"{what}: {PLACE[0]} must be the name of a region")
    if size is None:
        raise InvalidRequest(f"{what}: {PLACE[0]} needs {PLACE[1]}")
    return Place(region, _whole(what, PLACE[1], size), _whole(what, PLACE[2], offset or 0))


def _whole(what: str, name: str, value: Parameter | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequest(f"{what}: {name} must be a whole number of bytes, not {value!r:.40}")
    return value


def wrong(tensor: InputTensor, message: str) -> InvalidRequest:
    """The error for an input that cannot be taken."""
    return InvalidRequest(f"input {tensor.name!r:.80}: {message}")


def _flat(tensor: InputTensor) -> Sequence[Any]:
    """The values of an input without their nesting, which must be that of its shape."""
    values: Sequence[Any] = tensor.values or ()
    if not values or not isinstance(values[0], list):
        return values
    for size in tensor.shape[1:]:
        if not all(isinstance(v, list) and len(v) == size for v in values):
            raise wrong(tensor, f"its lists are not nested as shape {list(tensor.shape)} says")
        values = list(chain.from_iterable(values))
    return values


def _split(tensor: InputTensor, count: int) -> list[bytes]:
    """The elements of raw BYTES; no more than ``count`` are looked at."""
    data = memoryview(tensor.raw or b"")
    items: list[bytes] = []
    at = 0
    while at < len(data) and len(items) <= count:
        if at + 4 > len(data):
            raise wrong(tensor, "its data end within the length of an element")
        (size,) = struct.unpack_from("<I", data, at)
        at += 4
        if at + size > len(data):
            raise wrong(tensor, f"element {len(items)} has {size} bytes, but fewer are there")
        items.append(bytes(data[at : at + size]))
        at += size
    return items


def _decoded(tensor: InputTensor, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as exc:
        raise wrong(tensor, "its elements must be base64 text, or come as binary data") from exc

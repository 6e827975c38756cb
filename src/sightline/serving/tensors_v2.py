"""Tensors as the Open Inference Protocol (KServe v2) has them; knows no transport and no model.

What came over the wire is checked here against what a model takes, with the tensor's name in every
complaint. Raw bytes are looked at in place: the only copy is the one into the engine's memory.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InferenceError, InvalidRequest
from sightline.types import Pixels

DATATYPES = {"uint8": "UINT8", "float32": "FP32", "int64": "INT64"}
"""NumPy's names of element types -> the protocol's."""

JSON_PIECE = 4096
"""Numbers that are written as JSON at a time: other threads get their turn between pieces."""

Parameter: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Spec:
    """Name, element type and shape of a tensor as a model has it; -1 is a side left open."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor of a request, unchecked.

    Its content is either ``raw``, the elements' bytes (little-endian; each of BYTES behind its
    length, uint32), or ``values``: numbers, nested or flat, or for BYTES ``bytes`` or base64 text.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes | memoryview | None = None
    values: Sequence[Any] | None = None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One inference that a client asks for. ``outputs`` are those wanted, in order; none: all."""

    model: str
    inputs: Sequence[Input]
    version: str = ""
    id: str = ""
    outputs: Sequence[str] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor of an answer; ``array`` is contiguous."""

    name: str
    array: NDArray[Any]

    @property
    def datatype(self) -> str:
        return DATATYPES[self.array.dtype.name]

    @property
    def raw(self) -> memoryview:
        """The elements' bytes, not copied."""
        return self.array.data.cast("B") if self.array.size else memoryview(b"")

    def json(self) -> Iterator[str]:
        """The elements as a flat JSON list, in pieces.

        Nine digits give back the same float32. Raises InferenceError for what JSON cannot say.
        """
        floats = self.array.dtype.kind == "f"
        if floats and not np.isfinite(self.array).all():
            raise InferenceError(
                f"output {self.name!r} holds NaN or infinity, which JSON cannot say: "
                "ask for binary data"
            )
        flat = self.array.reshape(-1)
        write = "%.9g".__mod__ if floats else str
        yield "["
        for at in range(0, flat.size, JSON_PIECE):
            piece = ",".join(map(write, flat[at : at + JSON_PIECE].tolist()))
            yield f",{piece}" if at else piece
        yield "]"


def pixels(tensor: Input, spec: Spec) -> Pixels:
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


def encoded(tensor: Input, spec: Spec) -> list[bytes]:
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


def check(tensor: Input, spec: Spec) -> None:
    """Type and shape must be the model's. Raises InvalidRequest, naming the tensor."""
    if tensor.datatype != spec.datatype:
        raise wrong(tensor, f"datatype must be {spec.datatype}, not {tensor.datatype!r:.40}")
    shape = tensor.shape
    fits = len(shape) == len(spec.shape) and all(
        have > 0 and want in {-1, have} for have, want in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        raise wrong(tensor, f"shape must be {list(spec.shape)} (-1: 1 or more), not {list(shape)}")


def wrong(tensor: Input, message: str) -> InvalidRequest:
    """The error for an input that cannot be taken."""
    return InvalidRequest(f"input {tensor.name!r:.80}: {message}")


def _flat(tensor: Input) -> Sequence[Any]:
    """The values of an input without their nesting, which must be that of its shape."""
    values: Sequence[Any] = tensor.values or ()
    if not values or not isinstance(values[0], list):
        return values
    for size in tensor.shape[1:]:
        if not all(isinstance(v, list) and len(v) == size for v in values):
            raise wrong(tensor, f"its lists are not nested as shape {list(tensor.shape)} says")
        values = list(chain.from_iterable(values))
    return values


def _split(tensor: Input, count: int) -> list[bytes]:
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


def _decoded(tensor: Input, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as exc:
        raise wrong(tensor, "its elements must be base64 text, or come as binary data") from exc

"""``config.pbtxt``: what Triton is told of a model (its ``ModelConfig``, in protobuf's text format)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

TYPES = {
    "float64": "TYPE_FP64",
    "float32": "TYPE_FP32",
    "float16": "TYPE_FP16",
    "int64": "TYPE_INT64",
    "int32": "TYPE_INT32",
    "int16": "TYPE_INT16",
    "int8": "TYPE_INT8",
    "uint64": "TYPE_UINT64",
    "uint32": "TYPE_UINT32",
    "uint16": "TYPE_UINT16",
    "uint8": "TYPE_UINT8",
    "bool": "TYPE_BOOL",
    "string": "TYPE_STRING",
}
"""Triton's names of element types, by NumPy's."""


@dataclass(frozen=True)
class Tensor:
    """An input or output: without the batch where the model has ``max_batch``; -1 is open. A client may leave
    an ``optional`` input out."""

    name: str
    dtype: str
    dims: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class TritonModel:
    """One model of a repository.

    Args:
        backend: of Triton: ``onnxruntime`` or ``python``.
        max_batch: the most that Triton joins; 0: it joins none.
        preferred: sizes of a batch that Triton waits for, at most ``delay_us``.
        instances: how many run side by side.
        kind: where they run.
        parameters: what the model is told, by name.
        kept_versions: so many versions, the newest, are served.
    """

    name: str
    backend: str
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    max_batch: int = 0
    preferred: Sequence[int] = ()
    delay_us: int = 0
    instances: int = 1
    kind: Literal["KIND_CPU", "KIND_GPU"] = "KIND_CPU"
    parameters: Mapping[str, str] | None = None
    kept_versions: int = 1


def config_text(model: TritonModel) -> str:
    """The content of ``config.pbtxt``."""
    lines = [
        f"name: {_text(model.name)}",
        f"backend: {_text(model.backend)}",
        f"max_batch_size: {model.max_batch}",
        f"version_policy: {{ latest: {{ num_versions: {model.kept_versions} }} }}",
        *(_tensor("input", one) for one in model.inputs),
        *(_tensor("output", one) for one in model.outputs),
        f"instance_group [ {{ count: {model.instances} kind: {model.kind} }} ]",
    ]
    if model.max_batch:
        preferred = ", ".join(map(str, model.preferred))
        lines.append(
            f"dynamic_batching {{ preferred_batch_size: [ {preferred} ] "
            f"max_queue_delay_microseconds: {model.delay_us} }}"
        )
    for key, value in (model.parameters or {}).items():
        lines.append(
            f"parameters {{ key: {_text(key)} value: {{ string_value: {_text(value)} }} }}"
        )
    return "\n".join(lines) + "\n"


def described(lines: Iterable[str]) -> list[str]:
    """The lines of ``config_text`` that every version of a model must share: how it is run, called and answers."""
    shared = ("backend", "input", "output", "parameters")
    return [line for line in lines if line.startswith(shared) and 'key: "most"' not in line]


def _tensor(kind: str, tensor: Tensor) -> str:
    dims = ", ".join(map(str, tensor.dims))
    more = " optional: true" if tensor.optional else ""
    return f"{kind} [ {{ name: {_text(tensor.name)} data_type: {TYPES[tensor.dtype]} dims: [ {dims} ]{more} }} ]"


def _text(value: str) -> str:
    """A string of protobuf's text format, which escapes as JSON does for printable ASCII."""
    return json.dumps(value, ensure_ascii=False)

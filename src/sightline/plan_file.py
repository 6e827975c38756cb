"""Files of TensorRT engines: the plan that TensorRT has serialised, and what is told of it in front.

The form is that of Ultralytics' exports: the length of the words in four bytes (little-endian, signed),
the words as a JSON object, then the plan. A file that TensorRT's own tools write holds the plan alone.
What Sightline tells stands in the words under ``sightline``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.errors import ModelError
from sightline.types import Normalization, TensorSpec

PLAN_SUFFIXES = (".engine", ".plan", ".trt")
"""Suffixes of files with a plan."""

_LENGTH_BYTES = 4
_MOST_WORDS = 10_000_000
"""Bytes of the words; the first four bytes of a bare plan are a far larger number."""

_OURS = "sightline"


class EngineRecord(BaseModel):
    """How an engine was built, and for what: TensorRT runs it with that version on that GPU only."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str = Field(
        description="checksum of the graph, the options, TensorRT's version and the GPU"
    )
    model: str = Field(description="name of the file that it was made of, without its folder")
    tensorrt: str = Field(description="TensorRT's version")
    gpu: str = Field(description="the GPU's name")
    compute_capability: str = Field(description="the GPU's: 8.7")
    precision: str = Field(description="fp32, fp16 or int8")
    dla_core: int | None = Field(None, description="the deep learning accelerator that runs it")
    normalization: Normalization = Field(description="what it does to pixels")
    input: tuple[int | None, ...] = Field(description="(N, H, W, 3); open dimensions are None")
    outputs: tuple[TensorSpec, ...] = Field(
        (), description="names and shapes, where they are known"
    )
    command: str = Field("", description="what builds it again")


def read_plan(path: Path) -> tuple[dict[str, Any], bytes]:
    """The words of a file, empty where it has none, and its plan. Raises ModelError."""
    with _opened(path) as file:
        return _words(path, file), file.read()


def read_words(path: Path) -> dict[str, Any]:
    """The words in front of a plan, which is not read; empty where there are none. Raises ModelError."""
    with _opened(path) as file:
        return _words(path, file)


def record_of(words: Mapping[str, object], path: Path) -> EngineRecord | None:
    """What Sightline has told of an engine that it built; None of others. Raises ModelError."""
    if _OURS not in words:
        return None
    try:
        return EngineRecord.model_validate(words[_OURS])
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ModelError(
            f"{path}: what it says of itself is not whole: {key}: {first['msg']}: build the engine again"
        ) from exc


def with_record(record: EngineRecord, plan: bytes) -> bytes:
    """The bytes of a file."""
    words = json.dumps({_OURS: record.model_dump(mode="json")}).encode()
    return len(words).to_bytes(_LENGTH_BYTES, "little", signed=True) + words + plan


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as exc:
        raise ModelError(f"{path}: cannot be read: {exc.strerror or exc}") from exc


def _words(path: Path, file: BinaryIO) -> dict[str, object]:
    """The words, after which the file stands at the plan."""
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little", signed=True)
    text = file.read(length) if 2 <= length <= _MOST_WORDS else b""
    if not text.startswith(b"{"):
        file.seek(0)
        return {}
    try:
        words: dict[str, object] = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ModelError(f"{path}: not a whole engine: its words are cut off or changed") from exc
    return words

"""Machines that models are packed for, and the limits that hold there: a data file that users extend."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.errors import ConfigError
from sightline.foreign_files.yaml_text import read_yaml

BUILT_IN = Path(__file__).with_name("targets.yaml")


class TensorRtTarget(BaseModel):
    """What engines of TensorRT are built with for a machine, where nothing else is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workspace_mb: int = Field(gt=0, description="the most memory that an operator may use")
    max_batch: int = Field(8, ge=1, description="most pictures in an inference")
    int8: bool = Field(True, description="its GPU computes in INT8")
    dla_cores: int = Field(0, ge=0, description="its deep learning accelerators")


class Target(BaseModel):
    """A kind of machine and its limits: an entry of ``targets.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = Field("", description="what it is")
    size_mb: float = Field(gt=0, description="the most that the model's files may take")
    latency_ms: float = Field(
        gt=0, description="the longest that a picture may take, as the median"
    )
    kept: float = Field(
        0.9, ge=0, le=1, description="least share of the objects that the original is sure of"
    )
    runtime: Literal["onnxruntime", "openvino"] = Field("onnxruntime", description="what runs it")
    threads: int = Field(0, ge=0, description="processor threads of one inference; 0: all")
    tensorrt: TensorRtTarget | None = Field(None, description="how engines of TensorRT are built")


def read_targets(extra: Path | None = None) -> dict[str, Target]:
    """All targets by name; those of ``extra`` replace built-in ones.

    Raises ConfigError: the file cannot be read, or an entry is wrong; it is named.
    """
    found = _read(BUILT_IN)
    return found if extra is None else found | _read(extra)


def find_target(name: str, targets: Mapping[str, Target]) -> Target:
    """The target of a name. Raises ConfigError with the nearest one."""
    if name in targets:
        return targets[name]
    near = difflib.get_close_matches(name.lower(), targets, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(targets)}"
    raise ConfigError(
        f"--target {name}: there is no such machine; {hint}; --targets FILE adds others"
    )


def _read(path: Path) -> dict[str, Target]:
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror or exc}") from exc
    except ValueError as exc:
        raise ConfigError(f"{path}: no YAML: {exc}") from exc
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path}: targets are a mapping of names, each with size_mb and latency_ms"
        )
    targets = {}
    for name, fields in content.items():
        try:
            targets[str(name)] = Target.model_validate(fields)
        except ValidationError as exc:
            first = exc.errors()[0]
            key = ".".join(map(str, (name, *first["loc"])))
            raise ConfigError(f"{path}: {key}: {first['msg']}") from exc
    return targets

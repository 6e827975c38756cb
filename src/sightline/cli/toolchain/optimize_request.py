"""What ``sightline optimize`` is asked for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from sightline.build.toolchain.training import TrainingRequest
from sightline.errors import ConfigError
from sightline.optimize.training.kinds import SHARES, trained_variant
from sightline.optimize.variants.gate import LossLimits
from sightline.optimize.variants.int8 import Ranges

VARIANTS = ("clean", "fp16", "bf16", "int8", "int8-dynamic")
BACKENDS = ("openvino", "onnxruntime", "tensorrt")


@dataclass(frozen=True)
class OptimizeRequest:
    """The options of ``sightline optimize``, checked; see its help."""

    model: str
    data: tuple[str, ...]
    labels: str | None
    images: Path | None
    variants: tuple[str, ...]
    output: Path
    limits: LossLimits
    ranges: Ranges
    frames: int
    seconds: float
    slower: bool
    size: str | None
    backend: str
    crops: str | None = None
    training: TrainingRequest | None = None


def variant_names(text: str) -> tuple[str, ...]:
    """The variants that ``fp16,int8`` means. Raises ConfigError."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    known = (*VARIANTS, *SHARES)
    found = []
    for name in names:
        trained = trained_variant(name)
        if trained is None and name not in VARIANTS:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigError(f"--variants: there is no variant {name!r}: {hint}")
        found.append(name if trained is None else trained.name)
    if not found:
        raise ConfigError(f"--variants: name at least one of {', '.join(known)}")
    return tuple(dict.fromkeys(found))


def range_kind(text: str) -> Ranges:
    """The way to find ranges of this name. Raises ConfigError."""
    kinds: dict[str, Ranges] = {kind: kind for kind in get_args(Ranges)}
    if text not in kinds:
        raise ConfigError(f"--ranges {text}: there are {', '.join(kinds)}")
    return kinds[text]

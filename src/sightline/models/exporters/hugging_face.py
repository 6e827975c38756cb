"""What Hugging Face's files beside an exported model say of it.

``config.json`` names the architecture and the classes, ``preprocessor_config.json`` how pictures are
fed. Exporters leave them beside the model, or above its folder ``onnx``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FAMILIES = {
    "conditional_detr": "detr",
    "d_fine": "detr",
    "dab-detr": "detr",
    "deformable_detr": "detr",
    "detr": "detr-softmax",
    "deimv2": "detr",
    "rf_detr": "detr",
    "rt_detr": "detr",
    "rt_detr_v2": "detr",
    "table-transformer": "detr-softmax",
    "yolos": "detr-softmax",
}
"""Its names of architectures -> families: which have a softmax, and which have sigmoids."""


@dataclass(frozen=True)
class HubConfig:
    """The family that ``config.json`` tells of, and fields of the card."""

    family: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, family: str, classes: int | None) -> bool:
        """Whether it is about a model of this family, with so many classes."""
        return family == self.family and classes == len(self.fields["class_names"])


def hub_config(model: Path) -> HubConfig | None:
    """What the files beside a model say; None where there are none, or none of a detector.

    Nothing in them is an error: they may be another model's.
    """
    folders = (model.parent, *([model.parent.parent] if model.parent.name == "onnx" else []))
    for folder in folders:
        config = _read(folder / "config.json")
        family = FAMILIES.get(str(config.get("model_type")))
        names = _names(config.get("id2label"))
        if family is not None and names:
            pixels = _pixels(_read(folder / "preprocessor_config.json"))
            return HubConfig(family, {"class_names": names, **pixels})
    return None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _names(labels: Any) -> dict[int, str]:
    if not isinstance(labels, dict) or not all(str(i).isdecimal() for i in labels):
        return {}
    return {int(i): str(name) for i, name in labels.items()}


def _pixels(how: Mapping[str, Any]) -> dict[str, Any]:
    """Scale, mean and deviation, as far as they are said."""
    found: dict[str, Any] = {}
    factor = how.get("rescale_factor") if how.get("do_rescale", True) else 1.0
    if isinstance(factor, int | float) and factor > 0:
        found["scale"] = factor
    mean, std = _colours(how.get("image_mean")), _colours(how.get("image_std"))
    if how.get("do_normalize") is False:
        found |= {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    elif how.get("do_normalize") and mean and std:
        found |= {"mean": mean, "std": std}
    return found


def _colours(values: Any) -> tuple[float, ...] | None:
    """A number for each of three channels."""
    whole = isinstance(values, list) and len(values) == 3
    return tuple(values) if whole and all(isinstance(v, int | float) for v in values) else None

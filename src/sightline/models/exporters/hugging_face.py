"""What Hugging Face's files beside an exported model say of it.

``config.json`` names the architecture and the classes, ``preprocessor_config.json`` how pictures are
fed. Exporters leave them beside the model, or above its folder ``onnx``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

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
    for folder in _folders(model):
        config = _read(folder / "config.json")
        family = FAMILIES.get(str(config.get("model_type")))
        names = _names(config.get("id2label"))
        if family is not None and names:
            pixels = _pixels(_read(folder / "preprocessor_config.json"))
            return HubConfig(family, {"class_names": names, **pixels})
    return None


def classifier_config(model: Path) -> Mapping[str, Any]:
    """Fields of the card of a classifier that the files beside it tell; none where they are of another.

    timm's ``config.json`` has its own keys (``label_names``, ``pretrained_cfg``).
    """
    for folder in _folders(model):
        config = _read(folder / "config.json")
        timm = config.get("pretrained_cfg")
        if isinstance(timm, dict):
            names = config.get("label_names")
            return _timm(timm) | ({"class_names": names} if _texts(names) else {})
        architectures = config.get("architectures")
        if not (isinstance(architectures, list) and "ImageClassification" in str(architectures)):
            continue
        how = _read(folder / "preprocessor_config.json")
        found = {**_pixels(how), **_cut(how)}
        if how.get("resample") == _BICUBIC:
            found["interpolation"] = "bicubic"
        if config.get("problem_type") == "multi_label_classification":
            found["multi_label"] = True
        names = _names(config.get("id2label"))
        return found | ({"class_names": names} if names else {})
    return {}


def _cut(how: Mapping[str, object]) -> dict[str, object]:
    """How a picture is cut to the model's input, as far as it is said."""
    size, crop = _side(how.get("size")), _side(how.get("crop_size"))
    part = how.get("crop_pct")
    if _is_number(part) and 0 < part <= 1 and size:  # ConvNeXT
        share = float(part) if size < _WHOLE_FROM else 1.0
        return {"size": size, "resize": "centre-crop" if share < 1 else "stretch", "crop": share}
    if how.get("do_center_crop") and size and crop:
        return {"size": crop, "resize": "centre-crop", "crop": min(1.0, crop / size)}
    return {"size": size, "resize": "stretch"} if size else {}


_CLASS_ID = re.compile(r"[0-9]{1,6}")
_LARGEST = 1e6
"""No scale, mean or deviation of pixels is above this."""

_BICUBIC = 3
"""Pillow's number of it, as `preprocessor_config.json` has it."""

_WHOLE_FROM = 384
"""ConvNeXT's pictures of this size and more are stretched, not cut."""


def _side(size: object) -> int | None:
    """A side in pixels from ``224``, ``{"height": 224, "width": 224}`` or ``{"shortest_edge": 256}``."""
    if isinstance(size, dict):
        size = size.get("shortest_edge", size.get("height"))
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


def _timm(how: Mapping[str, object]) -> dict[str, object]:
    """What timm says of how a model is fed."""
    found: dict[str, object] = {}
    mean, std = _colours(how.get("mean")), _deviations(how.get("std"))
    if mean and std:
        found |= {"mean": mean, "std": std}
    sides = how.get("input_size")
    if isinstance(sides, list) and len(sides) == 3 and _side(sides[1]):
        found["size"] = _side(sides[1])
    share = how.get("crop_pct")
    if _is_number(share) and 0 < share <= 1:
        squashed = how.get("crop_mode") == "squash"
        found |= {"resize": "stretch" if squashed else "centre-crop", "crop": float(share)}
    if how.get("interpolation") in ("bilinear", "bicubic"):  # it may be a list, too
        found["interpolation"] = how["interpolation"]
    return found


def _texts(names: object) -> bool:
    return isinstance(names, list) and bool(names) and all(isinstance(n, str) for n in names)


def _folders(model: Path) -> tuple[Path, ...]:
    """Where exporters leave the files: beside the model, or above its folder ``onnx``."""
    return (model.parent, *([model.parent.parent] if model.parent.name == "onnx" else []))


def _read(path: Path) -> Mapping[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _names(labels: object) -> dict[int, str]:
    if not isinstance(labels, dict) or not all(_CLASS_ID.fullmatch(i) for i in labels):
        return {}
    return {int(i): str(name) for i, name in labels.items()}


def _pixels(how: Mapping[str, object]) -> dict[str, object]:
    """Scale, mean and deviation, as far as they are said."""
    found: dict[str, object] = {}
    factor = how.get("rescale_factor") if how.get("do_rescale", True) else 1.0
    if _is_number(factor) and factor > 0:
        found["scale"] = factor
    mean, std = _colours(how.get("image_mean")), _deviations(how.get("image_std"))
    if how.get("do_normalize") is False:
        found |= {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    elif how.get("do_normalize") and mean and std:
        found |= {"mean": mean, "std": std}
    return found


def _colours(values: object) -> tuple[float, ...] | None:
    """A number for each of three channels."""
    if not isinstance(values, list) or len(values) != 3 or not all(map(_is_number, values)):
        return None
    return tuple(values)


def _deviations(values: object) -> tuple[float, ...] | None:
    """The same of numbers above 0."""
    found = _colours(values)
    return found if found is not None and min(found) > 0 else None


def _is_number(value: object) -> TypeGuard[float]:
    """A finite one: JSON as Python reads it has NaN and infinity, too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _LARGEST

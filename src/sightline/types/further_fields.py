"""The fields that not all detections have, of several put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.types.objects import DetectedObjects
from sightline.types.shapes.masks import Masks


def further_fields(parts: Sequence[DetectedObjects]) -> dict[str, Any]:
    """What is known of the objects of all parts, in order, by field.

    Raises ValueError: a field is known in some parts only.
    """
    fields: dict[str, object] = {}
    for name in ("track_ids", "masks", "embeddings", "keypoints", "angles", "parent_ids"):
        values = [value for part in parts if (value := getattr(part, name)) is not None]
        if values and len(values) < len(parts):
            raise ValueError(
                f"{name} are known in {len(values)} of {len(parts)} parts only: give all or none"
            )
        if values:
            fields[name] = (Masks if name == "masks" else np).concatenate(values)
    return fields

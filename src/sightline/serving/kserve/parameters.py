"""Parameters of a request that a detector knows: ``conf``, ``iou`` and ``classes``."""

from __future__ import annotations

from collections.abc import Mapping

from sightline.errors import InvalidRequest
from sightline.serving.kserve.tensors import Parameter


def share(parameters: Mapping[str, Parameter], name: str) -> float | None:
    """A number from 0 to 1; None where the parameter is not given. Raises InvalidRequest."""
    value = parameters.get(name)
    if value is None:
        return None
    if isinstance(value, bool | str) or not 0 <= value <= 1:
        raise InvalidRequest(f"parameter {name!r} must be a number from 0 to 1, not {value!r:.40}")
    return float(value)


def class_names(parameters: Mapping[str, Parameter]) -> tuple[str, ...] | None:
    """The names in ``classes``; None where it is not given. Raises InvalidRequest."""
    value = parameters.get("classes")
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest("parameter 'classes' must be names with commas between them")
    return tuple(name.strip() for name in value.split(",") if name.strip())

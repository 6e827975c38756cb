"""The classes of a second model in terms of the first one's, by their names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sightline.errors import ConfigError
from sightline.models.composites.ensemble import renamed
from sightline.types import Detections, Ints

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ClassMapping:
    """``ids`` (classes of the second model,) int64 are the first one's; -1: left out. None: they are alike."""

    names: tuple[str, ...]
    ids: Ints | None

    def __call__(self, found: Detections) -> Detections:
        """What the second model found, as the first one would call it."""
        return found if self.ids is None else renamed(found, self.ids, self.names)


class ModelClasses(NamedTuple):
    """A model's name, and its classes in order."""

    model: str
    classes: tuple[str, ...]


def class_mapping(
    first: ModelClasses,
    second: ModelClasses,
    class_map: Mapping[str, str | None] | None = None,
) -> ClassMapping:
    """How the second model's classes are called by the first.

    Args:
        first, second: the models.
        class_map: names of the second model's classes that the first calls otherwise; None: left out.

    Raises:
        ConfigError: a class of the first model has none in the second, ``class_map`` names one that is not
            there, or a model has no class names.
    """
    (name, names), (other_name, others) = first, second
    renames = class_map or {}
    for model, known in (first, second):
        if not known:
            raise ConfigError(
                f"model {model} has no class names, so it cannot be compared: write `class_names` into "
                "its card"
            )
    if unknown := [word for word in renames if word not in others]:
        raise ConfigError(
            f"class_map: model {other_name} has no class {', '.join(unknown)}; it has {', '.join(others)}"
        )
    meant = [renames.get(word, word) for word in others]
    if missing := [word for word in names if word not in meant]:
        raise ConfigError(
            f"model {other_name} has no class {', '.join(missing)} as model {name} has; it has "
            f"{', '.join(others)}: map its names with `class_map`"
        )
    places = {word: number for number, word in enumerate(names)}
    ids = np.array([-1 if m is None else places.get(m, -1) for m in meant], np.int64)
    if left_out := [word for word, number in zip(others, ids, strict=True) if number < 0]:
        log.info(
            "model %s: classes that model %s has not are left out: %s",
            other_name, name, ", ".join(left_out),
        )  # fmt: skip
    alike = names == others and not renames
    return ClassMapping(names, None if alike else ids)

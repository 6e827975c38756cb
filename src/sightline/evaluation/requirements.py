"""What scores must reach: ``map50=0.9``."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sightline.errors import ConfigError

FEWER_IS_BETTER = frozenset({"switches", "fragments", "mostly_lost", "false_positives", "misses"})
"""Scores of which a requirement is the most allowed; of all others it is the least."""


@dataclass(frozen=True)
class Requirement:
    """A score by its name (``map50``, ``person.ap``) and the value that is wanted."""

    name: str
    wanted: float

    @property
    def at_most(self) -> bool:
        """Whether the measure must not exceed the value, because less of it is better."""
        return self.name.rpartition(".")[2] in FEWER_IS_BETTER

    def complaint(self, scores: Mapping[str, float]) -> str | None:
        """Why ``scores`` do not meet it, or None where they do. NaN meets nothing."""
        value = scores[self.name]
        if value <= self.wanted if self.at_most else value >= self.wanted:
            return None
        shown = "not known, for want of true objects" if math.isnan(value) else f"{value:.7g}"
        return f"{self.name} is {shown}: at {'most' if self.at_most else 'least'} {self.wanted:g} is wanted"


def read_requirement(text: str, names: Sequence[str]) -> Requirement:
    """The requirement that ``NAME=VALUE`` means.

    Raises:
        ConfigError: it has another form, or there is no such score among ``names``.
    """
    name, equals, value = (part.strip() for part in text.rpartition("="))
    try:
        wanted = float(value)
    except ValueError:
        wanted = math.nan
    if not (name and equals) or not math.isfinite(wanted):
        raise ConfigError(f"requirement {text!r}: give a score and a number, such as map50=0.9")
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:20])}"
        raise ConfigError(f"requirement {text!r}: there is no score {name}: {hint}")
    return Requirement(name, wanted)


def score_names(scores: type, of_class: type, class_names: Sequence[str]) -> list[str]:
    """The names of all scores of these dataclasses: ``map``, …, ``person.ap``, …"""
    return [
        *_numbers(scores),
        *(f"{c}.{name}" for c in class_names for name in _numbers(of_class)),
    ]


def named_scores(scores: Any) -> dict[str, float]:
    """All numbers in the scores of an evaluation, by the names of ``score_names``."""
    flat = {name: getattr(scores, name) for name in _numbers(type(scores))}
    for class_name, of_class in scores.per_class.items():
        for name in _numbers(type(of_class)):
            flat[f"{class_name}.{name}"] = getattr(of_class, name)
    return flat


def _numbers(scores: type) -> list[str]:
    return [field.name for field in fields(scores) if field.name not in {"per_class", "notes"}]

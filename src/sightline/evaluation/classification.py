"""How well a classifier names pictures, against labels or against another classifier.

Works on arrays in memory and knows no files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sightline.types import Floats, Ints, Mask

SURE = 0.5
"""The probability from which a value counts, of a classifier of which several may hold."""
CLEAR = 2.0
"""The likeliest of many values may be improbable, and still be clear: so many times as likely as the next."""


@dataclass(frozen=True)
class ValueScores:
    """How well one value of an attribute was named: the share of its pictures, and how many there are."""

    recall: float
    count: int


@dataclass(frozen=True)
class AttributeScores:
    """How well an attribute was named, from 0 to 1; NaN where no picture tells.

    ``accuracy`` is the share of pictures whose likeliest value is right (top-1); where several values may
    hold, the mean overlap of what was named with what is right (Jaccard). ``count`` is the number of pictures.
    """

    accuracy: float
    count: int
    per_value: Mapping[str, ValueScores]


def named_values(probabilities: Floats, *, several: bool) -> Mask:
    """The values that each row (N, values) names: the likeliest, or with ``several`` all from ``SURE`` on."""
    if several:
        return np.asarray(probabilities >= SURE)
    named = np.zeros(probabilities.shape, np.bool_)
    if len(named):
        named[np.arange(len(named)), probabilities.argmax(axis=1)] = True
    return named


def sure_values(probabilities: Floats, *, several: bool) -> Mask:
    """The values that each row (N, values) names and is sure of; none in rows that are sure of nothing.

    From ``SURE`` on; where one value holds, also if it is ``CLEAR`` times as likely as any other.
    """
    sure = probabilities >= SURE
    if not several and probabilities.shape[1] > 1:
        second = np.partition(probabilities, -2, axis=1)[:, -2, None]
        sure |= probabilities >= CLEAR * second
    return np.asarray(named_values(probabilities, several=several) & sure)


def true_values(places: Ints, count: int) -> Mask:
    """Rows (N, count) for the place of each picture's true value; an empty one where it is negative."""
    return np.asarray(places[:, None] == np.arange(count)[None])


def score_values(named: Mask, true: Mask, names: Sequence[str]) -> AttributeScores:
    """Compare what was named with what is right.

    Args:
        named: (N, values): the values that were named of each picture.
        true: (N, values): those that are right; pictures without any do not count.
        names: of the values.
    """
    known = true.any(axis=1)
    named, true = named[known], true[known]
    both = (named & true).sum(axis=1)
    either = (named | true).sum(axis=1)
    counts, found = true.sum(axis=0), (named & true).sum(axis=0)
    per_value = {
        name: ValueScores(
            float(found[at] / counts[at]) if counts[at] else math.nan, int(counts[at])
        )
        for at, name in enumerate(names)
    }
    accuracy = float((both / either).mean()) if len(true) else math.nan
    return AttributeScores(accuracy, len(true), per_value)

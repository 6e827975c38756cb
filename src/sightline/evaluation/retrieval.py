"""How well an embedder's vectors find what looks alike, against identities or against another embedder.

Works on arrays in memory and knows no files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sightline.types import Floats, Ints

TIE = 0.01
"""Neighbours whose cosines are as near as this are equally good: of copies of one picture either will do."""


@dataclass(frozen=True)
class VectorAgreement:
    """How far vectors are those of another embedder.

    ``cosine`` is the mean cosine of both vectors of a picture, ``low`` that which one in twenty pictures does
    not reach. ``nearest`` is the share of pictures whose nearest other one is, as the reference sees it, as
    near as any. ``count`` is the number of pictures.
    """

    cosine: float
    low: float
    nearest: float
    count: int


def compare_vectors(found: Floats, reference: Floats) -> VectorAgreement:
    """Compare vectors (N, length) of length 1 with those of a reference, of the same N pictures, two or more."""
    cosines = (found * reference).sum(axis=1)
    like = _likeness(reference)
    chosen = _likeness(found).argmax(axis=1)
    rows = np.arange(len(found))
    as_near = like[rows, chosen] >= like.max(axis=1) - TIE
    return VectorAgreement(
        float(cosines.mean()), float(np.quantile(cosines, 0.05)), float(as_near.mean()), len(found)
    )


def mean_average_precision(vectors: Floats, identities: Ints) -> float:
    """How well vectors (N, length) find the others of their identity (N,): the mean average precision of all
    that have another one (as in re-identification: Zheng et al. 2015); NaN where there are none.
    """
    like = _likeness(vectors)
    precisions = []
    for row in range(len(vectors)):
        order = np.argsort(-like[row], kind="stable")[:-1]  # itself is the last one
        right = identities[order] == identities[row]
        if right.any():
            hits = np.flatnonzero(right)
            precisions.append(float((np.arange(1, len(hits) + 1) / (hits + 1)).mean()))
    return float(np.mean(precisions)) if precisions else math.nan


def _likeness(vectors: Floats) -> Floats:
    """The cosines (N, N) of all pairs; -inf of a vector with itself."""
    like: Floats = vectors @ vectors.T
    np.fill_diagonal(like, -np.inf)
    return like

"""What every index asks of the vectors that it is given."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from sightline.types import Floats, Ints


def check_new(keys: Ints, vectors: Floats, dimensions: int, there: Container[int]) -> None:
    """Raises ValueError: the shapes do not fit, a number is none, or a key is there or given twice."""
    if vectors.shape != (len(keys), dimensions):
        raise ValueError(
            f"vectors must be ({len(keys)}, {dimensions}), one for each key, not {vectors.shape}"
        )
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds infinite numbers, or none: an embedder made it wrongly")
    numbers = keys.tolist()
    twice = next((key for key in numbers if key in there), None)
    if twice is not None or len(set(numbers)) < len(numbers):
        raise ValueError(f"key {twice if twice is not None else numbers} is there already")


def check_query(vectors: Floats, dimensions: int) -> None:
    """Raises ValueError: the vectors have another length."""
    if vectors.ndim != 2 or vectors.shape[1] != dimensions:
        raise ValueError(f"vectors must be (N, {dimensions}), not {vectors.shape}")

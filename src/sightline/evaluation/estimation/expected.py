"""Average precision that is to be expected, where each detection is right with a known probability."""

from __future__ import annotations

import numpy as np

from sightline.evaluation.comparison import Reals

_RECALLS = np.linspace(0, 1, 101)


def expected_average_precision(right: Reals, scores: Reals, objects: float) -> float:
    """COCO's AP over 101 recalls, of detections of one class.

    Args:
        right: (N,) the probability that each is right.
        scores: (N,) by which they are ordered.
        objects: how many true objects are to be expected.
    """
    if not len(right) or objects <= 0:
        return 0.0
    found = np.cumsum(right[np.argsort(-scores, kind="stable")])
    precision = found / np.arange(1, len(found) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(found / max(objects, float(found[-1])), _RECALLS)
    reached = places < len(precision)
    return float(np.where(reached, precision[np.minimum(places, len(precision) - 1)], 0.0).mean())

"""Tracks of a few frames."""

from __future__ import annotations

import numpy as np

from sightline.evaluation.tracking import TrackingScores
from sightline.types import Detections

Frames = list[Detections]


A, B, FAR = [0, 0, 10, 10], [100, 0, 110, 10], [500, 500, 510, 510]


N = 10


def frame(ids: list[int], boxes: list[list[float]], classes: list[int] | None = None) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.ones(len(ids), np.float32),
        np.zeros(len(ids), np.int64) if classes is None else np.array(classes, np.int64),
        np.array(ids, np.int64),
    )


def still(n: int = N, ids: tuple[int, ...] = (1, 2)) -> Frames:
    """Two objects that stay where they are for ``n`` frames."""
    return [frame(list(ids), [A, B])] * n


PERFECT = {
    "hota": 1, "deta": 1, "assa": 1, "loca": 1, "mota": 1, "motp": 1, "idf1": 1, "idp": 1, "idr": 1,
    "switches": 0, "fragments": 0, "mostly_tracked": 2, "mostly_lost": 0, "false_positives": 0,
    "misses": 0,
}  # fmt: skip


def numbers(scores: TrackingScores) -> dict[str, float]:
    return {name: getattr(scores, name) for name in PERFECT}

"""Rows with an objectness score, as YOLOv5, v7 and X predict them."""

from __future__ import annotations

import numpy as np

from sightline.types import Floats, Ints


def likely_rows(rows: Floats, conf: float) -> tuple[Ints, Floats, Ints]:
    """Index, score and class id of the rows (A, 5 + C) whose objectness × class beats ``conf``.

    Objectness alone is looked at first: a class score is at most 1, so most rows end there.
    """
    index = np.flatnonzero(rows[:, 4] > conf)
    class_scores = rows[index, 5:]
    class_ids = class_scores.argmax(axis=1)
    scores = rows[index, 4] * class_scores[np.arange(len(index)), class_ids]
    keep = scores > conf
    return index[keep], scores[keep], class_ids[keep]

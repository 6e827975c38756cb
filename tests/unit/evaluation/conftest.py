"""Factories of objects for all tests of evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sightline.types import Detections

Make = Callable[..., Detections]


@pytest.fixture(scope="session")
def make() -> Make:
    """Objects from lists: boxes, and where given scores, class ids, track ids, names."""

    def make_detections(
        boxes: Sequence[Sequence[float]],
        scores: Sequence[float] | None = None,
        classes: Sequence[int] | None = None,
        tracks: Sequence[int] | None = None,
        names: tuple[str, ...] = (),
    ) -> Detections:
        n = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(n, 4),
            np.ones(n, np.float32) if scores is None else np.array(scores, np.float32),
            np.zeros(n, np.int64) if classes is None else np.array(classes, np.int64),
            None if tracks is None else np.array(tracks, np.int64),
            class_names=names,
        )

    return make_detections

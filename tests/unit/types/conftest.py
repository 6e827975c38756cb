"""Detections of which every field is known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.types.whole_detections import NAMES

from sightline.types import Detections


@pytest.fixture
def three() -> Detections:
    return Detections(
        np.array([[0, 0, 10, 10], [5, 5, 20, 20], [1.234, 2.345, 3.456, 4.567]], np.float32),
        np.array([0.9, 0.5, 0.123456], np.float32),
        np.array([0, 2, 7], np.int64),
        np.array([4, 5, 6], np.int64),
        np.arange(3 * 4 * 5).reshape(3, 4, 5) % 2 == 0,
        NAMES,
        embeddings=np.eye(3, 2, dtype=np.float32),
        keypoints=np.arange(3 * 2 * 3, dtype=np.float32).reshape(3, 2, 3),
        angles=np.array([0, 0.5, -1], np.float32),
        parent_ids=np.array([-1, 4, -1], np.int64),
    )

"""Arrays of detections that have another shape than they must have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sightline.types import Detections


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        pytest.param("boxes", np.zeros((3, 5), np.float32), "boxes", id="five columns"),
        pytest.param("boxes", np.zeros(4, np.float32), "boxes", id="one row, flat"),
        pytest.param("scores", np.zeros(2, np.float32), "scores", id="a score too few"),
        pytest.param("scores", np.zeros((3, 1), np.float32), "scores", id="scores as a column"),
        pytest.param("class_ids", np.zeros(4, np.int64), "class_ids", id="a class too many"),
        pytest.param("track_ids", np.zeros(1, np.int64), "track_ids", id="track ids too few"),
        pytest.param("masks", np.zeros((2, 4, 5), np.bool_), "masks", id="a mask too few"),
        pytest.param("masks", np.zeros((3, 20), np.bool_), "masks", id="flat masks"),
        pytest.param(
            "embeddings", np.eye(2, dtype=np.float32), "embeddings", id="a vector too few"
        ),
        pytest.param("embeddings", np.zeros(3, np.float32), "embeddings", id="flat vectors"),
        pytest.param("keypoints", np.zeros((2, 5, 3)), "keypoints", id="keypoints too few"),
        pytest.param("keypoints", np.zeros((3, 5, 2)), "keypoints", id="keypoints without scores"),
        pytest.param("keypoints", np.zeros((3, 15)), "keypoints", id="flat keypoints"),
        pytest.param("angles", np.zeros(2), "angles", id="an angle too few"),
        pytest.param("angles", np.zeros((3, 1)), "angles", id="angles as a column"),
        pytest.param("parent_ids", np.zeros(2, np.int64), "parent_ids", id="a parent too few"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    three: Detections, field: str, value: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(three, **{field: value})

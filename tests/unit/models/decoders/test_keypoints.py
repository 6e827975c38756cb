"""Poses: boxes with keypoints."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.models.decoders.encoded import CANVAS, COUNT

from sightline.models.decoders.keypoints import EndToEndPose, YoloV8Pose
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec


@pytest.mark.parametrize(
    ("family", "shapes", "fit"),
    [
        pytest.param(
            YoloV8Pose(),
            [(1, 56, COUNT)],
            Fit((0,), 1, certainty="ask", task="pose", keypoint_values=52, class_scores=True),
            id="COCO's people",
        ),
        pytest.param(
            YoloV8Pose(),
            [(1, 16, COUNT)],
            Fit((0,), None, certainty="card", task="pose", keypoint_values=12, class_scores=True),
            id="keypoints and classes share the values",
        ),
        pytest.param(YoloV8Pose(), [(1, 6, COUNT)], None, id="too few for a keypoint"),
        pytest.param(YoloV8Pose(), [(1, 56, COUNT + 1)], None, id="a cell too many"),
        pytest.param(YoloV8Pose(), [], Fit((), task="pose"), id="unknown outputs"),
        pytest.param(
            EndToEndPose(),
            [(1, 300, 57)],
            Fit((0,), certainty="card", task="pose", keypoint_values=51),
            id="after NMS",
        ),
        pytest.param(EndToEndPose(), [(1, 300, 7)], None, id="after NMS, too few for a keypoint"),
        pytest.param(EndToEndPose(), [(1, 300, None)], None, id="after NMS, open columns"),
        pytest.param(EndToEndPose(), [(300, 57)], None, id="after NMS, no batch"),
        pytest.param(EndToEndPose(), [], Fit((), task="pose"), id="after NMS, unknown outputs"),
    ],
)
def test_shapes_that_fit(
    family: Decoder, shapes: list[tuple[int | None, ...]], fit: Fit | None
) -> None:
    specs = [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]
    assert family.fit(specs, CANVAS) == fit


POINTS = [(10, 20, 0.9), (30, 40, 0.1)]


@pytest.mark.parametrize("values", [2, 3])
def test_keypoints_of_candidates(values: int) -> None:
    """Without visibility every keypoint scores 1."""
    columns = np.zeros((1, 4 + 2 + 2 * values, COUNT), np.float32)
    columns[0, :6, 9] = 34, 48, 52, 64, 0.25, 0.75
    columns[0, 6:, 9] = [v for point in POINTS for v in point[:values]]
    (found,) = YoloV8Pose((2, values)).decode([columns], CANVAS, 0.5)
    assert found.boxes.tolist() == [[8, 16, 60, 80]]
    assert found.class_ids.tolist() == [1]
    expected = [(x, y, score if values == 3 else 1) for x, y, score in POINTS]
    assert found.keypoints is not None
    assert found.keypoints == pytest.approx(np.array([expected]))


@pytest.mark.parametrize("values", [2, 3])
def test_keypoints_of_objects(values: int) -> None:
    rows = np.zeros((1, 5, 6 + 2 * values), np.float32)
    rows[0, 1, :6] = 8, 16, 60, 80, 0.75, 1
    rows[0, 1, 6:] = [v for point in POINTS for v in point[:values]]
    (found,) = EndToEndPose((2, values)).decode([rows], CANVAS, 0.5)
    assert found.boxes.tolist() == [[8, 16, 60, 80]]
    expected = [(x, y, score if values == 3 else 1) for x, y, score in POINTS]
    assert found.keypoints is not None
    assert found.keypoints == pytest.approx(np.array([expected]))


def test_a_picture_of_nobody() -> None:
    columns = np.zeros((1, 56, COUNT), np.float32)
    (found,) = YoloV8Pose().decode([columns], CANVAS, 0.5)
    assert len(found) == 0

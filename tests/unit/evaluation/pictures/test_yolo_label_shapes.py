"""Outlines and keypoints of a label file in pixels."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.yolo_label_shapes import label_shapes
from sightline.evaluation.pictures.yolo_lines import read_labels

SIZE = (200, 100)


def test_outlines_are_pixels(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("0 .1 .2 .3 .2 .3 .8\n0 .5 .5 .2 .2\n")
    shapes = label_shapes(read_labels(file, 1, None, Notes()), SIZE)
    outline, none = shapes.outlines
    assert outline is not None
    assert outline[0] == pytest.approx([20, 20, 60, 20, 60, 80])
    assert (none, shapes.keypoints, shapes.size) == (None, None, SIZE)


@pytest.mark.parametrize(
    ("points", "shape", "expected"),
    [
        pytest.param(".1 .2 2 0 0 0", (2, 3), [[20, 20, 2], [0, 0, 0]], id="with visibility"),
        pytest.param(
            ".1 .2 0 0", (2, 2), [[20, 20, 2], [0, 0, 0]], id="without: the corner is none"
        ),
    ],
)
def test_keypoints_are_pixels(
    points: str, shape: tuple[int, int], expected: list[list[float]], tmp_path: Path
) -> None:
    file = tmp_path / "a.txt"
    file.write_text(f"0 .5 .5 .2 .2 {points}\n")
    shapes = label_shapes(read_labels(file, 1, shape, Notes()), SIZE)
    assert shapes.outlines == ()
    assert shapes.keypoints is not None
    assert shapes.keypoints[0].tolist() == [pytest.approx(point) for point in expected]

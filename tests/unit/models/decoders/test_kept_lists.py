"""Lists of objects, cut to those that count."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.models.decoders.kept_lists import kept_lists, kept_rows

BOXES = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
SCORES = np.array([[0.9, 0.5, 0.8, 0.7]], np.float32)
CLASSES = np.array([[2.0, 1.0, -1.0, 0.0]], np.float32)


@pytest.mark.parametrize(
    ("conf", "counts", "kept"),
    [
        pytest.param(0.5, [], [0, 3], id="above the threshold, of a class"),
        pytest.param(0.4, [], [0, 1, 3], id="a lower threshold"),
        pytest.param(0.4, [np.array([2])], [0, 1], id="a count (N,)"),
        pytest.param(0.4, [np.array([[2]])], [0, 1], id="a count (N, 1)"),
        pytest.param(0.4, [np.array(2)], [0, 1], id="a count ()"),
        pytest.param(0.4, [np.array([0])], [], id="none"),
    ],
)
def test_rows_that_are_kept(conf: float, counts: list[np.ndarray], kept: list[int]) -> None:
    ((boxes, scores, class_ids, mask),) = kept_rows([BOXES, SCORES, CLASSES, *counts], conf)
    assert np.flatnonzero(mask).tolist() == kept
    assert boxes.tolist() == BOXES[0, kept].tolist()
    assert scores.tolist() == SCORES[0, kept].tolist()
    assert class_ids.tolist() == CLASSES[0, kept].tolist()
    assert class_ids.dtype == np.int64


def test_lists_without_a_batch_are_of_one_picture() -> None:
    ((boxes, scores, class_ids),) = kept_lists([BOXES[0], SCORES[0], CLASSES[0]], 0.5)
    assert (len(boxes), len(scores), class_ids.tolist()) == (2, 2, [2, 0])


def test_each_picture_has_its_own_count() -> None:
    lists = [np.repeat(array, 2, axis=0) for array in (BOXES, SCORES, CLASSES)]
    found = kept_lists([*lists, np.array([[1], [4]])], 0.5)
    assert [class_ids.tolist() for _, _, class_ids in found] == [[2], [2, 0]]

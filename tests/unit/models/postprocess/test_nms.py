"""NMS against the plainest program that does the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.models.postprocess.nms import MAX_CANDIDATES, best, suppress
from sightline.types import Detections


def detections(*objects: tuple[float, float, float, float, float, int]) -> Detections:
    """From (x1, y1, x2, y2, score, class id)."""
    rows = np.array(objects, np.float64).reshape(-1, 6)
    return Detections(
        rows[:, :4].astype(np.float32),
        rows[:, 4].astype(np.float32),
        rows[:, 5].astype(np.int64),
        class_names=("a", "b", "c"),
    )


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


def naive(candidates: Detections, iou: float, *, agnostic: bool, limit: int) -> list[int]:
    """Indices kept by greedy NMS, best first."""
    boxes, classes = candidates.boxes.astype(float).tolist(), candidates.class_ids.tolist()
    kept: list[int] = []
    for i in np.argsort(-candidates.scores, kind="stable").tolist():
        rivals = [k for k in kept if agnostic or classes[k] == classes[i]]
        if all(overlap(boxes[i], boxes[k]) <= iou for k in rivals):
            kept.append(i)
    return kept[:limit]


# Whole coordinates, so that no overlap lies on the threshold by rounding alone.
box = st.tuples(st.integers(-60, 60), st.integers(-60, 60), st.integers(1, 60), st.integers(1, 60))
crowds = st.lists(st.tuples(box, st.integers(0, 2)), max_size=40)


@given(crowds, st.booleans(), st.sampled_from([0.30001, 0.45003, 0.70001]), st.integers(1, 12))
def test_it_keeps_what_the_plain_program_keeps(
    crowd: list[tuple[tuple[int, int, int, int], int]], agnostic: bool, iou: float, limit: int
) -> None:
    scores = np.random.default_rng(len(crowd)).permutation(len(crowd)) * 0.01 + 0.1
    candidates = detections(
        *(
            (x, y, x + w, y + h, score, class_id)
            for ((x, y, w, h), class_id), score in zip(crowd, scores, strict=True)
        )
    )
    found = suppress(candidates, iou, agnostic=agnostic, limit=limit)
    expected = candidates[np.array(naive(candidates, iou, agnostic=agnostic, limit=limit), int)]
    assert found.scores.tolist() == expected.scores.tolist()
    assert found.boxes.tolist() == expected.boxes.tolist()
    assert found.class_ids.tolist() == expected.class_ids.tolist()


def test_classes_compete_only_where_they_are_told_to() -> None:
    same_place = detections((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 10, 0.8, 1), (1, 0, 10, 10, 0.7, 0))
    kept = suppress(same_place, 0.5, agnostic=False, limit=10)
    assert kept.class_ids.tolist() == [0, 1]
    assert kept.class_names == ("a", "b", "c")
    assert suppress(same_place, 0.5, agnostic=True, limit=10).class_ids.tolist() == [0]


def test_classes_far_apart_never_compete() -> None:
    # A box left of the picture and one at its right end are one class apart.
    candidates = detections(
        (100, 100, 140, 140, 0.9, 0), (-41, -41, -1, -1, 0.8, 1), (-41, -41, -1, -1, 0.7, 2)
    )
    assert len(suppress(candidates, 0.45, agnostic=False, limit=10)) == 3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("agnostic", [True, False])
@pytest.mark.parametrize("far", [1e12, 1e30, np.inf])
def test_a_wild_box_leaves_the_others_alone(far: float, agnostic: bool) -> None:
    candidates = detections(
        (-far, -far, far, far, 0.95, 0),
        (10, 10, 20, 20, 0.9, 1),
        (10, 11, 20, 20, 0.8, 1),
        (15, 15, 30, 30, 0.7, 1),
    )
    found = suppress(candidates, 0.45, agnostic=agnostic, limit=10)
    assert found.scores.tolist() == pytest.approx([0.95, 0.9, 0.7])
    assert found.boxes[0].tolist() == candidates.boxes[0].tolist()


@pytest.mark.parametrize("agnostic", [True, False])
@pytest.mark.parametrize(
    "box", [(90, 90, 10, 20), (50, 10, 40, 90), (50, 90, 90, 60), (30, 30, 30, 30), (30, 30, 30, 40)],
    ids=["both sides", "width", "height", "point", "line"],
)  # fmt: skip
def test_a_box_without_an_area_takes_no_other_with_it(
    box: tuple[float, float, float, float], agnostic: bool
) -> None:
    others = ((10, 10, 20, 20, 0.9, 1), (60, 10, 70, 20, 0.8, 1), (60, 40, 90, 90, 0.7, 1))
    candidates = detections((*box, 0.95, 1), *others)
    found = suppress(candidates, 0.45, agnostic=agnostic, limit=10)
    assert found.scores.tolist() == candidates.scores[1:].tolist()
    assert not len(suppress(candidates[:1], 0.45, agnostic=agnostic, limit=10))


def test_many_candidates_are_cut_to_the_best_before() -> None:
    count = MAX_CANDIDATES + 500
    rng = np.random.default_rng(0)
    corner = np.arange(count, dtype=np.float32)[:, None] * [[20, 0]]
    candidates = Detections(
        np.concatenate((corner, corner + 10), axis=1).astype(np.float32),
        rng.permutation(count).astype(np.float32) / count + 0.001,
        np.zeros(count, np.int64),
    )
    kept = suppress(candidates, 0.5, agnostic=True, limit=count)
    assert len(kept) == MAX_CANDIDATES
    assert kept.scores.min() >= np.sort(candidates.scores)[-MAX_CANDIDATES]


@pytest.mark.parametrize("agnostic", [True, False])
@pytest.mark.parametrize("count", [0, 1])
def test_one_or_none_stay_as_they_are(count: int, agnostic: bool) -> None:
    few = detections((0, 0, 10, 10, 0.9, 1))[:count]
    assert len(suppress(few, 0.5, agnostic=agnostic, limit=1)) == count


def test_best_is_stable_and_limited() -> None:
    found = best(
        detections(
            (0, 0, 1, 1, 0.5, 0), (1, 0, 2, 1, 0.9, 1), (2, 0, 3, 1, 0.5, 2), (3, 0, 4, 1, 0.1, 0)
        ),
        3,
    )
    assert found.class_ids.tolist() == [1, 0, 2]
    assert found.boxes[:, 0].tolist() == [1, 0, 2]

"""Fusion of what several models found, against the plainest programs that do the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.models.composites import fusion
from sightline.types import Detections, Masks

Row = tuple[float, float, float, float, float, int]
"""x1, y1, x2, y2, score, class id."""


def detections(*rows: Row) -> Detections:
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections(
        table[:, :4].astype(np.float32),
        table[:, 4].astype(np.float32),
        table[:, 5].astype(np.int64),
        class_names=("a", "b"),
    )


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


def plain_wbf(parts: Sequence[Detections], weights: Sequence[float], iou: float) -> list[Row]:
    """Equations 1 to 6 of the paper, box by box."""
    boxes = [
        (box, score * weight, class_id)
        for part, weight in zip(parts, weights, strict=True)
        for box, score, class_id in zip(
            part.boxes.tolist(), part.scores.tolist(), part.class_ids.tolist(), strict=True
        )
    ]
    clusters: list[list[tuple[list[float], float, int]]] = []
    means: list[list[float]] = []
    for one in sorted(boxes, key=lambda b: -b[1]):
        near = [
            (overlap(mean, one[0]), -i)
            for i, mean in enumerate(means)
            if clusters[i][0][2] == one[2] and overlap(mean, one[0]) > iou
        ]
        if near:
            at = -max(near)[1]
            clusters[at].append(one)
        else:
            at = len(clusters)
            clusters.append([one])
            means.append([])
        total = sum(score for _, score, _ in clusters[at])
        means[at] = [sum(b[k] * s for b, s, _ in clusters[at]) / total for k in range(4)]
    rows = []
    for mean, members in zip(means, clusters, strict=True):
        score = sum(s for _, s, _ in members) / len(members)
        score *= min(len(parts), len(members)) / sum(weights)
        rows.append((*mean, score, members[0][2]))
    return sorted(rows, key=lambda row: -row[4])


def plain_soft(found: Detections, sigma: float) -> list[float]:
    """Scores in the order of the boxes."""
    scores = found.scores.astype(float).tolist()
    boxes, classes = found.boxes.tolist(), found.class_ids.tolist()
    left = set(range(len(scores)))
    while left:
        best = max(left, key=lambda i: (scores[i], -i))
        left.remove(best)
        for i in left:
            if classes[i] == classes[best]:
                scores[i] *= math.exp(-(overlap(boxes[i], boxes[best]) ** 2) / sigma)
    return scores


# Whole coordinates and scores that differ, so that no order depends on rounding.
box = st.tuples(st.integers(-60, 60), st.integers(-60, 60), st.integers(1, 60), st.integers(1, 60))
crowds = st.lists(st.tuples(box, st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=40)


def shared_out(crowd: list[tuple[tuple[int, int, int, int], int, int]]) -> list[Detections]:
    """A crowd as the results of three models."""
    scores = np.random.default_rng(len(crowd)).permutation(len(crowd)) * 0.01 + 0.1
    rows: list[list[Row]] = [[], [], []]
    for ((x, y, w, h), class_id, model), score in zip(crowd, scores.tolist(), strict=True):
        rows[model].append((x, y, x + w, y + h, score, class_id))
    return [detections(*one) for one in rows]


@settings(max_examples=150)
@given(crowds, st.sampled_from([0.1003, 0.4003, 0.5503, 0.7003]))
def test_weighted_boxes_are_those_of_the_paper(
    crowd: list[tuple[tuple[int, int, int, int], int, int]], iou: float
) -> None:
    parts, weights = shared_out(crowd), [1.0, 1.013, 2.029]
    found = fusion.weighted_boxes(parts, weights, iou=iou)
    wanted = plain_wbf(parts, weights, iou)
    assert len(found) == len(wanted)
    assert np.allclose(found.scores, [row[4] for row in wanted], atol=1e-5)
    key = [(*np.round(b, 2), c) for b, c in zip(found.boxes.tolist(), found.class_ids, strict=True)]
    other = [(*np.round(row[:4], 2), row[5]) for row in wanted]
    assert np.allclose(sorted(key), sorted(other), atol=0.02)


@settings(max_examples=150)
@given(crowds)
def test_soft_nms_is_that_of_the_paper(
    crowd: list[tuple[tuple[int, int, int, int], int, int]],
) -> None:
    parts = shared_out(crowd)
    together = Detections.concatenate([part for part in parts if len(part)])
    wanted = sorted(s for s in plain_soft(together, fusion.SIGMA) if s >= fusion.LEAST_SCORE)
    found = fusion.softly_suppressed(parts, [1, 1, 1])
    assert np.allclose(sorted(found.scores.tolist()), wanted, atol=1e-5)
    assert (np.diff(found.scores) <= 0).all()


ONE = detections((10, 10, 50, 50, 0.8, 0), (100, 10, 140, 50, 0.6, 0))
OTHER = detections((12, 10, 52, 50, 0.4, 0))
EMPTY = detections()


@pytest.mark.parametrize(
    ("fuse", "votes", "wanted"),
    [
        pytest.param(fusion.weighted_boxes, 1, [0.6, 0.3], id="wbf: what one found counts half"),
        pytest.param(fusion.weighted_boxes, 2, [0.6], id="wbf, both"),
        pytest.param(fusion.suppressed, 1, [0.8, 0.6], id="nms"),
        pytest.param(fusion.suppressed, 2, [0.8], id="nms, both"),
        pytest.param(fusion.softly_suppressed, 2, [0.8], id="soft-nms, both"),
    ],
)
def test_scores_and_votes(fuse: Callable[..., Detections], votes: int, wanted: list[float]) -> None:
    found = fuse([ONE, OTHER], [1, 1], iou=0.5, votes=votes)
    assert found.scores[: len(wanted)].tolist() == pytest.approx(wanted)
    if fuse is not fusion.softly_suppressed:
        assert len(found) == len(wanted)


@pytest.mark.parametrize(
    "fuse", [fusion.weighted_boxes, fusion.suppressed, fusion.softly_suppressed]
)
def test_of_nothing_nothing(fuse: Callable[..., Detections]) -> None:
    found = fuse([EMPTY, EMPTY], [1, 1])
    assert len(found) == 0
    assert found.class_names == ("a", "b")


def test_boxes_that_no_picture_holds() -> None:
    wild = detections(
        (-np.inf, 0, np.inf, 10, 0.9, 0), (0, 0, 10, 10, 0.5, 0), (5, 5, 5, 5, 0.4, 0)
    )
    assert len(fusion.weighted_boxes([wild, EMPTY], [1, 1])) == 3


def test_masks_are_those_of_the_best_member() -> None:
    whole = np.zeros((1, 60, 60), np.bool_)
    whole[0, 10:50, 12:52] = True
    masked = Detections(
        OTHER.boxes, OTHER.scores + np.float32(0.5), OTHER.class_ids, masks=Masks.of(whole),
        class_names=OTHER.class_names,
    )  # fmt: skip
    found = fusion.weighted_boxes([masked, masked], [1, 1])
    assert found.masks is not None
    assert np.array_equal(np.asarray(found.masks), whole)
    assert fusion.weighted_boxes([ONE, masked], [1, 1]).masks is None  # known of some only

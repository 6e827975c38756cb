from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sightline.tracking.matching import Pairs, assign, overlaps


def pairs_of(weights: np.ndarray) -> Pairs:
    rows, columns = np.nonzero(weights)
    return Pairs(rows, columns, weights[rows, columns])


def best_total(weights: np.ndarray) -> float:
    """The largest total, by trying everything."""
    if weights.shape[0] > weights.shape[1]:
        weights = weights.T
    rows = range(weights.shape[0])
    return max(weights[rows, order].sum() for order in itertools.permutations(range(weights.shape[1]), len(rows)))  # fmt: skip


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param([[0.9, 0], [0, 0.8]], {(0, 0), (1, 1)}, id="clear"),
        pytest.param([[0.9, 0.1], [0.2, 0.8]], {(0, 0), (1, 1)}, id="light overlap"),
        pytest.param([[0.9, 0.8], [0.8, 0.1]], {(0, 1), (1, 0)}, id="greedy would be wrong"),
        pytest.param([[0.5], [0.6]], {(1, 0)}, id="two tracks, one detection"),
        pytest.param([[0.5, 0.6]], {(0, 1)}, id="one track, two detections"),
        pytest.param([[0.0]], set(), id="nothing fits"),
        pytest.param(
            [[0.9, 0, 0], [0, 0.5, 0.6], [0, 0.3, 0.6]],
            {(0, 0), (1, 1), (2, 2)},
            id="one clear, two not",
        ),
    ],
)
def test_assign(weights: list[list[float]], expected: set[tuple[int, int]]) -> None:
    chosen = assign(pairs_of(np.array(weights)))
    assert set(zip(chosen.rows.tolist(), chosen.columns.tolist(), strict=True)) == expected


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        # Few values, so that ties and empty cells are common.
        elements=st.sampled_from([0.0, 0.0, 0.2, 0.25, 0.3, 0.5, 0.5, 0.9, 1.0]),
    )
)
def test_assign_is_optimal_and_uses_each_once(weights: np.ndarray) -> None:
    chosen = assign(pairs_of(weights))
    assert len(set(chosen.rows.tolist())) == len(chosen)
    assert len(set(chosen.columns.tolist())) == len(chosen)
    assert (weights[chosen.rows, chosen.columns] == chosen.weights).all()
    assert chosen.weights.sum() == pytest.approx(best_total(weights))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([0, 0, 10, 10], [0, 0, 10, 10], 1.0, id="same"),
        pytest.param([0, 0, 10, 10], [5, 0, 15, 10], 1 / 3, id="half"),
        pytest.param([0, 0, 10, 10], [2, 2, 4, 4], 0.04, id="inside"),
        pytest.param([0, 0, 10, 10], [10, 0, 20, 10], None, id="touching edges"),
        pytest.param([0, 0, 10, 10], [50, 0, 60, 10], None, id="apart"),
        pytest.param([5, 5, 5, 5], [0, 0, 10, 10], 0.0, id="a point inside"),
        pytest.param([5, 5, 5, 5], [5, 5, 5, 5], None, id="two points"),
        pytest.param([0, 5, 10, 5], [5, 0, 5, 10], 0.0, id="flat and thin"),
        pytest.param([-1e30, 0, 1e30, 1e30], [-1e30, 0, 1e30, 1e30], 1.0, id="huge"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_overlap(first: list[float], second: list[float], expected: float | None) -> None:
    pairs = overlaps(np.array([first], float).T, np.array([second], float).T)
    assert pairs.weights.tolist() == ([] if expected is None else [pytest.approx(expected)])


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_no_boxes_no_pairs(shape: tuple[int, int]) -> None:
    first, second = (np.tile([[0.0], [0], [1], [1]], n) for n in shape)
    assert len(assign(overlaps(first, second))) == 0


def test_overlaps_name_their_boxes() -> None:
    first = np.array([[0, 0, 4, 4], [100, 0, 104, 4]], float).T
    second = np.array([[50, 0, 54, 4], [100, 0, 104, 4], [2, 0, 6, 4]], float).T
    pairs = overlaps(first, second)
    assert list(zip(pairs.rows.tolist(), pairs.columns.tolist(), strict=True)) == [(0, 2), (1, 1)]
    assert pairs.weights == pytest.approx([1 / 3, 1])

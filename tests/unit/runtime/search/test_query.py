"""The box that is searched for in a picture, and its vector."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from sightline.errors import InvalidRequest
from sightline.runtime.search.query import box_in, query_vector


@pytest.fixture
def frame(observe: Any) -> Any:
    return observe(size=(96, 64)).frame


@pytest.mark.parametrize(
    ("box", "found"),
    [
        (None, (0, 0, 96, 64)),
        ((1, 2, 30, 40), (1, 2, 30, 40)),
        ((-5, -5, 200, 200), (0, 0, 96, 64)),
        ((90.5, 0, 100, 64), (90.5, 0, 96, 64)),
        ([0, 0, 0.5, 0.5], (0, 0, 0.5, 0.5)),
        (np.array([1, 2, 3, 4]), (1, 2, 3, 4)),
    ],
)
def test_a_box_is_cut_off_at_the_border(frame: Any, box: Any, found: tuple[float, ...]) -> None:
    cut = box_in(frame, box)
    assert (cut.shape, cut.dtype) == ((1, 4), np.float32)
    assert cut[0].tolist() == list(found)


@pytest.mark.parametrize(
    "box",
    [(30, 2, 1, 40), (1, 2, 1, 40), (100, 0, 200, 10), (-10, -10, 0, 0), (0, 70, 10, 90)],
    ids=["the wrong way round", "no width", "right of it", "left of it", "below it"],
)
def test_a_box_without_pixels_is_refused(frame: Any, box: tuple[float, ...]) -> None:
    with pytest.raises(InvalidRequest, match=r"has no pixels in the picture, which has 96x64"):
        box_in(frame, box)


@pytest.mark.parametrize(
    "box", [(1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3, float("nan")), (1, 2, float("inf"), 4), ((1, 2), (3, 4))]
)  # fmt: skip
def test_what_is_no_box_is_refused(frame: Any, box: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"box: it is x1,y1,x2,y2 in pixels, not"):
        box_in(frame, box)


@pytest.mark.parametrize("box", ["1,2,3,4", ("a", 1, 2, 3), {"x": 1}])
def test_words_are_no_box(frame: Any, box: Any) -> None:
    with pytest.raises(InvalidRequest, match="box: it is x1,y1,x2,y2"):
        box_in(frame, box)


def test_the_vector_is_that_of_the_box(frame: Any) -> None:
    asked: list[Any] = []

    class Embedder:
        def submit(self, frame: Any, boxes: Any) -> Future[Any]:
            asked.append(boxes.tolist())
            future: Future[Any] = Future()
            future.set_result(np.array([[0.6, 0.8]], np.float32))
            return future

    vector = query_vector(Embedder(), frame, (1, 2, 30, 40)).result()  # type: ignore[arg-type]
    assert vector.tolist() == pytest.approx([0.6, 0.8])
    assert asked == [[[1, 2, 30, 40]]]

"""Two models on the same pictures: the greatest difference, its place, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sightline.errors import InferenceError, ModelError, SourceError
from sightline.optimize.export.comparison import BATCHES, compare, pictures, shapes
from sightline.types import Frame, Pixels

BATCH = np.zeros((2, 4, 6, 3), np.uint8)


def answering(**arrays: Any) -> Callable[[Pixels], list[tuple[str, Any]]]:
    return lambda _: [(name, np.asarray(value, np.float32)) for name, value in arrays.items()]


def test_the_worst_element_is_found_in_any_output() -> None:
    was = {"boxes": np.full((2, 3), 100.0), "scores": np.zeros((2, 2))}
    became = {name: value.copy() for name, value in was.items()}
    became["boxes"][0, 1] += 1  # 1/101
    became["scores"][1, 0] += 0.05  # 0.05
    found = compare(answering(**was), answering(**became), [BATCH])
    assert (found.output, found.place, found.shape) == ("scores", (1, 0), (2, 4, 6))
    assert found.distance == pytest.approx(0.05)
    assert "scores[1, 0] is 0.05 and was 0, for an input of 2×6×4" in str(found)


def test_of_several_batches_the_worst_counts() -> None:
    def drifting(batch: Pixels) -> list[tuple[str, Any]]:
        return [("a", np.array([float(batch.max())], np.float32))]

    bright = np.full_like(BATCH, 3)
    found = compare(answering(a=[0.0]), drifting, [BATCH, bright, BATCH])
    assert (found.was, found.became, found.distance) == (0, 3, 3)


def test_what_is_no_number_any_more_is_infinitely_far() -> None:
    found = compare(answering(a=[1.0, 2.0]), answering(a=[1.0, np.nan]), [BATCH])
    assert found.place == (1,)
    assert found.distance == np.inf


@pytest.mark.parametrize(
    ("was", "became", "message"),
    [
        pytest.param(
            {"a": [1, np.nan]}, {"a": [1, 1]}, r"itself answers with nan in a\[1\]", id="NaN"
        ),
        pytest.param({"a": [1, np.inf]}, {"a": [1, 1]}, r"answers with inf", id="infinite"),
        pytest.param({"a": [1]}, {"a": [1, 1]}, r"a has the shape \(2,\) now", id="shape"),
        pytest.param(
            {"a": [1]}, {"a": [1], "b": [1]}, "has 2 outputs, and the model has 1", id="more"
        ),
        pytest.param({}, {}, "no outputs", id="none"),
    ],
)
def test_what_cannot_be_compared(was: Any, became: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        compare(answering(**was), answering(**became), [BATCH])


def test_outputs_without_elements_are_equal() -> None:
    nothing = answering(a=np.zeros((0, 7)))
    assert compare(nothing, nothing, [BATCH]).distance == 0


@pytest.mark.parametrize(
    ("dynamic", "expected"),
    [
        pytest.param((), {(2, 64, 96)}, id="fixed"),
        pytest.param(("batch",), {(1, 64, 96), (2, 64, 96), (3, 64, 96)}, id="batch"),
        pytest.param(("size",), {(2, 64, 96), (2, 64, 128), (2, 96, 64)}, id="size"),
        pytest.param(
            ("batch", "size"), {(1, 64, 96), (3, 64, 128), (2, 96, 64)}, id="batch and size"
        ),
    ],
)
def test_what_is_open_is_tried(dynamic: Any, expected: set[tuple[int, int, int]]) -> None:
    assert set(shapes((96, 64), 2, frozenset(dynamic), 32)) == expected


def test_pictures_are_those_of_the_frames(frame_of: Callable[..., Frame]) -> None:
    frames = [frame_of(np.full((8, 12, 3), (i, 100, 200), np.uint8), i) for i in range(11)]
    batches = pictures(iter(frames), [(1, 4, 6), (2, 8, 8)], "bgr")
    assert [b.shape for b in batches] == [(1, 4, 6, 3), (2, 8, 8, 3), (1, 4, 6, 3), (1, 4, 6, 3)]
    assert len(batches) == BATCHES
    assert [int(row[0, 0, 0]) for b in batches for row in b] == [0, 5, 10, 0, 5]
    (first, *_) = pictures(iter(frames), [(1, 4, 6)], "rgb")
    assert first[0, 0, 0].tolist() == [200, 100, 0]


def test_data_without_frames_is_refused() -> None:
    with pytest.raises(SourceError, match="no frame"):
        pictures(iter(()), [(1, 4, 6)], "rgb")


def test_an_input_that_the_new_model_cannot_run_is_told_with_the_layer() -> None:
    said = "[ONNXRuntimeError] : 1 : FAIL : while running Reshape node. Name:'/body/Reshape_4' Status Message: 12 lines"

    def failing(batch: Pixels) -> list[tuple[str, Any]]:
        if len(batch) == 1:
            return [("a", np.zeros(1, np.float32))]
        raise InferenceError(f"ONNX Runtime failed: {said}")

    both = [BATCH[:1], BATCH]
    message = r"an input of 2×6×4: its layer /body/Reshape_4 \(Reshape\) fails, and it does on others: .* --dynamic"
    with pytest.raises(ModelError, match=message):
        compare(answering(a=[0.0]), failing, both)
    with pytest.raises(ModelError, match=r"\(Reshape\) fails$"):
        compare(answering(a=[0.0]), failing, [BATCH])

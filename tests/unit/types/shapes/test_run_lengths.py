"""Run lengths of crops are those of whole masks, in both of COCO's forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sightline.types.shapes.run_lengths import crop_of, packed, run_lengths, unpacked


@pytest.mark.parametrize(
    ("whole", "counts"),
    [
        pytest.param([[0, 0], [0, 0]], [4], id="nothing"),
        pytest.param([[1, 1], [1, 1]], [0, 4], id="everything"),
        pytest.param([[0, 1], [0, 0]], [2, 1, 1], id="the second column is later"),
        pytest.param([[0, 1], [1, 0]], [1, 2, 1], id="a run goes on in the next column"),
        pytest.param([[1, 0], [0, 1]], [0, 1, 2, 1], id="the first pixel is inside"),
    ],
)
def test_named_cases(whole: list[list[int]], counts: list[int]) -> None:
    mask = np.array(whole, bool)
    assert run_lengths(mask, (0, 0), mask.shape[::-1]).tolist() == counts


@st.composite
def crops(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
    height, width = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    crop = draw(arrays(np.bool_, (height, width)))
    left, top, right, bottom = (draw(st.integers(0, 4)) for _ in range(4))
    return crop, (left, top), (left + width + right, top + height + bottom)


@given(crops())
def test_a_crop_counts_as_its_whole_mask(
    case: tuple[np.ndarray, tuple[int, int], tuple[int, int]],
) -> None:
    crop, (left, top), (width, height) = case
    if not width or not height:
        return
    whole = np.zeros((height, width), bool)
    whole[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    counts = run_lengths(crop, (left, top), (width, height))
    values = np.arange(len(counts)) % 2 == 1
    assert (whole == np.repeat(values, counts).reshape(width, height).T).all()
    assert (counts[1:] > 0).all()
    coco = pytest.importorskip("faster_coco_eval").mask
    theirs = coco.encode(np.asfortranarray(whole.astype(np.uint8)))
    assert packed(counts) == theirs["counts"].decode()
    back, (x, y) = crop_of(unpacked(packed(counts)), (width, height))
    again = np.zeros_like(whole)
    again[y : y + back.shape[0], x : x + back.shape[1]] = back
    assert (again == whole).all()
    assert back.size <= max(1, crop.size), "cut to the columns and rows that have pixels"


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_long_runs_are_packed(lengths: list[int]) -> None:
    """Unpacked by the format's own rule."""
    counts, text, at = [], packed(np.array(lengths, np.int64)), 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            letter = ord(text[at]) - 48
            value |= (letter & 0x1F) << shift
            more, at, shift = bool(letter & 0x20), at + 1, shift + 5
            if not more and letter & 0x10:
                value |= -1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    assert counts == lengths
    assert unpacked(text).tolist() == lengths


@pytest.mark.parametrize("text", ["\x20", "o", "P" * 3 + "z", "o" * 20, "é"])
def test_what_is_no_text_of_cocos(text: str) -> None:
    with pytest.raises(ValueError, match="no run lengths"):
        unpacked(text)


@pytest.mark.parametrize("counts", [[3], [1, 4], [5, -1]])
def test_run_lengths_of_another_picture(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="run lengths of"):
        crop_of(np.array(counts, np.int64), (2, 2))

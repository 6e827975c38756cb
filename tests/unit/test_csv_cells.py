from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.csv_cells import plain_cell, safe_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-x", '=HYPERLINK("x")']
)
def test_a_formula_is_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert plain_cell(safe_cell(text)) == text


@pytest.mark.parametrize("text", ["", "car", "a=b", "'", "it's", "'quoted'", "3", "колесо"])
def test_other_text_stays(text: str) -> None:
    assert safe_cell(text) == text == plain_cell(text)


@given(st.text(alphabet="'=+-@a\t"))
def test_it_can_be_read_back(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text

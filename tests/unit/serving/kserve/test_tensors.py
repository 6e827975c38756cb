"""Tensors of the protocol: what a model takes, and what answers hold."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.serving.kserve.served_stand_in import PICTURE
from tritonclient.utils import serialize_byte_tensor

from sightline.errors import (
    InferenceError,
    InvalidRequest,
)
from sightline.serving.kserve.tensors import (
    InputTensor,
    Output,
    TensorMetadata,
    encoded,
    pixels,
)

SPEC = TensorMetadata("images", "UINT8", (-1, 2, 3, 3))


BYTES = TensorMetadata("image", "BYTES", (-1,))


class TestPixels:
    def test_raw_bytes_are_not_copied(self) -> None:
        raw = PICTURE.tobytes()
        found = pixels(InputTensor("images", "UINT8", PICTURE.shape, raw), SPEC)
        assert np.shares_memory(found, np.frombuffer(raw, np.uint8))
        assert np.array_equal(found, PICTURE)

    @pytest.mark.parametrize(
        "values",
        [
            pytest.param(PICTURE.ravel().tolist(), id="flat"),
            pytest.param(PICTURE.tolist(), id="nested"),
        ],
    )
    def test_values(self, values: list[Any]) -> None:
        found = pixels(InputTensor("images", "UINT8", PICTURE.shape, values=values), SPEC)
        assert np.array_equal(found, PICTURE)

    @pytest.mark.parametrize(
        ("shape", "datatype", "values", "complaint"),
        [
            pytest.param((1, 2, 3, 3), "FP32", [0] * 18, "datatype must be UINT8", id="datatype"),
            pytest.param((1, 2, 4, 3), "UINT8", [0] * 24, "shape must be", id="fixed side"),
            pytest.param((2, 3, 3), "UINT8", [0] * 18, "shape must be", id="rank"),
            pytest.param((-1, 2, 3, 3), "UINT8", [0] * 18, "shape must be", id="negative side"),
            pytest.param((0, 2, 3, 3), "UINT8", [], "shape must be", id="no picture"),
            pytest.param((2, 2, 3, 3), "UINT8", [0] * 18, "36 elements, not 18", id="too few"),
            pytest.param((2**62, 2, 3, 3), "UINT8", [0] * 18, "not 18", id="huge side"),
            pytest.param((1, 2, 3, 3), "UINT8", [float("nan")] * 18, "0 to 255", id="NaN"),
            pytest.param((1, 2, 3, 3), "UINT8", [float("inf")] * 18, "0 to 255", id="infinity"),
            pytest.param((1, 2, 3, 3), "UINT8", [1.5] * 18, "0 to 255", id="fraction"),
            pytest.param((1, 2, 3, 3), "UINT8", [256] * 18, "0 to 255", id="too large"),
            pytest.param((1, 2, 3, 3), "UINT8", [-1] * 18, "0 to 255", id="negative"),
            pytest.param((1, 2, 3, 3), "UINT8", ["1"] * 18, "0 to 255", id="text"),
            pytest.param((1, 2, 3, 3), "UINT8", [[0] * 18], "not nested", id="nested otherwise"),
            pytest.param((1, 2, 3, 3), "UINT8", [[[[0] * 4] * 3] * 2], "not nested", id="ragged"),
        ],
    )
    def test_refused_by_name(
        self, shape: tuple[int, ...], datatype: str, values: list[Any], complaint: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=complaint) as info:
            pixels(InputTensor("images", datatype, shape, values=values), SPEC)
        assert str(info.value).startswith("input 'images': ")

    @pytest.mark.parametrize("size", [0, 17, 19])
    def test_raw_of_another_size(self, size: int) -> None:
        with pytest.raises(InvalidRequest, match=f"18 elements, not {size}"):
            pixels(InputTensor("images", "UINT8", PICTURE.shape, bytes(size)), SPEC)


class TestEncoded:
    @given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
    def test_reads_what_a_client_writes(self, items: list[bytes]) -> None:
        raw = serialize_byte_tensor(np.array(items, dtype=object)).item()
        assert encoded(InputTensor("image", "BYTES", (len(items),), raw), BYTES) == items
        text = [base64.b64encode(item).decode() for item in items]
        assert encoded(InputTensor("image", "BYTES", (len(items),), values=text), BYTES) == items

    @pytest.mark.parametrize(
        ("raw", "shape", "complaint"),
        [
            pytest.param(b"\5\0\0\0abc", (1,), "5 bytes, but fewer", id="element cut off"),
            pytest.param(b"\5\0", (1,), "within the length", id="length cut off"),
            pytest.param(b"\xff" * 8, (1,), "4294967295 bytes", id="absurd length"),
            pytest.param(b"\1\0\0\0a", (2,), "2 elements, not 1", id="too few"),
            pytest.param(b"\0\0\0\0" * 9, (2,), "2 elements, not 3", id="too many"),
        ],
    )
    def test_refused(self, raw: bytes, shape: tuple[int, ...], complaint: str) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            encoded(InputTensor("image", "BYTES", shape, raw), BYTES)

    @pytest.mark.parametrize("value", ["no base64!", 5, None, ["aGk="]])
    def test_values_that_are_no_text(self, value: Any) -> None:
        with pytest.raises(InvalidRequest, match=r"input 'image': "):
            encoded(InputTensor("image", "BYTES", (1,), values=[value]), BYTES)


class TestOutput:
    @given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=30))
    def test_json_gives_back_the_same_floats(self, values: list[float]) -> None:
        array = np.array(values, np.float32).reshape(-1, 1)
        read = json.loads("".join(Output("x", array).json()))
        assert np.array_equal(np.array(read, np.float32), array.ravel())

    def test_json_of_many_is_written_in_pieces(self) -> None:
        array = np.arange(10_000, dtype=np.int64)
        pieces = list(Output("x", array).json())
        assert json.loads("".join(pieces)) == array.tolist()
        assert len(pieces) > 3

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_json_has_no_word_for_it(self, value: float) -> None:
        with pytest.raises(InferenceError, match="ask for binary data"):
            list(Output("x", np.array([value], np.float32)).json())

    def test_raw_is_not_copied(self) -> None:
        array = np.arange(4, dtype=np.float32)
        assert np.shares_memory(np.frombuffer(Output("x", array).raw, np.float32), array)

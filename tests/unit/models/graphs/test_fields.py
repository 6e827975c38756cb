"""The outermost fields of ONNX files, against files that onnx itself writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from sightline.models.graphs.fields import is_whole, metadata

WORDS = {"names": "{0: 'a'}", "author": "somebody", "empty": "", "ä": "ß" * 300}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    weights = onnx.numpy_helper.from_array(np.arange(500, dtype=np.float32), "w")
    graph = onnx.helper.make_graph([], "empty", [], [], [weights])
    made = onnx.helper.make_model(graph, producer_name="a test")
    onnx.helper.set_model_props(made, WORDS)
    onnx.save(made, tmp_path / "a.onnx")
    return tmp_path / "a.onnx"


def test_metadata_is_what_onnx_wrote(path: Path) -> None:
    assert metadata(path) == WORDS
    assert is_whole(path)


def test_a_file_that_is_cut_is_not_whole(path: Path) -> None:
    content = path.read_bytes()
    ends = _ends(content)
    for size in {0, 1, 2, *range(3, len(content), 37), len(content) - 1}:
        path.write_bytes(content[:size])
        # Cut between two fields it is a message, too: protobuf knows no end.
        assert is_whole(path) == (size in ends)


def _ends(content: bytes) -> set[int]:
    """Where prefixes are messages, as protobuf's own reader says."""
    found = set()
    for size in range(1, len(content) + 1):
        try:
            onnx.ModelProto().ParseFromString(content[:size])
        except Exception:  # noqa: BLE001 - protobuf's own
            continue
        found.add(size)
    return found


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<!DOCTYPE html>", id="a page"),
        pytest.param(b"\x00\x01", id="a field 0"),
        pytest.param(b"\x0d\x00\x00\x00\x00", id="a number of 32 bits"),
        pytest.param(b"\xff" * 20, id="a number without an end"),
        pytest.param(b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\x7f", id="longer than any file"),
    ],
)
def test_what_is_no_onnx(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    assert not is_whole(path)
    with pytest.raises(ValueError, match=r"."):
        metadata(path)


def test_a_word_of_megabytes_is_left_out(tmp_path: Path) -> None:
    made = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    onnx.helper.set_model_props(made, {"large": "x" * 1_000_001, "small": "y"})
    onnx.save(made, tmp_path / "a.onnx")
    assert metadata(tmp_path / "a.onnx") == {"small": "y"}

"""Files of TensorRT's engines: what is told in front of a plan, and files without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightline.errors import ModelError
from sightline.plan_file import EngineRecord, read_plan, read_words, record_of, with_record
from sightline.types import Normalization, TensorSpec

RECORD = EngineRecord(
    key="ab",
    model="net.onnx",
    tensorrt="10.16.1.11",
    gpu="Orin",
    compute_capability="8.7",
    precision="fp16",
    dla_core=1,
    normalization=Normalization(1 / 255, (0.1, 0.2, 0.3)),
    input=(None, 416, 416, 3),
    outputs=(TensorSpec("output", (None, 3549, 85)),),
    command="sightline export net.onnx net.engine",
)
PLAN = b"ftrt" + bytes(range(256))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.engine"
    path.write_bytes(with_record(RECORD, PLAN))
    words, plan = read_plan(path)
    assert plan == PLAN
    assert read_words(path) == words
    assert record_of(words, path) == RECORD


def test_words_of_ultralytics_are_in_the_same_place(tmp_path: Path) -> None:
    words = json.dumps({"author": "Ultralytics", "stride": 32}).encode()
    path = tmp_path / "best.engine"
    path.write_bytes(len(words).to_bytes(4, "little", signed=True) + words + PLAN)
    assert read_plan(path) == ({"author": "Ultralytics", "stride": 32}, PLAN)
    assert record_of(read_words(path), path) is None


@pytest.mark.parametrize(
    "content",
    [PLAN, b"", b"\1", b"\2\0\0\0{", b"\xff\xff\xff\xff" + PLAN, b"\5\0\0\0" + PLAN],
    ids=["plan", "empty", "one byte", "cut off", "negative", "no object"],
)
def test_files_without_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.plan"
    path.write_bytes(content)
    if content.endswith(b"{"):
        with pytest.raises(ModelError, match=r"net\.plan: not a whole engine"):
            read_words(path)
    else:
        assert read_plan(path) == ({}, content)


def test_a_record_that_is_not_whole_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.engine"
    with pytest.raises(ModelError, match=r"net\.engine: .*not whole: key: Field required"):
        record_of({"sightline": {"model": "net.onnx"}}, path)
    with pytest.raises(ModelError, match=r"gone\.engine: cannot be read"):
        read_words(tmp_path / "gone.engine")

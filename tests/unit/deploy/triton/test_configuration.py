"""What Triton is told of a model, in protobuf's text format."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.deploy.triton.configuration import (
    TYPES,
    Tensor,
    TritonModel,
    config_text,
    described,
)


def model(**more: Any) -> TritonModel:
    given: dict[str, Any] = {
        "name": "street", "backend": "onnxruntime", "inputs": [Tensor("images", "uint8", (-1, -1, 3))],
        "outputs": [Tensor("boxes", "float32", (-1, 4))],
    }  # fmt: skip
    return TritonModel(**given | more)


def test_a_model_that_joins_nothing() -> None:
    assert config_text(model()).splitlines() == [
        'name: "street"',
        'backend: "onnxruntime"',
        "max_batch_size: 0",
        "version_policy: { latest: { num_versions: 1 } }",
        'input [ { name: "images" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] } ]',
        'output [ { name: "boxes" data_type: TYPE_FP32 dims: [ -1, 4 ] } ]',
        "instance_group [ { count: 1 kind: KIND_CPU } ]",
    ]


def test_batches_instances_and_parameters() -> None:
    lines = config_text(
        model(max_batch=8, preferred=(4, 8), delay_us=500, instances=2, kind="KIND_GPU", parameters={"most": "8"})
    ).splitlines()  # fmt: skip
    assert "max_batch_size: 8" in lines
    assert (
        "dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 500 }"
        in lines
    )
    assert "instance_group [ { count: 2 kind: KIND_GPU } ]" in lines
    assert 'parameters { key: "most" value: { string_value: "8" } }' in lines


def test_an_input_that_may_be_left_out() -> None:
    text = config_text(model(inputs=[Tensor("boxes", "float32", (-1, 4), optional=True)]))
    assert 'name: "boxes" data_type: TYPE_FP32 dims: [ -1, 4 ] optional: true }' in text


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "größe"])
def test_texts_cannot_break_out(name: str) -> None:
    text = config_text(model(parameters={name: name}))
    assert len(text.splitlines()) == 8
    assert text.count('"') % 2 == 0 or '\\"' in text


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "bool", "string"])
def test_types(dtype: str) -> None:
    assert TYPES[dtype] in config_text(model(inputs=[Tensor("x", dtype, (1,))]))


def test_a_type_that_triton_does_not_have() -> None:
    with pytest.raises(KeyError, match="complex64"):
        config_text(model(inputs=[Tensor("x", "complex64", (1,))]))


def test_versions_share_how_a_model_is_called_and_not_how_many_run() -> None:
    one = described(config_text(model(parameters={"most": "1", "task": "detect"})).splitlines())
    other = described(
        config_text(model(name="b", instances=4, kept_versions=2, parameters={"most": "9", "task": "detect"})).splitlines()
    )  # fmt: skip
    assert one == other
    assert any("task" in line for line in one)
    assert one != described(config_text(model(backend="python")).splitlines())

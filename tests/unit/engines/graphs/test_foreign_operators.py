"""Remedies for plugins of TensorRT, found in the words of another runtime."""

from __future__ import annotations

import pytest

from sightline.engines.graphs.foreign_operators import remedy


@pytest.mark.parametrize(
    ("refusal", "plugin"),
    [
        ("Fatal error: TRT:EfficientNMS_TRT(-1) is not a registered function/op", "EfficientNMS_TRT"),
        ("No Op registered for BatchedNMSDynamic_TRT with domain_version of 13", "BatchedNMSDynamic_TRT"),
        ("unsupported: TRTBatchedNMS", "TRTBatchedNMS"),
        ("Cannot create EfficientNMSLandmark_TRT layer", "EfficientNMSLandmark_TRT"),
    ],
)  # fmt: skip
def test_a_plugin_is_named_with_what_to_do(refusal: str, plugin: str) -> None:
    told = remedy(refusal)
    assert told.startswith(f": {plugin} is a plugin of TensorRT and runs there only. Export ")


@pytest.mark.parametrize(
    "refusal", ["", "No Op registered for MyOp", "TRT", "TRT_", "a_TRT_b", "the TRT engine"]
)
def test_other_words_have_no_remedy(refusal: str) -> None:
    assert remedy(refusal) == ""

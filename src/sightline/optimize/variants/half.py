"""Graphs that compute in half precision (FP16)."""

from __future__ import annotations

from typing import Any

from sightline.errors import ModelError


def to_half(model: Any) -> bytes:
    """The serialised model in FP16; its inputs and outputs stay as they are.

    The conversion is ONNX Runtime's; operators that FP16 does not suit (ranges, resizing, NMS) stay in FP32.

    Raises ModelError: the graph cannot be converted.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    given = onnx.ModelProto()
    given.CopyFrom(model)
    try:
        half = convert_float_to_float16(given, keep_io_types=True)
    except (ValueError, RuntimeError, TypeError, onnx.shape_inference.InferenceError) as exc:
        raise ModelError(f"the graph cannot be converted to FP16: {exc}") from exc
    content: bytes = half.SerializeToString()
    return content

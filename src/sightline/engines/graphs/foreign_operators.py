"""What to do about operators that one runtime only has, found by the words of another's refusal."""

from __future__ import annotations

import re

_TENSORRT = re.compile(r"\b([A-Za-z]+_TRT|TRT[A-Z]\w+)\b")


def remedy(refusal: str) -> str:
    """The end of a sentence for a runtime's refusal that names a plugin of TensorRT, else nothing."""
    found = _TENSORRT.search(refusal)
    if found is None:
        return ""
    return (
        f": {found[1]} is a plugin of TensorRT and runs there only. Export the model without NMS, or for ONNX "
        "Runtime (YOLOv7: `--end2end --max-wh 640`, YOLOv6: `--end2end --ort`, MMDeploy: a config called "
        "`…_onnxruntime_…`)"
    )

"""Write a trained street detector as ONNX.

    python training/export.py CHECKPOINT street.onnx         # of train.py, or of train_masks.py

Batch normalisation is folded into the convolutions and the boxes are decoded in the graph. Weights
are kept as 16-bit floats, which runtimes widen when they load the file. The metadata are those that Ultralytics writes, so that the file needs no card beside it.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from data import CLASSES, HEIGHT, WIDTH
from mask_model import StreetSegmenter
from model import STRIDES, StreetDetector
from numpy.typing import NDArray
from torch import nn

OPSET = 17
LIMITS = {"detect": 2_500_000, "segment": 3_000_000}
"""Bytes that the file may have, by its task: it is part of the package."""
TOLERANCE = 1e-2
"""How far scores, boxes relative to the picture's size, and coefficients and prototypes relative to the
largest may be from PyTorch's 32-bit ones."""
_AXES = {
    "images": {0: "batch", 2: "height", 3: "width"},
    "output0": {0: "batch", 2: "anchors"},
    "output1": {0: "batch", 2: "mask_height", 3: "mask_width"},
}


def load(checkpoint: Path) -> nn.Module:
    """The averaged model of a checkpoint, for evaluation. Raises OSError, RuntimeError."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["average"]
    masks = any(name.startswith("prototypes.") for name in state)
    model = StreetSegmenter(len(CLASSES)) if masks else StreetDetector(len(CLASSES))
    model.load_state_dict(state)
    return model.eval()


def export(model: nn.Module, path: Path, tolerance: float = TOLERANCE) -> float:
    """Write ``model`` and return how far ONNX Runtime's outputs are from PyTorch's.

    Raises:
        ValueError: they differ by more than ``tolerance``, or the file is larger than its LIMITS.
        OSError: it cannot be written.
    """
    task = "segment" if isinstance(model, StreetSegmenter) else "detect"
    outputs = ["output0", "output1"] if task == "segment" else ["output0"]
    graph = io.BytesIO()
    torch.onnx.export(
        model, (torch.zeros(1, 3, HEIGHT, WIDTH),), graph, opset_version=OPSET, dynamo=False,
        input_names=["images"], output_names=outputs,
        dynamic_axes={name: _AXES[name] for name in ("images", *outputs)},
    )  # fmt: skip
    written = onnx.load_from_string(graph.getvalue())
    halve(written.graph)
    metadata = {
        "description": "Sightline street detector, trained on street:// only",
        "author": "The Sightline developers",
        "license": "Apache-2.0",
        "task": task,
        "stride": str(max(STRIDES)),
        "imgsz": str([WIDTH, WIDTH]),
        "names": str(dict(enumerate(CLASSES.values()))),
    }
    onnx.helper.set_model_props(written, metadata)
    onnx.checker.check_model(written, full_check=True)
    data = written.SerializeToString()
    if len(data) > LIMITS[task]:
        raise ValueError(f"{path}: {len(data)} bytes, more than {LIMITS[task]}")
    difference = compare(model, data)
    if difference > tolerance:
        raise ValueError(f"{path}: differs from PyTorch by {difference:.2g}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return difference


def halve(graph: onnx.GraphProto) -> None:
    """Store the weights of all convolutions as float16, each behind a Cast to float32."""
    used = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    casts = []
    for weight in graph.initializer:
        if weight.name in used:
            values = onnx.numpy_helper.to_array(weight).astype(np.float16)
            name, weight.name = weight.name, weight.name + ".half"
            weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
            casts.append(
                onnx.helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT)
            )
    for cast in reversed(casts):
        graph.node.insert(0, cast)


def compare(model: nn.Module, data: bytes) -> float:
    """The largest difference from PyTorch over several sizes, see TOLERANCE."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    worst = 0.0
    for count, height, width in ((1, HEIGHT, WIDTH), (2, 192, 320), (3, 320, 320)):
        pictures = rng.random((count, 3, height, width), np.float32)
        found = _parts(session.run(None, {"images": pictures}), width)
        with torch.no_grad():
            outputs = model(torch.from_numpy(pictures))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        wanted = _parts([output.numpy() for output in outputs], width)
        for ours, theirs in zip(found, wanted, strict=True):
            largest = max(1.0, float(np.abs(theirs).max()))
            worst = max(worst, float(np.abs(ours - theirs).max()) / largest)
    return worst


def _parts(outputs: Sequence[NDArray[np.float32]], width: int) -> list[NDArray[np.float32]]:
    """What is compared of a model's outputs: boxes, scores, and coefficients and prototypes."""
    found, end = outputs[0], 4 + len(CLASSES)
    parts = [found[:, :4] / width, found[:, 4:end]]
    return parts if len(outputs) == 1 else [*parts, found[:, end:], outputs[1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    difference = export(load(arguments.checkpoint), arguments.output)
    size = arguments.output.stat().st_size
    print(f"{arguments.output}: {size} bytes, within {difference:.1e} of PyTorch")


if __name__ == "__main__":
    main()

"""Write a trained classifier or embedder as ONNX.

    python -m training.attributes.export OUT.pt street-attributes.onnx

Batch normalisation is folded into the convolutions. The metadata say how crops are cut and what the
outputs are, so that the file needs no card beside it.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from training.attributes.data import ATTRIBUTES, CARD, SIDE
from training.attributes.model import AttributeNet, EmbeddingNet, Probabilities

OPSET = 17
LIMIT = 1_500_000
"""Bytes that a file may have: it is part of the package."""
TOLERANCE = 1e-4
"""How far outputs may be from PyTorch's."""

_OUTPUTS = {"classify": tuple(ATTRIBUTES), "embed": ("embedding",)}
_DESCRIPTIONS = {
    "classify": "Sightline street attributes: type and colour of vehicles",
    "embed": "Sightline street embedder: appearance of people and vehicles",
}


def load(checkpoint: Path) -> tuple[str, nn.Module]:
    """The task of a checkpoint, and its averaged network. Raises OSError, RuntimeError."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    net: nn.Module
    if state["recipe"]["task"] == "classifier":
        net = AttributeNet()
        net.load_state_dict(state["average"])
        return "classify", Probabilities(net).eval()
    net = EmbeddingNet()
    net.load_state_dict(state["average"])
    return "embed", net.eval()


def export(task: str, net: nn.Module, path: Path) -> float:
    """Write ``net`` and return how far ONNX Runtime's outputs are from PyTorch's.

    Raises:
        ValueError: they differ by more than TOLERANCE, or the file is larger than LIMIT.
        OSError: it cannot be written.
    """
    outputs = _OUTPUTS[task]
    graph = io.BytesIO()
    torch.onnx.export(
        net, (torch.zeros(2, 3, SIDE, SIDE),), graph, opset_version=OPSET, dynamo=False,
        input_names=["crops"], output_names=list(outputs),
        dynamic_axes={name: {0: "batch"} for name in ("crops", *outputs)},
    )  # fmt: skip
    written = onnx.load_from_string(graph.getvalue())
    metadata = {
        "description": f"{_DESCRIPTIONS[task]}, trained on street:// only",
        "author": "The Sightline developers",
        "license": "Apache-2.0",
        "task": task,
        "imgsz": str([SIDE, SIDE]),
        "margin": str(CARD.margin),
    }
    if task == "classify":
        metadata["attributes"] = json.dumps(ATTRIBUTES)
    onnx.helper.set_model_props(written, metadata)
    onnx.checker.check_model(written, full_check=True)
    data = written.SerializeToString()
    if len(data) > LIMIT:
        raise ValueError(f"{path}: {len(data)} bytes, more than {LIMIT}")
    difference = compare(net, data)
    if difference > TOLERANCE:
        raise ValueError(f"{path}: differs from PyTorch by {difference:.2g}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return difference


def compare(net: nn.Module, data: bytes) -> float:
    """The largest difference from PyTorch over batches of several sizes."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    worst = 0.0
    for count in (1, 3, 16):
        pictures = rng.random((count, 3, SIDE, SIDE), np.float32)
        with torch.no_grad():
            wanted = net(torch.from_numpy(pictures))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        for found, right in zip(session.run(None, {"crops": pictures}), wanted, strict=True):
            worst = max(worst, float(np.abs(found - right.numpy()).max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    difference = export(*load(arguments.checkpoint), arguments.output)
    size = arguments.output.stat().st_size
    print(f"{arguments.output}: {size} bytes, within {difference:.1e} of PyTorch")


if __name__ == "__main__":
    main()

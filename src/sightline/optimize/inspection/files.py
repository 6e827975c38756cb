"""Inspects a model file by its format."""

from __future__ import annotations

from pathlib import Path

from sightline.errors import ModelError
from sightline.models.exporters import other_formats
from sightline.models.file import TORCH_SUFFIXES
from sightline.models.zoo import missing_file
from sightline.optimize.inspection.layers import Inspection


def inspect_file(path: Path, size: tuple[int, int] | None = None) -> Inspection:
    """What a model file holds, whether or not it is one that Sightline can use.

    Args:
        path: an ``.onnx`` file, an OpenVINO ``.xml`` or a PyTorch program.
        size: the input (width, height) that its work is counted for, where its own is open.

    Raises:
        ModelError: it is missing, broken or of another format.
        EngineUnavailable: the runtime that reads this format is not installed.
    """
    if not path.is_file():
        raise missing_file(path)
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        from sightline.optimize.inspection.onnx_layers import inspect_onnx

        return inspect_onnx(path, size)
    if suffix == ".xml":
        from sightline.optimize.inspection.openvino_layers import inspect_openvino

        return inspect_openvino(path, size)
    if suffix in TORCH_SUFFIXES:
        from sightline.optimize.inspection.torch_layers import inspect_torch

        return inspect_torch(path, size)
    raise ModelError(
        f"{path}: unknown model format {path.suffix or '(none)'}: it is {other_formats.about(path)}"
    )

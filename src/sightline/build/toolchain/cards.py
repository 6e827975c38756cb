"""The card of a network for any task, where a tool takes them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sightline.build.models import decoders
from sightline.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from sightline.models.card import CardReading
    from sightline.models.file import ModelFile


def read_any_card(file: ModelFile) -> CardReading:
    """The card of a detector, a classifier or an embedder.

    Raises ModelError: it is none of them, or its card is broken.
    """
    from sightline.models.card import read_card, read_crop_card

    try:
        return read_card(file, decoders())
    except ModelError as no_detector:
        try:
            return read_crop_card(file)
        except ModelError as no_crops:
            # What gives a row of values for each picture can only be a model of crops.
            rows = all(len(output.shape) == 2 for output in file.outputs)
            raise (no_crops if file.outputs and rows else no_detector) from None


def onnx_card(path: Path) -> CardReading:
    """The card of a detector, a classifier or an embedder in an ONNX file.

    Raises:
        ConfigError: it is another file.
        ModelError: see ``read_any_card``.
    """
    from sightline.models.file import open_model

    if path.suffix.lower() != ".onnx":
        raise ConfigError(
            f"{path}: an .onnx file is needed: `sightline export {path} {path.stem}.onnx` makes one of "
            "a PyTorch model"
        )
    return read_any_card(open_model(path))

"""A detector as a model repository for Triton, from options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.build.model_files import model_path
from sightline.build.models import decoders
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError
from sightline.types import EngineInfo, TensorSpec

if TYPE_CHECKING:
    from sightline.deploy.triton.repository import DeployedNetwork, TritonOptions
    from sightline.models.card import CardReading
    from sightline.models.file import ModelFile


def deploy_triton(model: ModelOptions, output: Path, options: TritonOptions) -> list[Path]:
    """Write a model repository with a detector; returns the folders of its models.

    Raises:
        ConfigError: the model is no ONNX file, or this version is there already.
        ModelError: the model cannot be read.
        SinkError: the files cannot be written.
    """
    from sightline.deploy.triton.repository import write_repository

    return list(
        write_repository(output, deployed_network(model, "sightline deploy triton"), options)
    )


def deployed_network(model: ModelOptions, tool: str) -> DeployedNetwork:
    """An ONNX detector whose graph takes uint8 pixels and normalises them itself, with its card."""
    from sightline.deploy.triton.repository import DeployedNetwork
    from sightline.engines.graphs.onnx_fold import fold_input
    from sightline.models.card import read_card
    from sightline.models.file import open_model
    from sightline.models.history import made_by
    from sightline.models.model_card import card_text

    path = model_path(model)
    if path.suffix.lower() != ".onnx":
        raise ConfigError(
            f"{path}: an .onnx file is needed: `sightline export {path} {path.stem}.onnx` makes one of "
            "a PyTorch model"
        )
    file = open_model(path)
    reading = read_card(file, decoders())
    content = fold_input(reading.file.content, reading.card.normalization)
    card = reading.card.after(made_by(tool, "onnx", source=path.name, source_sha256=file.sha256))
    info = _info(reading, file)
    return DeployedNetwork(content, info, reading.flat, card_text(card))


def _info(reading: CardReading, file: ModelFile) -> EngineInfo:
    """Input and outputs of the folded graph. Raises ModelError where nothing tells an output's shape."""
    from sightline.engines.graphs.onnx_fold import PIXELS

    if unknown := [o.name for o in file.outputs if not o.shape]:
        raise ModelError(
            f"{file.path}: the shape of its output {unknown[0]} is not known, and Triton must be told: "
            f"`sightline export {file.path} new.onnx` works it out"
        )
    n, _, height, width = reading.file.input.shape
    outputs = file.outputs
    if reading.file.changed:  # its graph was opened to other sizes
        outputs = tuple(replace(o, shape=(None,) * len(o.shape)) for o in outputs)
    return EngineInfo(
        backend="triton",
        device="auto",
        precision="auto",
        requests=1,
        input=TensorSpec(PIXELS, (n, height, width, 3), "uint8"),
        outputs=outputs,
    )

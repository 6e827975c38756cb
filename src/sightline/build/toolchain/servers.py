"""A detector for another server, from options: a model repository for Triton, an archive for TorchServe."""

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
    from sightline.deploy.torchserve import TorchServeOptions
    from sightline.deploy.triton.repository import DeployedNetwork, TritonOptions
    from sightline.models.card import CardReading
    from sightline.models.file import ModelFile
    from sightline.models.model_card import ModelCard


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


def deploy_torchserve(
    model: ModelOptions, output: Path, options: TorchServeOptions
) -> tuple[Path, Path]:
    """Write a model archive with a detector and its configuration; returns both.

    Raises as ``deploy_triton``.
    """
    from sightline.deploy.torchserve import write_archive
    from sightline.models.model_card import card_text

    reading = _detector_file(model)
    card = _card(reading, "sightline deploy torchserve")
    content = reading.file.content
    graph = content if isinstance(content, bytes) else content.read_bytes()
    return write_archive(output, graph, card_text(card), options)


def deployed_network(model: ModelOptions, tool: str) -> DeployedNetwork:
    """An ONNX detector whose graph takes uint8 pixels and normalises them itself, with its card."""
    from sightline.deploy.triton.repository import DeployedNetwork
    from sightline.engines.graphs.onnx_fold import fold_input
    from sightline.models.file import open_model
    from sightline.models.model_card import card_text

    reading = _detector_file(model)
    content = fold_input(reading.file.content, reading.card.normalization)
    info = _info(reading, open_model(reading.file.path))
    return DeployedNetwork(content, info, reading.flat, card_text(_card(reading, tool)))


def _detector_file(model: ModelOptions) -> CardReading:
    """The card and the graph of an ONNX detector, with all its weights in it."""
    from sightline.models.card import read_card
    from sightline.models.file import open_model

    path = model_path(model)
    if path.suffix.lower() != ".onnx":
        raise ConfigError(
            f"{path}: an .onnx file is needed: `sightline export {path} {path.stem}.onnx` makes one of "
            "a PyTorch model"
        )
    reading = read_card(open_model(path), decoders())
    # A graph whose weights lie in other files is put together.
    return replace(reading, file=replace(reading.file, changed=True))


def _card(reading: CardReading, tool: str) -> ModelCard:
    from sightline.models.history import made_by

    file = reading.file
    return reading.card.after(
        made_by(tool, "onnx", source=file.path.name, source_sha256=file.sha256)
    )


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
    if reading.file.input.shape != file.input.shape:  # its graph was opened to other sizes
        outputs = tuple(replace(o, shape=(None,) * len(o.shape)) for o in outputs)
    return EngineInfo(
        backend="triton",
        device="auto",
        precision="auto",
        requests=1,
        input=TensorSpec(PIXELS, (n, height, width, 3), "uint8"),
        outputs=outputs,
    )

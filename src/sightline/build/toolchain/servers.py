"""A model for another server, from options: a model repository for Triton, an archive for TorchServe."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.build.crop_models import embedder
from sightline.build.model_files import model_path
from sightline.build.models import build_engine
from sightline.build.toolchain.cards import onnx_card
from sightline.config import ModelOptions
from sightline.errors import ModelError
from sightline.types import EngineInfo, TensorSpec

if TYPE_CHECKING:
    from sightline.deploy.torchserve import TorchServeOptions
    from sightline.deploy.triton.configuration import Tensor
    from sightline.deploy.triton.repository import DeployedNetwork, TritonOptions
    from sightline.models.card import CardReading
    from sightline.models.file import ModelFile
    from sightline.models.model_card import ModelCard


def deploy_triton(model: ModelOptions, output: Path, options: TritonOptions) -> list[Path]:
    """Write a model repository with a detector, a classifier or an embedder; returns the folders of its models.

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
    """Write a model archive with a detector, a classifier or an embedder, and its configuration; returns both.

    Raises as ``deploy_triton``.
    """
    from sightline.deploy.torchserve import write_archive
    from sightline.models.model_card import card_text

    reading = _network_file(model)
    _check_runs(reading, "auto")
    card = _card(reading, "sightline deploy torchserve")
    content = reading.file.content
    graph = content if isinstance(content, bytes) else content.read_bytes()
    serves = "TorchServeCropModel" if _of_crops(card) else "TorchServeDetector"
    return write_archive(output, graph, card_text(card), serves, options)


def deployed_network(model: ModelOptions, tool: str) -> DeployedNetwork:
    """An ONNX model whose graph takes uint8 pixels and normalises them itself, with its card."""
    from sightline.deploy.triton.repository import BOXES, PICTURE, DeployedNetwork
    from sightline.engines.graphs.onnx_fold import fold_input
    from sightline.models.file import open_model
    from sightline.models.model_card import card_text

    reading = _network_file(model)
    _check_runs(reading, "onnxruntime")
    content = fold_input(reading.file.content, reading.card.normalization)
    info = _info(reading, open_model(reading.file.path))
    text = card_text(_card(reading, tool))
    if not _of_crops(reading.card):
        return DeployedNetwork(content, info, reading.flat, text)
    if reading.card.task == "embed":
        with closing(embedder(model)) as built:  # not every file says how long its vectors are
            (output,), length = info.outputs, built.dimensions
        info = replace(info, outputs=(replace(output, shape=(*output.shape[:-1], length)),))
    return DeployedNetwork(
        content, info, flat=False, card=text, serves="TritonCropModel", inputs=(PICTURE, BOXES),
        answers=_crop_answers(reading.card, info),
    )  # fmt: skip


def _of_crops(card: ModelCard) -> bool:
    return card.task in {"classify", "embed"}


def _crop_answers(card: ModelCard, info: EngineInfo) -> tuple[Tensor, ...]:
    """What a classifier or an embedder answers, a row for each object."""
    from sightline.deploy.names import output_names
    from sightline.deploy.triton.configuration import Tensor

    if card.task == "embed":
        return (Tensor("vectors", "float32", (-1, info.outputs[0].shape[-1] or -1)),)
    names = output_names(card.attributes)
    return (
        *(
            Tensor(name, "float32", (-1, len(values)))
            for name, values in zip(names, card.attributes.values(), strict=True)
        ),
        Tensor("objects", "string", (1,)),
    )


def _network_file(model: ModelOptions) -> CardReading:
    """The card and the graph of an ONNX model, with all its weights in it."""
    reading = onnx_card(model_path(model))
    # A graph whose weights lie in other files is put together.
    return replace(reading, file=replace(reading.file, changed=True))


def _check_runs(reading: CardReading, backend: str) -> None:
    """Raise ModelError where the runtime of a server cannot load the model: there it would be found out later."""
    how = ModelOptions(model=str(reading.file.path), backend=backend)
    content, normalization = reading.file.content, reading.card.normalization
    try:
        build_engine(content, normalization, how, stills=True, flat=reading.flat).close()
    except ModelError as exc:
        raise ModelError(f"{reading.file.path} cannot be served: {exc}") from exc


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

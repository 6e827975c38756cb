"""``sightline export``: a model in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.options import model_options, network_names
from sightline.errors import ConfigError


def export(
    model: Annotated[
        Path,
        typer.Argument(
            help="An .onnx file, or a pulled model's name.", autocompletion=network_names
        ),
    ],
    to: Annotated[Path, typer.Argument(help="The .xml file to write; its .bin lies beside it.")],
    fp32: Annotated[
        bool, typer.Option("--fp32", help="Keep FP32 weights: twice the size.")
    ] = False,
) -> None:
    """Convert an ONNX model to OpenVINO IR (weights in FP16), with its card beside it.

    [bold]Example[/bold]

    sightline export yolox_nano.onnx yolox_nano.xml
    """
    from sightline import build
    from sightline.build.file_conflicts import check_files, read_by_model
    from sightline.engines.openvino_ import save_ir
    from sightline.models.card import read_card
    from sightline.models.file import open_model
    from sightline.models.model_card import write_card

    if to.suffix != ".xml":
        raise ConfigError(f"{to}: OpenVINO IR is written to a file that ends in .xml")
    options = model_options(str(model))
    path = build.model_path(options)
    check_files(
        {use.what: Path(use.path) for use in read_by_model(options)},
        {"the export": to, "its weights": to.with_suffix(".bin")},
    )
    reading = read_card(open_model(path), build.decoders())
    card, own = to.with_suffix(".yaml"), path.with_suffix(".yaml")
    shared = card.exists() and own.exists() and card.samefile(own)
    if shared and reading.card.sha256 is not None:
        raise ConfigError(
            f"{card} is the card of {path} and holds its checksum: give the export another name"
        )
    save_ir(reading.file.content, to, fp16=not fp32)
    if not shared:
        write_card(reading.card, to)
    typer.echo(to)

"""``sightline inspect``: what a model file is and how it will be used."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import Verbose, model_options, network_names
from sightline.cli.terminal import logs
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.models.card import CardReading
    from sightline.models.file import ModelFile
    from sightline.types import JsonObject, TensorSpec


def inspect(
    model: Annotated[
        Path,
        typer.Argument(
            help="An .onnx or .xml file, or a pulled model's name.", autocompletion=network_names
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    verbose: Verbose = 0,
) -> None:
    """Show a model's card, inputs, outputs, parameters and size.

    [bold]Example[/bold]

    sightline inspect yolox_nano.onnx
    """
    from sightline import build
    from sightline.models.card import read_card
    from sightline.models.file import open_model

    logs.set_up(verbose)
    file = open_model(build.model_path(model_options(str(model))))
    reading = read_card(file, build.decoders())
    if json:
        typer.echo(json_.dumps(_facts(file, reading)))
    else:
        _print(file, reading)


def _facts(file: ModelFile, reading: CardReading) -> JsonObject:
    return {
        "path": str(file.path),
        "format": file.format,
        "opset": file.opset,
        "parameters": file.parameters,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "input": next(_tensor(i) for i in file.inputs if i.name == file.input.name),
        "inputs": [_tensor(i) for i in file.inputs],
        "outputs": [_tensor(o) for o in file.outputs],
        "card": reading.card.model_dump(mode="json"),
        "origin": dict(reading.origin),
    }


def _tensor(spec: TensorSpec) -> JsonObject:
    return {"name": spec.name, "shape": spec.shape, "dtype": spec.dtype}


def _print(file: ModelFile, reading: CardReading) -> None:
    from sightline.model_inputs import format_shape

    size = reading.card.size
    rows = [
        ("file", str(file.path)),
        ("format", f"{file.format}, opset {file.opset}" if file.opset else file.format),
        ("size", f"{file.size_bytes / 1e6:.2f} MB, {file.parameters:,} parameters"),
        ("sha256", file.sha256),
        *(("input", f"{i.name} {format_shape(i.shape)} {i.dtype}") for i in file.inputs),
        *(
            (
                "output",
                f"{o.name} {format_shape(o.shape)}, {format_shape(at.shape)} at {size[0]}×{size[1]}",
            )
            for o, at in zip(file.outputs, file.outputs_at(size), strict=True)
        ),
    ]
    for key, value in rows:
        typer.echo(printable(f"{key + ':':<16}{value}"))
    typer.echo("\ncard:")
    for key, value in reading.card.model_dump(mode="json").items():
        shown = value
        if key == "class_names":
            shown = f"{len(value)}: {', '.join(value[:6])}{', …' if len(value) > 6 else ''}"
        origin = reading.origin.get(key, "default")
        typer.echo(printable(f"  {key + ':':<16}{shown!s:<44} from {origin}"))

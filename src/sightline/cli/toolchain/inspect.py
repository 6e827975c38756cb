"""``sightline inspect``: what a model file is and how it will be used."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import Verbose, model_options, network_names
from sightline.cli.terminal import logs
from sightline.errors import ModelError

if TYPE_CHECKING:
    from sightline.models.card import CardReading
    from sightline.models.file import ModelFile
    from sightline.optimize.inspection.backends import BackendReport
    from sightline.optimize.inspection.layers import Inspection
    from sightline.types import TensorSpec


def inspect(
    model: Annotated[
        Path,
        typer.Argument(
            help="An .onnx, .xml, .torchscript or .pt2 file, or a pulled model's name.",
            autocompletion=network_names,
        ),
    ],
    size: Annotated[
        str | None,
        typer.Option(
            help="Input that the work is counted for, where the model leaves it open: 640 or 640x384. "
            "\\[default: the card's]",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    verbose: Verbose = 0,
) -> None:
    """Show what a model is made of, which runtimes take it, and its card.

    Parameters, multiply-accumulates, size per precision, the largest layers, all operators, inputs,
    outputs, opset and metadata. Runtimes that are installed load the model; of others it is told what
    they document. Files that are no detector are shown as well, without a card.

    [bold]Examples[/bold]

    sightline inspect yolox_nano.onnx

    sightline inspect yolo11n.onnx --size 640x384 --json
    """
    from sightline import build
    from sightline.cli.toolchain.inspection_view import show
    from sightline.optimize.inspection.backends import backend_reports
    from sightline.optimize.inspection.files import inspect_file

    logs.set_up(verbose)
    options = model_options(str(model), size=size)
    path = build.model_path(options)
    file, reading, reason = _read(path)
    wanted = (options.size, options.size) if isinstance(options.size, int) else options.size
    found = inspect_file(path, wanted or (reading.card.size if reading else None))
    backends = backend_reports(path, found)
    facts = _facts(path, found, file, reading, reason, backends)
    if json:
        typer.echo(json_.dumps(facts))
    else:
        show(facts, file, reading)


def _read(path: Path) -> tuple[ModelFile | None, CardReading | None, str | None]:
    """The file as one that takes pictures, its card, and why one of them is not there."""
    from sightline import build
    from sightline.models.card import read_card, read_crop_card
    from sightline.models.file import open_model

    try:
        file = open_model(path)
    except ModelError as exc:
        return None, None, str(exc)
    try:
        return file, read_card(file, build.decoders()), None
    except ModelError as exc:
        try:
            return file, read_crop_card(file), None
        except ModelError:
            return file, None, str(exc)


def _facts(
    path: Path,
    found: Inspection,
    file: ModelFile | None,
    reading: CardReading | None,
    reason: str | None,
    backends: list[BackendReport],
) -> dict[str, object]:
    import hashlib
    from dataclasses import asdict

    from sightline.optimize.inspection.layers import BITS, shortened

    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    picture = next((i for i in file.inputs if i.name == file.input.name), None) if file else None
    return {
        "path": str(path),
        "format": found.format,
        "producer": found.producer,
        "opset": found.opsets.get("ai.onnx"),
        "opsets": dict(found.opsets),
        "parameters": found.parameters,
        "macs": found.macs,
        "macs_at": found.at,
        "size_bytes": found.size_bytes,
        "size_by_precision": {precision: found.size_at(precision) for precision in BITS},
        "sha256": sha256,
        "input": _tensor(picture) if picture else None,
        "inputs": [_tensor(i) for i in (file or found).inputs],
        "outputs": [_tensor(o) for o in (file or found).outputs],
        "metadata": shortened(file.metadata) if file else dict(found.metadata),
        "operators": [asdict(row) for row in found.operators()],
        "largest_layers": [
            {
                "name": layer.name,
                "operator": layer.operator,
                "parameters": layer.parameters,
                "macs": layer.macs,
            }
            for layer in found.largest()
        ],
        "backends": [asdict(report) for report in backends],
        "notes": list(found.notes),
        "card": reading.card.model_dump(mode="json") if reading else None,
        "card_missing": reason,
        "origin": dict(reading.origin) if reading else {},
    }


def _tensor(spec: TensorSpec) -> dict[str, object]:
    return {"name": spec.name, "shape": spec.shape, "dtype": spec.dtype}

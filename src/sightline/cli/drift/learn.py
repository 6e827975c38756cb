"""``sightline drift learn``: what a camera is usually like, as a file."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.drift.options import EmbedderName, Every, Track
from sightline.cli.options import (
    Backend,
    Conf,
    Device,
    Footage,
    Json,
    Model,
    ModelsDir,
    Seconds,
    Verbose,
    model_options,
)
from sightline.cli.terminal import logs
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.monitoring.drift.reference import Reference

Output = Annotated[Path, typer.Option("--output", "-o", help="The reference, a .json file.")]


def learn(
    source: Footage,
    model: Model,
    output: Output,
    every: Every = None,
    track: Track = False,
    seconds: Seconds = None,
    embedder: EmbedderName = None,
    conf: Conf = None,
    backend: Backend = "auto",
    device: Device = "auto",
    models_dir: ModelsDir = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Learn what a camera's pictures, and what a model finds in them, are usually like.

    Take footage from when all was well: some minutes at least, with all that is usual in it. What the
    reference differs by within itself is what a check will let pass.

    [bold]Examples[/bold]

    sightline drift learn monday.mp4 --model yolox_nano --output gate.json

    sightline drift learn rtsp://camera/stream --model street --seconds 3600 --output gate.json
    """
    from sightline.build.files.conflicts import check_files, paths_read
    from sightline.build.monitoring import drifting
    from sightline.monitoring.drift.reference import FILE_KIND
    from sightline.replaced_files import check_replaced

    logs.set_up(verbose)
    options = model_options(model, conf=conf, backend=backend, device=device, models_dir=models_dir)
    reads = {"--embedder": Path(embedder)} if embedder else {}
    check_files({**paths_read(options, [source]), **reads}, {"--output": output})
    check_replaced(output, "--output", FILE_KIND)
    progress = ProgressLine()

    def keep(part: Reference) -> None:
        part.save(output)
        typer.echo(
            f"{output}: the source failed; what {part.samples} frames told is kept", err=True
        )

    how = drifting.SamplingOptions(every, track, seconds, embedder)
    found = drifting.learn(source, options, how, progress, keep)
    progress.end()
    found.save(output)
    typer.echo(_as_json(output, found) if json else _summary(output, found))


def _as_json(output: Path, found: Reference) -> str:
    told = {
        "reference": str(output), "camera": found.camera, "model": found.model,
        "samples": found.samples, "interval_s": found.interval_s,
    }  # fmt: skip
    return json_.dumps(told)


def _summary(output: Path, found: Reference) -> str:
    apart = f", {found.interval_s:g} s apart," if found.interval_s else ""
    return (
        f"{output}: {found.samples} frames of {printable(found.camera)}{apart} with {found.model}"
    )

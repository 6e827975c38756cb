"""``sightline collect``: the frames that are worth a label, as a dataset."""

from __future__ import annotations

import json as json_
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import (
    Backend,
    Conf,
    Device,
    Json,
    Model,
    ModelsDir,
    Seconds,
    Verbose,
    model_options,
)
from sightline.cli.terminal import logs
from sightline.cli.terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from sightline.build.monitoring.collecting import CollectedFrame
    from sightline.config import ModelOptions

Footage = Annotated[
    list[str], typer.Argument(help="Videos, folders of pictures, rtsp://, cameras, street://.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the dataset.")]
Budget = Annotated[int, typer.Option(min=1, help="Frames of each source, at most.")]
Every = Annotated[float, typer.Option("--every", min=0.001, help="Seconds between two looks.")]
ReferenceFile = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        "-r",
        help="A file of `sightline drift learn`: unusual pictures are hard, too.",
    ),
]
Blur = Annotated[
    str | None, typer.Option(help="Classes whose objects are blurred: person,licence-plate")
]
Track = Annotated[
    bool,
    typer.Option(
        "--track/--no-track",
        help="Analyse each frame: tracks that are missed and come back are hard; or sampled frames only.",
    ),
]
EmbedderName = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        help="A model that tells which frames look the same; without, their brightness does.",
    ),
]


def collect(
    sources: Footage,
    model: Model,
    output: Output,
    budget: Budget = 50,
    every: Every = 1.0,
    seconds: Seconds = None,
    reference: ReferenceFile = None,
    blur: Blur = None,
    track: Track = True,
    embedder: EmbedderName = None,
    conf: Conf = None,
    backend: Backend = "auto",
    device: Device = "auto",
    models_dir: ModelsDir = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Collect the frames from which the model would learn most, with its detections as labels to correct.

    Hard are frames with objects of which the model is unsure, tracks that flicker, rare classes, and pictures unlike
    the reference. Of frames that show the same the hardest is kept. The folder is a dataset as YOLO and COCO have it,
    for CVAT, Label Studio and the like.

    [bold]Examples[/bold]

    sightline collect night.mp4 --model yolox_nano --output hard --budget 100

    sightline collect rtsp://camera/stream --model street --reference gate.json --seconds 3600 --blur person --output hard
    """
    from sightline.build.monitoring.collecting import CollectOptions
    from sightline.build.monitoring.collecting import collect as collected
    from sightline.monitoring.drift.reference import Reference

    logs.set_up(verbose)
    options = model_options(model, conf=conf, backend=backend, device=device, models_dir=models_dir)
    _check_output(output, options, sources, reference)
    known = None if reference is None else Reference.load(reference)
    names = tuple(name.strip() for name in (blur or "").split(",") if name.strip())
    progress = ProgressLine()
    how = CollectOptions(output, budget, every, seconds, known, names, track, embedder)
    found = collected(sources, options, how, progress)
    progress.end()
    if json:
        typer.echo(json_.dumps({"output": str(output), "frames": [one.told() for one in found]}))
    else:
        typer.echo(_summary(found, output))


def _check_output(
    output: Path, options: ModelOptions, sources: list[str], reference: Path | None
) -> None:
    """Raise ConfigError where the dataset would overwrite what is read."""
    from sightline.build.files.conflicts import check_files, paths_read

    reads = paths_read(options, sources)
    if reference is not None:
        reads["--reference"] = reference
    files = ("annotations.json", "hard_frames.json", "data.yaml", "classes.txt")
    check_files(reads, {f"--output {name}": output / name for name in files})


def _summary(found: list[CollectedFrame], output: Path) -> str:
    if not found:
        return f"{output}: no hard frames: the model is sure of all that it saw"
    reasons = Counter(reason for one in found for reason in one.frame.reasons)
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    return f"{output}: {len(found)} frames ({told})"

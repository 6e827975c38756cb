"""``sightline demo``: your own footage, without a model, in one command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sightline.cli import logs
from sightline.cli.analyze import analyze
from sightline.cli.options import model_options

HOW_TO = """\
Sightline runs on footage of yours. Two ways from here:

  sightline demo VIDEO                      people in your video, found by a detector that needs
                                            no file: modest, but there at once
  sightline models pull yolox_nano          a small detector of 80 classes (3.7 MB, Apache-2.0), then
  sightline track VIDEO --model yolox_nano --output annotated.mp4

VIDEO may be a file, an rtsp:// address or a camera's number (0)."""


def demo(
    video: Annotated[
        str | None, typer.Argument(help="A video file, a stream's address or a camera's number.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the results go.")] = Path("demo"),
) -> None:
    """Track people in your own footage without any model, and keep everything that comes out.

    [bold]Example[/bold]

    sightline demo street.mp4
    """
    if video is None:
        typer.echo(HOW_TO)
        return
    from sightline import build
    from sightline.config import OutputOptions

    logs.set_up(verbose=0)
    outputs = OutputOptions(
        json_lines=str(folder / "tracks.jsonl"),
        annotated=str(folder / "annotated.mp4"),
        database=str(folder / "run.db"),
    )
    analyze(
        build.inputs([video]),
        model_options("people"),
        outputs,
        tracked=True,
        jobs=len(os.sched_getaffinity(0)),
        quiet=False,
    )
    for path, what in (
        (outputs.annotated, "the video with boxes and ids"),
        (outputs.json_lines, "one JSON object for each frame"),
        (outputs.database, "frames, objects and tracks in SQLite"),
    ):
        typer.echo(f"{path}: {what}")

"""``sightline monitor hard-frames``: what was collected, as tools for labelling import it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class LabelFormat(StrEnum):
    """What the labels are written for."""

    LABEL_STUDIO = "label-studio"
    CVAT = "cvat"
    COCO = "coco"


def hard_frames(
    folder: Annotated[
        Path,
        typer.Argument(
            help="The folder of `sightline collect`, or FOLDER/STREAM of `collect:`.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file: tasks.json, hard.zip, coco.json.")
    ],
    format_: Annotated[
        LabelFormat, typer.Option("--format", "-f", help="Whose.")
    ] = LabelFormat.LABEL_STUDIO,
    images_at: Annotated[
        str | None,
        typer.Option(
            help="Where Label Studio finds the pictures; without, /data/local-files/?d= and the folder's name."
        ),
    ] = None,
) -> None:
    """Write collected frames for Label Studio, CVAT or COCO, with the model's detections as labels to correct.

    Label Studio gets tasks with predictions, and beside them the labelling interface (NAME.xml); CVAT an archive
    for "Import dataset", as Ultralytics YOLO Detection 1.0.

    [bold]Examples[/bold]

    sightline monitor hard-frames hard/gate --output tasks.json

    sightline monitor hard-frames hard/gate --format cvat --output hard.zip
    """
    from sightline.build.files.conflicts import check_files
    from sightline.runtime.hard_frames.label_files import LOCAL_FILES, write_label_file

    inside = {
        f"{name} of {folder}": folder / name
        for name in ("hard_frames.json", "classes.txt", "data.yaml", "annotations.json")
    }
    details = {
        f"the details {one.name}": one for one in sorted((folder / "details").glob("*.json"))
    }
    check_files(inside | details, {"--output": output})
    prefix = images_at if images_at is not None else f"{LOCAL_FILES}{folder.name}/images/"
    count = write_label_file(folder, format_.value, output, prefix)
    typer.echo(f"{output}: {count} pictures for {format_.value}")

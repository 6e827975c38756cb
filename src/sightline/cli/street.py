"""``sightline street``: write synthetic scenes with exact ground truth to files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Synthetic street scenes with exact ground truth.")


class Format(StrEnum):
    """What the frames are written as."""

    IMAGES = "images"
    MP4 = "mp4"


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(help="Folder to write to; made if it is missing.")],
    scene: Annotated[
        str, typer.Argument(help="The scene, for example 'street://?seed=7&light=night'.")
    ] = "street://",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", metavar="KEY=VALUE", help="An option of the scene; repeatable."
        ),
    ] = None,
    format: Annotated[Format, typer.Option(help="What to write the frames as.")] = Format.IMAGES,  # noqa: A002
    frames: Annotated[
        int | None, typer.Option(min=1, help="Number of frames, instead of the duration.")
    ] = None,
) -> None:
    """Write a scene's frames with truth in the formats of COCO and MOT.

    Raises:
        ConfigError: an option is wrong. SinkError: the folder cannot be written.
    """
    from sightline.errors import ConfigError
    from sightline.sources.street.export import export as write
    from sightline.sources.street.options import StreetOptions

    options = StreetOptions.from_url(scene)
    values = options.model_dump(exclude_defaults=True)
    for pair in option or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair}: write KEY=VALUE, for example --set light=night")
        values[key] = value
    if frames is not None:
        values["duration"] = frames / float(values.get("fps", options.fps))
    options = StreetOptions.from_values(values, "street export")
    count = write(options, directory, format.value, _report)
    typer.echo(f"{directory}: {count} frames of {options.url()}")


@app.command()
def sheet(
    path: Annotated[Path, typer.Argument(help="JPEG file to write.")],
    scene: Annotated[
        list[str] | None, typer.Argument(help="Scenes; a mixed dozen if none.")
    ] = None,
    columns: Annotated[int, typer.Option(min=1, help="Pictures per row.")] = 4,
    width: Annotated[int, typer.Option(min=32, help="Width of each picture in pixels.")] = 400,
) -> None:
    """Write one picture each of several scenes as a contact sheet.

    Raises:
        ConfigError: a scene is wrong. SinkError: the file cannot be written.
    """
    from sightline.sources.street.sheet import SCENES, write_sheet

    write_sheet(path, tuple(scene) if scene else SCENES, columns, width)
    typer.echo(str(path))


def _report(done: int, count: int) -> None:
    """Ten lines of progress, whatever the length."""
    if done * 10 // count > (done - 1) * 10 // count:
        typer.echo(f"{done}/{count} frames", err=True)

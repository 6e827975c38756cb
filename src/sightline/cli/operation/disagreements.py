"""``sightline monitor disagreements``: the examples that a second model's rollout has kept, drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sightline.errors import SightlineError, SourceError
from sightline.redaction import printable


def disagreements(
    folder: Annotated[
        Path, typer.Argument(help="The folder that `examples` names.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the drawn pictures are written.")
    ] = Path("drawn"),
    count: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
) -> None:
    """Draw the pictures on which two models disagreed, with what each of them found side by side.

    [bold]Examples[/bold]

    sightline monitor disagreements disagreements/ --output drawn/
    """
    found = sorted(folder.glob("disagreement-*.json"), reverse=True)[:count]
    if not found:
        raise SourceError(f"{folder}: there are no examples there (disagreement-*.json)")
    drawn, first_failure = 0, None
    for results in found:
        try:
            _draw(results, output / f"{results.stem}.jpg")
            drawn += 1
        except SightlineError as exc:
            first_failure = first_failure or exc
            typer.secho(f"warning: {printable(str(exc))}", fg="yellow", err=True)
    typer.echo(f"{drawn} pictures in {output}")
    if first_failure is not None:
        raise typer.Exit(1)


def _draw(results: Path, target: Path) -> None:
    """Raises SourceError: an example is damaged, or half of it is gone; SinkError."""
    from sightline.imaging.disagreements import side_by_side
    from sightline.imaging.picture_files import save_picture
    from sightline.sources.images import decode_image

    try:
        told = json.loads(results.read_bytes())
        source = results.with_name(Path(told["picture"]).name)
        image = decode_image(source.read_bytes(), name=str(source))
        sides = side_by_side(image, told["first"], told["second"])
    except OSError as exc:
        raise SourceError(f"{exc.filename}: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise SourceError(f"{results}: it is no example of a rollout: {exc!r}") from exc
    save_picture(target, sides, source)

"""``sightline search query``: a picture or a track in, the objects that look most like it out."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import ModelsDir, Verbose, cache_folder
from sightline.cli.search.options import (
    After,
    Before,
    Count,
    Database,
    Embedder,
    IndexKindOption,
    Json,
    OfClasses,
    OfStreams,
    Sheet,
    line,
    narrowing_of,
)
from sightline.cli.terminal import logs
from sightline.errors import ConfigError
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.runtime.search.searcher import Searcher
    from sightline.runtime.search.stored import Narrowing
    from sightline.types import Floats, Frame, Match

_MOST_NAMED = 10

Image = Annotated[
    str | None, typer.Argument(help="A picture of what is looked for.", show_default=False)
]
BoxOption = Annotated[
    str | None,
    typer.Option(
        help="Where it is in the picture: x1,y1,x2,y2 \\[default: all of it]", show_default=False
    ),
]
Track = Annotated[
    str | None,
    typer.Option(
        help="In place of a picture, a track in the database: STREAM:ID.", show_default=False
    ),
]


def query(
    image: Image = None,
    box: BoxOption = None,
    track: Track = None,
    db: Database = "index.db",
    count: Count = 10,
    classes: OfClasses = None,
    stream: OfStreams = None,
    after: After = None,
    before: Before = None,
    sheet: Sheet = None,
    embedder: Embedder = None,
    index: IndexKindOption = "auto",
    models_dir: ModelsDir = None,
    json_: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Find the objects that look most like one in a picture, or like a track.

    [bold]Examples[/bold]

    sightline search query car.jpg --db street.db --sheet found.jpg

    sightline search query street.jpg --box 120,80,260,190 --db street.db --json

    sightline search query --track gate:17 --db street.db --after 2026-11-28T08:00:00Z
    """
    logs.set_up(verbose)
    narrowing = narrowing_of(classes, stream, after, before)
    if (image is None) == (track is None):
        raise ConfigError("give a picture, or --track STREAM:ID")
    with ExitStack() as closing:
        searcher, frame, vector = _asked(
            closing, db, index, embedder, image, box, track, models_dir
        )
        found = searcher.search(vector, count, narrowing)
        of = searcher.embedder
        unknown = "" if found else _unknown(narrowing, *searcher.names())
    if sheet is not None:
        _write_sheet(sheet, image, frame, box, found)
    if json_:
        matches = [match.to_dict() for match in found]
        typer.echo(json.dumps({"embedder": of.name, "matches": matches}))
        return
    for rank, match in enumerate(found, 1):
        typer.echo(printable(f"{rank:3d}  {line(match)}"))
    if not found:
        why = unknown or "nothing is indexed that the options let through"
        typer.secho(printable(f"nothing was found: {why}"), err=True)


def _unknown(narrowing: Narrowing, classes: Sequence[str], streams: Sequence[str]) -> str:
    """Which class or stream of those asked for is not in the database, and what is; nothing where all are."""
    for kind, asked, known in (
        ("class", narrowing.classes, classes),
        ("stream", narrowing.streams, streams),
    ):
        for name in asked:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                listed = ", ".join(known[:_MOST_NAMED]) + (
                    ", ..." if len(known) > _MOST_NAMED else ""
                )
                hint = f"did you mean {near[0]}?" if near else f"there are {listed or 'none'}"
                return f"nothing of the {kind} {name!r} is indexed; {hint}"
    return ""


def _asked(
    closing: ExitStack, db: str, index: str, embedder: str | None,
    image: str | None, box: str | None, track: str | None, models_dir: Path | None,
) -> tuple[Searcher, Frame | None, Floats]:  # fmt: skip
    """The database, and the vector that is searched for."""
    from sightline.build.search.searching import opened, track_of
    from sightline.errors import InvalidRequest
    from sightline.runtime.search.query import query_vector
    from sightline.sources.stills import still_frame

    folder = models_dir or cache_folder()
    searcher, model = opened(db, embedder, index, folder, with_model=image is not None)
    closing.callback(searcher.close)
    if model is None or image is None:
        return searcher, None, searcher.vector_of_track(*track_of(track or ""))
    closing.callback(model.close)
    frame = still_frame(image)
    try:
        return searcher, frame, query_vector(model, frame, _box(box)).result()
    except InvalidRequest as exc:
        raise ConfigError(f"--{exc}") from exc


def _box(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4:
        raise ConfigError(f"--box: it is x1,y1,x2,y2 in pixels, not {text!r}")
    return box


def _write_sheet(
    path: Path, image: str | None, frame: Frame | None, box: str | None, found: Sequence[Match]
) -> None:
    from sightline.imaging.contact_sheet import Tile, contact_sheet
    from sightline.imaging.picture_files import save_picture
    from sightline.runtime.search.query import box_in

    tiles = []
    if frame is not None:
        x0, y0, x1, y1 = (int(side) for side in box_in(frame, _box(box))[0])
        tiles.append(Tile(frame.image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)], ("looked for",)))
    tiles += [
        Tile(match.picture, tuple(part for part in line(match).split("  ") if part))
        for match in found
    ]
    save_picture(path, contact_sheet(tiles), image)

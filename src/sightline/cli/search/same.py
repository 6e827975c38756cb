"""``sightline search same``: which tracks of different cameras may be the same object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import Verbose
from sightline.cli.search.options import (
    After,
    Before,
    Database,
    Json,
    OfClasses,
    OfStreams,
    Sheet,
    line,
    narrowing_of,
)
from sightline.cli.terminal import logs
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.runtime.search.identities import IdentityCandidate

Least = Annotated[float, typer.Option("--min-score", min=0, max=1, help="Lowest score of a pair.")]
Fade = Annotated[
    float | None,
    typer.Option(
        "--fade-s",
        min=0.001,
        help="A similarity counts half where the tracks are so many seconds apart. \\[default: when they were "
        "seen does not matter]",
        show_default=False,
    ),
]
Mutual = Annotated[
    bool, typer.Option("--mutual", help="Only pairs in which each is the other's best.")
]


def same(
    db: Database = "index.db",
    min_score: Least = 0.7,
    fade_s: Fade = None,
    mutual: Mutual = False,
    classes: OfClasses = None,
    stream: OfStreams = None,
    after: After = None,
    before: Before = None,
    sheet: Sheet = None,
    json_: Json = False,
    verbose: Verbose = 0,
) -> None:
    """List tracks of different streams that may be the same object: candidates, nothing is merged.

    [bold]Examples[/bold]

    sightline search same --db street.db --classes car --fade-s 300 --mutual --sheet pairs.jpg
    """
    from sightline.runtime.search.identities import identity_candidates
    from sightline.runtime.search.searcher import Searcher

    logs.set_up(verbose)
    searcher = Searcher(db, kind="exact")
    try:
        narrowing = narrowing_of(classes, stream, after, before)
        found = identity_candidates(searcher, min_score, fade_s, narrowing)
    finally:
        searcher.close()
    found = [pair for pair in found if pair.mutual or not mutual]
    if sheet is not None:
        _write_sheet(sheet, found)
    if json_:
        typer.echo(json.dumps({"candidates": [pair.to_dict() for pair in found]}))
        return
    for pair in found:
        typer.echo(printable(_line(pair)))
    if not found:
        typer.secho("no tracks of different streams look that much alike", err=True)


def _line(pair: IdentityCandidate) -> str:
    gap = "" if pair.gap_s is None else f"  {pair.gap_s:.1f} s apart"
    best = "  mutual" if pair.mutual else ""
    first, second = (line(match).partition("  ")[2] for match in (pair.first, pair.second))
    return f"{pair.score:.3f}  {first}  =?  {second}{gap}{best}"


def _write_sheet(path: Path, found: Sequence[IdentityCandidate]) -> None:
    from sightline.imaging.contact_sheet import Tile, contact_sheet
    from sightline.imaging.picture_files import save_picture

    tiles = []
    for pair in found:
        for match in (pair.first, pair.second):
            told = (f"{pair.score:.3f}", match.stream, f"{match.class_name} {match.track_id}")
            tiles.append(Tile(match.picture, told))
    save_picture(path, contact_sheet(tiles, columns=6))

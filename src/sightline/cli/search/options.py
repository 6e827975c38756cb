"""Options that the commands of ``sightline search`` share, and what they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sightline.runtime.search.stored import Narrowing
    from sightline.types import Match

Database = Annotated[
    str, typer.Option("--db", help="SQLite file or database URL that holds the vectors.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Count = Annotated[int, typer.Option("--count", "-k", min=1, help="How many are looked for.")]
IndexKindOption = Annotated[str, typer.Option("--index", help="auto, exact or usearch.")]
Embedder = Annotated[
    str | None,
    typer.Option(
        help="Name or file of the embedder. \\[default: the one that suits the model, or that the database "
        "was indexed with]",
        show_default=False,
    ),
]
OfClasses = Annotated[
    str | None,
    typer.Option("--classes", help="Only objects of these classes: car,bus", show_default=False),
]
OfStreams = Annotated[
    list[str] | None,
    typer.Option("--stream", help="Only of this stream. May be repeated.", show_default=False),
]
After = Annotated[
    str | None,
    typer.Option(help="Only seen from then on: 2026-11-28T08:00:00Z.", show_default=False),
]
Before = Annotated[str | None, typer.Option(help="Only seen before then.", show_default=False)]
Sheet = Annotated[
    Path | None,
    typer.Option(help="Write a picture of what was found: .jpg, .png.", show_default=False),
]


def narrowing_of(
    classes: str | None, streams: Sequence[str] | None, after: str | None, before: str | None
) -> Narrowing:
    """Which objects are searched. Raises ConfigError: a moment is none."""
    from sightline.config import moment
    from sightline.runtime.search.stored import Narrowing

    return Narrowing(
        tuple(name.strip() for name in (classes or "").split(",") if name.strip()),
        tuple(streams or ()),
        after=None if after is None else moment("--after", after),
        before=None if before is None else moment("--before", before),
    )


def line(match: Match) -> str:
    """``0.931  car  gate, track 17  2026-11-28T08:00:00.480Z``."""
    from sightline.wall_time import utc_text

    track = f", track {match.track_id}" if match.track_id is not None else ""
    when = utc_text(match.utc) if match.utc is not None else f"{match.time:.2f} s"
    when = "" if match.track_id is None and match.utc is None else f"  {when}"
    return f"{match.similarity:.3f}  {match.class_name}  {match.stream}{track}{when}"

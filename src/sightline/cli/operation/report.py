"""``sightline report``: what streams and models did in a day, a week or any other time."""

from __future__ import annotations

import json as json_
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import Json

if TYPE_CHECKING:
    from sightline.monitoring.reports.facts import ReportFacts


class ReportedTime(StrEnum):
    """Lengths of the time up to now."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


Database = Annotated[
    str,
    typer.Argument(
        help="The database that `history` of a configuration names: a file, or an address.",
        show_default=False,
    ),
]
LastOption = Annotated[ReportedTime, typer.Option("--last", help="The time up to now.")]
After = Annotated[
    str | None,
    typer.Option("--from", help="Its beginning instead: 2026-11-28T00:00:00Z.", show_default=False),
]
Before = Annotated[
    str | None, typer.Option("--to", help="Its end. \\[default: now]", show_default=False)
]
Streams = Annotated[
    list[str] | None,
    typer.Option("--stream", help="Only this stream; may be given again.", show_default=False),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="Only this model; may be given again.", show_default=False),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write it as a page of HTML that needs nothing else; - is standard output.",
        show_default=False,
    ),
]
_PARTS = ("wal", "shm", "journal")
"""What SQLite keeps beside a database."""


def report(
    database: Database,
    last: LastOption = ReportedTime.DAY,
    after: After = None,
    before: Before = None,
    stream: Streams = None,
    model: Models = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Report what streams and models did: objects, latency, availability, drops, drift, accuracy, errors, what to do.

    A service keeps that where its configuration has `history`. It may be running.

    [bold]Examples[/bold]

    sightline report history.db

    sightline report history.db --last week --output week.html

    sightline report history.db --from 2026-11-23T00:00:00Z --to 2026-11-30T00:00:00Z --stream gate --json
    """
    from sightline.config import moment
    from sightline.monitoring.reports.page import report_page
    from sightline.monitoring.reports.text import report_lines
    from sightline.runtime.history.reports import ReportRequest, make_report

    asked = ReportRequest(
        last.value,
        None if after is None else moment("--from", after),
        None if before is None else moment("--to", before),
        tuple(stream or ()),
        tuple(model or ()),
    )
    facts = make_report(database, asked)
    if output is not None and str(output) == "-":
        typer.echo(report_page(facts), nl=False)
        return
    if output is not None:
        _write_page(facts, output)
    if json:
        typer.echo(json_.dumps(facts.to_dict()))
    elif output is None:
        for line in report_lines(facts):
            typer.echo(line)
    else:
        typer.echo(f"wrote {output}", err=True)


def _write_page(facts: ReportFacts, output: Path) -> None:
    """Raises ConfigError: it would be written over the database, or over what is no page; SinkError."""
    from sightline.build.files.conflicts import check_files
    from sightline.monitoring.reports.page import report_page
    from sightline.replaced_files import PAGE, check_replaced
    from sightline.whole_files import write_whole

    if facts.database and "://" not in facts.database:
        parts = {f"the database's {part}": Path(f"{facts.database}-{part}") for part in _PARTS}
        check_files({"the database": Path(facts.database), **parts}, {"--output": output})
    check_replaced(output, "--output", PAGE)
    write_whole(output, report_page(facts).encode())

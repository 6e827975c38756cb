"""What the streams of a run do, as a table that is drawn anew every second on a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sightline.cli.terminal import logs, standard_streams
from sightline.cli.terminal.cells import cell
from sightline.redaction import printable

if TYPE_CHECKING:
    from rich.console import Group

    from sightline.build.service import Installation
    from sightline.types import StreamStats

PERIOD_S = 1.0
_MOST = 40
_NAME_WIDTH = 20
_COLOURS = {
    "running": "green",
    "failed": "red",
    "reconnecting": "yellow",
    "restarting": "yellow",
    "degraded": "yellow",
}


@contextmanager
def fleet_view(installation: Installation, *, quiet: bool) -> Iterator[None]:
    """Show the table while the block runs; elsewhere than on a terminal nothing is shown.

    Nor is it where streams write their results to the same terminal.
    """
    streams = installation.configuration.streams.values()
    on_stdout = any("-" in stream.outputs.paths() for stream in streams)
    beside_results = on_stdout and standard_streams.may_be_seen(sys.stdout)
    if quiet or not sys.stderr.isatty() or not streams or beside_results:
        yield
        return
    from rich.console import Console
    from rich.live import Live

    over, stderr = threading.Event(), sys.stderr
    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:

        def draw() -> None:
            while not over.wait(PERIOD_S):
                live.update(shown(installation.application.fleet.stats()), refresh=True)

        thread = threading.Thread(target=draw, name="view", daemon=True)
        thread.start()
        try:
            with logs.above_display(stderr):
                yield
        finally:
            over.set()
            thread.join()


def shown(streams: Mapping[str, StreamStats]) -> Group:
    """One line for each stream, those that need attention first; below, what is wrong with them."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("stream", no_wrap=True, max_width=_NAME_WIDTH)
    table.add_column("state", no_wrap=True)
    for column in ("fps in", "analysed", "age p99", "left out", "objects"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = sorted(streams.values(), key=lambda s: (s.state == "running", s.name))
    for one in rows[:_MOST]:
        table.add_row(
            cell(one.name), Text(one.state, _COLOURS.get(one.state, "")), f"{one.fps_in:.1f}",
            f"{one.fps_analyzed:.1f}", f"{one.age_p99_ms:.0f} ms",
            str(sum(one.dropped.values())), str(one.objects),
        )  # fmt: skip
    if len(rows) > _MOST:
        table.add_row(f"… {len(rows) - _MOST} more")
    errors = [
        Text(printable(f"{one.name}: {one.error}"), no_wrap=True, overflow="ellipsis")
        for one in rows[:_MOST]
        if one.error
    ]
    return Group(table, *errors)


def summary(streams: Mapping[str, StreamStats]) -> None:
    """A table of what each stream did, on stderr."""
    from rich.console import Console
    from rich.table import Table

    table = Table("stream", box=None, pad_edge=False)
    for column in ("read", "analysed", "objects"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("left out", "end"):
        table.add_column(column, overflow="fold")
    for one in streams.values():
        dropped = ", ".join(f"{n} {reason}" for reason, n in one.dropped.items() if n)
        end = {"ended": "ok", "failed": "[red]failed[/red]"}.get(one.state, "interrupted")
        table.add_row(
            cell(one.name), str(one.read), str(one.analyzed), str(one.objects), dropped, end
        )
    Console(stderr=True).print(table)

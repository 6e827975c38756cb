"""What the streams of a run do, as a table that is drawn anew every second on a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from sightline.build.service import Installation
    from sightline.runtime.record import StreamStats

PERIOD_S = 1.0
_MOST = 40
_COLOURS = {
    "running": "green",
    "failed": "red",
    "reconnecting": "yellow",
    "restarting": "yellow",
    "degraded": "yellow",
}


@contextmanager
def fleet_view(installation: Installation, *, quiet: bool) -> Iterator[None]:
    """Show the table while the block runs; elsewhere than on a terminal nothing is shown."""
    if quiet or not sys.stderr.isatty() or not installation.configuration.streams:
        yield
        return
    from rich.console import Console
    from rich.live import Live

    over = threading.Event()
    with Live(console=Console(stderr=True), auto_refresh=False, transient=False) as live:

        def draw() -> None:
            while not over.wait(PERIOD_S):
                live.update(table(installation.site.fleet.stats()), refresh=True)

        thread = threading.Thread(target=draw, name="view", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def table(streams: Mapping[str, StreamStats]) -> Table:
    """One row for each stream: those that need attention first, where there are too many."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False)
    for column in ("stream", "state"):
        shown.add_column(column)
    for column in ("fps in", "analysed", "age p99", "dropped", "objects"):
        shown.add_column(column, justify="right")
    shown.add_column("", overflow="ellipsis", no_wrap=True)
    rows = sorted(streams.values(), key=lambda s: (s.state == "running", s.name))
    for one in rows[:_MOST]:
        shown.add_row(
            one.name, Text(one.state, _COLOURS.get(one.state, "")), f"{one.fps_in:.1f}",
            f"{one.fps_analyzed:.1f}", f"{one.age_p99_ms:.0f} ms",
            str(sum(one.dropped.values())), str(one.objects), one.error or "",
        )  # fmt: skip
    if len(rows) > _MOST:
        shown.add_row(f"… {len(rows) - _MOST} more")
    return shown

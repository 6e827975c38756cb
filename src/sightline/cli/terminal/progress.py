"""Progress of streams on stderr: bars on a terminal, plain lines elsewhere, a summary at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from sightline.cli.terminal import logs, standard_streams
from sightline.cli.terminal.cells import cell
from sightline.cli.terminal.progress_line import LINE_EVERY_S
from sightline.redaction import printable
from sightline.runtime.streams.stream import StreamResult

if TYPE_CHECKING:
    from sightline.build.files.written import WrittenFiles

MANY = 12
"""With more streams than this, only the running ones have a bar."""


class Progress(Protocol):
    """Shows how far streams are."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def show(self) -> None:
        """Look at the results again."""


def progress(results: Sequence[StreamResult], *, quiet: bool, on_stdout: bool = False) -> Progress:
    """The display that fits where stderr goes.

    Args:
        results: what is shown.
        quiet: nothing is.
        on_stdout: results are written to stdout at the same time. Where they may be seen on the same
            terminal, directly or through a pipe, there are whole lines in place of a bar: a bar stays
            on its line, and so the next result would stand behind it.
    """
    if quiet:
        return NoProgress()
    own_line = sys.stderr.isatty() and not (on_stdout and standard_streams.may_be_seen(sys.stdout))
    return ProgressBars(results) if own_line else Lines(results)


class NoProgress:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self) -> None:
        """Show nothing."""


class Lines(NoProgress):
    """A line for every running stream now and then."""

    def __init__(self, results: Sequence[StreamResult]) -> None:
        self._results = results
        self._next = time.monotonic() + LINE_EVERY_S

    def show(self) -> None:
        """Print a line for each running stream, at most once in ``LINE_EVERY_S``."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LINE_EVERY_S
        for result in self._results:
            if result.started_at and not result.ended_at:
                of = f" of {result.total}" if result.total else ""
                print(  # noqa: T201 - progress is what stderr is for
                    f"{printable(result.name)}: frame {result.frames}{of}, {result.fps:.1f} frames/s",
                    file=sys.stderr,
                    flush=True,
                )


class ProgressBars:
    """A bar for every stream."""

    def __init__(self, results: Sequence[StreamResult]) -> None:
        from rich import progress
        from rich.console import Console

        self._results = results
        self._logs = ExitStack()
        self._bars = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[fps]}"),
            progress.TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks = [
            self._bars.add_task(printable(r.name), total=None, fps="", visible=len(results) <= MANY)
            for r in results
        ]

    def __enter__(self) -> Self:
        stderr = sys.stderr
        self._bars.start()
        self._logs.enter_context(logs.above_display(stderr))
        return self

    def __exit__(self, *_: object) -> None:
        self.show()
        self._logs.close()
        self._bars.stop()

    def show(self) -> None:
        """Bring the bar of each stream that has begun up to date."""
        for task, result in zip(self._tasks, self._results, strict=True):
            if not result.started_at:
                continue
            self._bars.update(
                task,
                completed=result.frames,
                total=result.total,
                fps=f"{result.fps:.1f} frames/s",
                visible=len(self._results) <= MANY or not result.ended_at,
            )


def summary(results: Sequence[StreamResult]) -> None:
    """A table of what each stream did, on stderr."""
    from rich.console import Console
    from rich.table import Table

    table = Table("stream", box=None, pad_edge=False)
    for column in ("frames", "frames/s", "objects", "tracks", "left out"):
        table.add_column(column, justify="right")
    table.add_column("end", overflow="fold")
    for r in results:
        dropped = dict(r.status.dropped) if r.status else {}
        table.add_row(
            cell(r.name),
            str(r.frames),
            f"{r.fps:.1f}",
            str(r.objects),
            str(r.tracks or ""),
            ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count),
            f"[red]{type(r.error).__name__}[/red]"
            if r.error
            else "interrupted"
            if r.interrupted
            else "ok",
        )
    Console(stderr=True, width=None if sys.stderr.isatty() else 120).print(table)


def show_written(outputs: WrittenFiles) -> None:
    """Say on stderr what was written, where, and how large it is."""
    for one in outputs.found():
        print(printable(str(one)), file=sys.stderr)  # noqa: T201

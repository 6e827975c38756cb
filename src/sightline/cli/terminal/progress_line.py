"""Progress of long work whose end is not known, on one line of stderr."""

from __future__ import annotations

import math
import sys
import time
from typing import Self

import typer

LINE_EVERY_S = 5.0


class ProgressLine:
    """Tells on stderr what is being done: on one line of a terminal, elsewhere on a new line now and then.

    As a context it leaves the line at the end.
    """

    def __init__(self) -> None:
        self._told_at = -math.inf
        self._part = ""

    def __call__(self, what: str) -> None:
        part = what.partition(":")[0]
        if sys.stderr.isatty():
            typer.echo(f"\r\x1b[2K{what} …", err=True, nl=False)
        elif part != self._part or time.monotonic() - self._told_at > LINE_EVERY_S:
            typer.echo(f"{what} …", err=True)
            self._told_at = time.monotonic()
        self._part = part

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            typer.echo("\r\x1b[2K", err=True, nl=False)

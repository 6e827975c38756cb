"""Texts from elsewhere in tables on a terminal: names of files, classes, streams and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sightline.redaction import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_WIDE = 200


def table_console() -> Console:
    """Where tables are printed: as wide as a terminal is. A file takes lines of any length."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def cell(text: str) -> Text:
    """A text as it is: neither rich's markup (``[/a].jpg``) nor what commands a terminal."""
    from rich.text import Text

    return Text(printable(text))

"""Texts from elsewhere in tables on a terminal: names of files, classes, streams and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sightline.redaction import printable

if TYPE_CHECKING:
    from rich.text import Text


def cell(text: str) -> Text:
    """A text as it is: neither rich's markup (``[/a].jpg``) nor what commands a terminal."""
    from rich.text import Text

    return Text(printable(text))

"""Text in CSV files that people open in spreadsheets: what would be taken for a formula there is marked."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a formula begins (OWASP, CSV injection)."""


def safe_cell(text: str) -> str:
    """A cell for a name, which may come from a model or a client: a formula has a ``'`` before it.

    ``plain_cell`` gives the text back.
    """
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def plain_cell(text: str) -> str:
    """What ``safe_cell`` was given."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_FORMULA) else text

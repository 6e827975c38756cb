"""Where a database is: what is given, as an address, and what it is called."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from sightline.redaction import redact_address


def url_of(text: str) -> sa.URL:
    """The address that a text means: an address, or the name of a SQLite file. Raises ArgumentError, ValueError."""
    return sa.make_url(text) if "://" in text else sa.URL.create("sqlite", database=text)


def name_and_file(url: sa.URL) -> tuple[str, Path | None]:
    """What messages call a database, without its password; and its file, if it is one of SQLite."""
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        return str(file), file
    return redact_address(url.render_as_string(hide_password=True)), None

"""Where a database is, and what it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import ArgumentError

from sightline.sinks.databases.location import name_and_file, url_of


@pytest.mark.parametrize(
    ("text", "name", "file"),
    [
        pytest.param("a b.db", "a b.db", Path("a b.db"), id="a file"),
        pytest.param("/data/%41.db", "/data/%41.db", Path("/data/%41.db"), id="a name that is not decoded"),
        pytest.param("sqlite:///a.db", "a.db", Path("a.db"), id="a relative address"),
        pytest.param("sqlite:////data/a.db", "/data/a.db", Path("/data/a.db"), id="an absolute address"),
        pytest.param(
            "postgresql+pg8000://joe:geheim@host:5/street", "postgresql+pg8000://joe:***@host:5/street", None,
            id="a server",
        ),
    ],
)  # fmt: skip
def test_locations(text: str, name: str, file: Path | None) -> None:
    assert name_and_file(url_of(text)) == (name, file)


@pytest.mark.parametrize("text", ["://x", "postgresql://host:port/x"])
def test_no_addresses(text: str) -> None:
    with pytest.raises((ArgumentError, ValueError), match=r"."):
        url_of(text)

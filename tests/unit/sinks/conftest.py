"""A results database in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sightline.sinks import schema


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    """In a transaction, with all tables."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as made:
        schema.prepare(made, "memory")
        yield made
    engine.dispose()

"""What clients of the service may search by looks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sightline.addresses import database_address
from sightline.config.options import Options


class SearchOptions(Options):
    """The database that `POST /search` searches: its vectors are made by `kind: embed` of a stream's stages."""

    database: Annotated[str, AfterValidator(database_address)] = Field(
        min_length=1, description="SQLite file or address; streams may be writing to it"
    )
    embedder: str | None = Field(
        None,
        description="a name under `models`, of a bundled or pulled model, or a file; none: the one that the "
        "database names",
    )
    index: Literal["auto", "exact", "usearch"] = Field(
        "auto", description="auto is exact up to 300,000 vectors, and usearch beyond"
    )

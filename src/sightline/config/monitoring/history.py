"""What is kept of a service's life, for reports."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from sightline.addresses import database_address
from sightline.config.options import Options
from sightline.config.paths import PathField


class HistoryOptions(Options):
    """Summaries of streams and models by minute, hour and day in a database, for `sightline report`."""

    database: Annotated[Annotated[str, AfterValidator(database_address)], PathField("output")] = (
        Field(
            min_length=1,
            description="SQLite file or address; it may be the one that results go to",
        )
    )
    every_s: float = Field(
        1.0,
        gt=0,
        le=3600,
        description="seconds between two frames whose pictures are looked at; a stream with `drift` has its own",
    )
    minute_days: float = Field(1.0, ge=0.05, le=60, description="so long minutes are kept")
    hour_days: float = Field(35.0, ge=1, le=1100, description="so long hours are kept")
    day_days: float = Field(1100.0, ge=1, le=36500, description="so long days are kept")

"""What is kept of a service's life, for reports."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from sightline.addresses import database_address
from sightline.config.options import Inconsistency, Options, refuse_inconsistent
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

    @model_validator(mode="after")
    def _coarser_is_kept_longer(self) -> Self:
        refuse_inconsistent(_inconsistencies(self))
        return self


def _inconsistencies(options: HistoryOptions) -> list[Inconsistency]:
    """A report takes coarser summaries where finer ones are gone, never the other way round."""
    days = {"minutes": options.minute_days, "hours": options.hour_days, "days": options.day_days}
    found: list[Inconsistency] = []
    for finer, coarser in (("minutes", "hours"), ("hours", "days")):
        if days[finer] > days[coarser]:
            option, other = f"{finer[:-1]}_days", f"{coarser[:-1]}_days"
            text = (
                f"{finer} are kept for {days[finer]:g} days, and {coarser} for {days[coarser]:g} only: reports of what "
                f"is older would find nothing; lower `{option}`, or raise `{other}`"
            )
            found.append(((option,), text))
    return found

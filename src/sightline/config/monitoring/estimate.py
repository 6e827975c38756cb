"""How the accuracy of a stream's model is estimated while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from sightline.config.options import Name, Options
from sightline.config.paths import PathField

FEWEST_LOOKS = 10
"""From so many frames that were looked at, there is an estimate."""


class EstimateAccuracyOptions(Options):
    """A stream of whose model the accuracy is estimated, without labels."""

    reference: Name | None = Field(
        None,
        description="a better model, a name under `models`: it looks in idle time only; none: the stream's own model "
        "and the calibration have to do",
    )
    calibration: Annotated[Path | None, PathField("reference")] = Field(
        None,
        description="file of `sightline evaluate calibrate`; none: scores are taken for probabilities",
    )
    every_s: float = Field(
        30.0, gt=0, le=86400, description="seconds between two moments that are looked at"
    )
    frames: int = Field(
        100,
        ge=FEWEST_LOOKS,
        le=1000,
        description="the estimate is of so many frames, the newest that were looked at",
    )

"""How a stream is watched for drift."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from sightline.config.options import Options
from sightline.config.paths import PathField


class DriftOptions(Options):
    """A stream whose pictures and objects are held against what is usual."""

    reference: Annotated[Path, PathField("reference")] = Field(
        description="file of `sightline drift learn`; where there is none, it is learnt and written"
    )
    learn_days: float = Field(
        7.0, gt=0, le=60, description="so long is learnt, each hour of the day for itself"
    )
    every_s: float = Field(
        1.0, gt=0, le=3600, description="seconds between two frames that are looked at"
    )

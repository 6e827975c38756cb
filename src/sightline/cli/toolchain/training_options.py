"""Options of variants that are trained, which commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Training = Annotated[
    str | None,
    typer.Option(
        help="The model's training step: package.module:factory, or file.py:factory (see TrainingTask)."
    ),
]
TrainingData = Annotated[
    str | None, typer.Option(help="What the factory is handed: its training data.")
]
TrainingMinutes = Annotated[
    float, typer.Option(min=0.01, help="How long each trained variant is taught.")
]
TrainingSteps = Annotated[
    int | None,
    typer.Option(min=1, help="Its steps, instead of minutes: a run that can be repeated."),
]

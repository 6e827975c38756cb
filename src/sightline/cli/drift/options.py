"""Options that ``drift learn`` and ``drift check`` share."""

from __future__ import annotations

from typing import Annotated

import typer

Every = Annotated[
    float | None,
    typer.Option(
        "--every",
        min=0.001,
        max=3600,
        help="Seconds between two sampled frames. \\[default: 1, less for short recordings]",
        show_default=False,
    ),
]
Track = Annotated[
    bool,
    typer.Option(
        "--track", help="Analyse each frame and follow objects, so that tracks are judged."
    ),
]
EmbedderName = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        help="A model that says what objects look like (street-embedder): other looks are drift, too.",
        show_default=False,
    ),
]

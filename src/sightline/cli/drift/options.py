"""Options that ``drift learn`` and ``drift check`` share."""

from __future__ import annotations

from typing import Annotated

import typer

Footage = Annotated[
    str,
    typer.Argument(help="A video, a folder of pictures, rtsp://, a camera's number, street://."),
]
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
Seconds = Annotated[
    float | None, typer.Option(min=1, help="Look so long; a live source has no end.")
]
Json = Annotated[bool, typer.Option("--json", help="As one JSON object.")]

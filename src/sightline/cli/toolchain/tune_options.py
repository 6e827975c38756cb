"""The options of ``sightline tune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.options import network_names

FEWEST_FRAMES = 8
"""Accuracy that fewer frames tell is chance."""

SEARCH = "Search"

Footage = Annotated[str, typer.Argument(help="Footage: a video, pictures, a camera or street://.")]
TunedModel = Annotated[
    str,
    typer.Option("--model", "-m", help="A model file or name.", autocompletion=network_names),
]
Latency = Annotated[
    float, typer.Option("--p99-ms", min=1, help="Most ms from decoded to analysed.")
]
Accurate = Annotated[
    float, typer.Option(min=0, max=1, help="Part of the native configuration's accuracy.")
]
Rate = Annotated[float, typer.Option(min=0.1, help="Analysed per second of each camera.")]
TruthLabels = Annotated[
    str | None,
    typer.Option(help="Truth (COCO, YOLO, street://) for the accuracy, instead of agreement."),
]
TruthImages = Annotated[Path | None, typer.Option(help="Pictures of --labels.")]
SampledFrames = Annotated[int, typer.Option(min=FEWEST_FRAMES, help="Looked at for the accuracy.")]
EachFrame = Annotated[
    int | None,
    typer.Option(
        min=1, help="Each so many-th frame is one of them. \\[default: spread over the footage]"
    ),
]
Backends = Annotated[str, typer.Option(help="Runtimes.", rich_help_panel=SEARCH)]
Precisions = Annotated[
    str, typer.Option(help="The first is the native one.", rich_help_panel=SEARCH)
]
InputSizes = Annotated[
    str | None,
    typer.Option(
        help="Longer sides of the input. \\[default: the model's, three quarters, half]",
        rich_help_panel=SEARCH,
    ),
]
Batches = Annotated[str, typer.Option(help="Pictures in an inference.", rich_help_panel=SEARCH)]
Threads = Annotated[str, typer.Option(help="Processor threads; 0: all.", rich_help_panel=SEARCH)]
InFlight = Annotated[
    str, typer.Option(help="In flight; 0: the runtime's optimum.", rich_help_panel=SEARCH)
]
FullSeconds = Annotated[
    float,
    typer.Option(min=0.1, help="Each of the best is measured so long.", rich_help_panel=SEARCH),
]
Exhaustive = Annotated[
    bool,
    typer.Option("--exhaustive", help="Measure all for that time.", rich_help_panel=SEARCH),
]
CheckSeconds = Annotated[
    float,
    typer.Option(min=0, help="Seconds that the promised cameras are run; 0: promise none."),
]
RunFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The chosen configuration, for `sightline run`."),
]

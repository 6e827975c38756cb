"""``sightline optimize``: variants of a model that are smaller or faster, and as good."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import Backend, Json, Size, Verbose, network_names
from sightline.cli.terminal import logs
from sightline.cli.toolchain.training_options import (
    Training,
    TrainingData,
    TrainingMinutes,
    TrainingSteps,
)

if TYPE_CHECKING:
    from sightline.optimize.variants.int8 import Ranges

Model = Annotated[
    str,
    typer.Argument(help="An .onnx file, or a pulled model's name.", autocompletion=network_names),
]
Data = Annotated[
    list[str],
    typer.Option(
        "--data",
        "-d",
        help="Footage as the model will see it: videos, pictures, folders, globs, street://. Repeatable.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="Labelled pictures to judge by: a COCO JSON file, a YOLO folder or its data.yaml, or a street:// URL; "
        "of a classifier or an embedder a folder with a folder of pictures for each class."
    ),
]
Images = Annotated[
    Path | None, typer.Option(help="The labelled pictures, where they are not beside the labels.")
]
Crops = Annotated[
    str | None,
    typer.Option(
        help="Of a classifier or an embedder: show it the objects that this detector finds, not whole frames: "
        "MODEL, or MODEL:class,class.",
        show_default=False,
    ),
]
Variants = Annotated[
    str,
    typer.Option(
        help="Which to make, of clean, fp16, bf16, int8, int8-dynamic; with --training also pruned-0.3 "
        "(of the channels are removed), distilled-0.5 (of the channels are left), sparse-0.5 (of the weights are "
        "zero), qat (taught for INT8)."
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="The folder for variants and the report.")
]
MapDrop = Annotated[
    float,
    typer.Option(
        "--max-map-drop", "--max-accuracy-drop", min=0, max=1,
        help="With --labels: how much mAP, of a classifier its accuracy, may fall.",
    ),
]  # fmt: skip
ClassDrop = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="How much the AP, or accuracy, of a class may fall; without --labels twice that.",
    ),
]
MinAgreement = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Without --labels: least agreement with the original (mAP@50; of a classifier top-1, of an embedder "
        "cosine and nearest picture).",
    ),
]
CalibrationRanges = Annotated[
    str,
    typer.Option(
        "--ranges",
        help="How INT8 scales are found: mean-minmax, minmax, percentile, entropy.",
    ),
]
Frames = Annotated[int, typer.Option(min=40, help="Frames of the footage, evenly spread.")]
Minutes = Annotated[
    float, typer.Option(min=0.1, help="For the search of layers that INT8 does not suit.")
]
AllowSlower = Annotated[
    bool, typer.Option("--allow-slower", help="Accept variants that are slower here, but smaller.")
]


def optimize(
    model: Model,
    data: Data,
    output: Output,
    labels: Labels = None, images: Images = None, crops: Crops = None,
    variants: Variants = "clean,fp16,bf16,int8",
    max_map_drop: MapDrop = 0.01, max_class_drop: ClassDrop = 0.05, min_agreement: MinAgreement = 0.97,
    ranges: CalibrationRanges = "mean-minmax", frames: Frames = 300, minutes: Minutes = 10.0,
    training: Training = None, training_data: TrainingData = None,
    training_minutes: TrainingMinutes = 20.0, training_steps: TrainingSteps = None,
    allow_slower: AllowSlower = False, size: Size = None, backend: Backend = "auto",
    json: Json = False, verbose: Verbose = 0,
) -> None:  # fmt: skip
    """Make a detector, a classifier or an embedder smaller and faster, and refuse what loses too much.

    Every variant is run on your footage and compared with the original: against labels where there are
    some, else by what the original is sure of. Layers that INT8 does not suit are found and stay in
    floats. Accepted variants are written with their cards, and what was measured as report.json and
    report.png.

    [bold]Examples[/bold]

    sightline optimize yolox_nano --data street.mp4 --output small

    sightline optimize street --data "street://?duration=60" --labels "street://?seed=7&duration=30" --variants int8 -o small

    sightline optimize street-attributes --data street.mp4 --crops street:car,truck,bus --output small

    sightline optimize street --data "street://?duration=60" --variants pruned-0.3,qat --training training/fine_tune.py:StreetTask --training-data frames -o small
    """
    from sightline.build.toolchain.training import TrainingRequest
    from sightline.cli.terminal.variants import print_report
    from sightline.cli.toolchain.optimize_request import OptimizeRequest, range_kind, variant_names
    from sightline.cli.toolchain.optimizing import optimized
    from sightline.optimize.training.kinds import TrainingLength
    from sightline.optimize.variants.gate import LossLimits

    logs.set_up(verbose)
    kind: Ranges = range_kind(ranges)
    length = TrainingLength(training_minutes, training_steps)
    request = OptimizeRequest(
        model, tuple(data), labels, images, variant_names(variants), output,
        LossLimits(max_map_drop, max_class_drop, min_agreement), kind, frames, minutes * 60, allow_slower,
        size, backend, crops, TrainingRequest(training, training_data, length) if training else None,
    )  # fmt: skip
    made = optimized(request)
    if json:
        typer.echo(json_.dumps(made))
    else:
        print_report(made)

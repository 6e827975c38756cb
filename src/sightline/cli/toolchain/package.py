"""``sightline package``: a model packed for a machine, and the check of a package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.command_groups import DefaultCommandGroup
from sightline.cli.options import Verbose, model_options, network_names
from sightline.cli.terminal import logs
from sightline.cli.toolchain.training_options import (
    Training,
    TrainingData,
    TrainingMinutes,
    TrainingSteps,
)
from sightline.redaction import printable


class _Group(DefaultCommandGroup):
    """``package MODEL`` means ``package write MODEL``."""

    default_command = "write"


app = typer.Typer(
    cls=_Group,
    name="package",
    help="Pack a model for a machine, within its limits, and check a package there.",
    no_args_is_help=True,
)


Packable = Annotated[
    str, typer.Argument(help="An .onnx file, or a model's name.", autocompletion=network_names)
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The folder to write, or a .tar.gz.")]
Machine = Annotated[
    str,
    typer.Option(
        help="mobile, embedded, edge_server, jetson-nano, jetson-xavier, jetson-orin, raspberry-pi, nuc, or one "
        "of --targets."
    ),
]
Targets = Annotated[Path | None, typer.Option(help="A file with further machines.")]
Data = Annotated[
    str | None,
    typer.Option(help="Frames on which variants are compared. \\[default: a street:// scene]"),
]
Crops = Annotated[
    str | None,
    typer.Option(
        help="Of a classifier or an embedder: the detector whose objects it is shown, MODEL or "
        "MODEL:class,class; without it whole pictures.",
        show_default=False,
    ),
]
Wheels = Annotated[
    list[Path] | None, typer.Option(help="A wheel to lie in the package; may be given again.")
]
TaughtVariants = Annotated[
    str | None,
    typer.Option(
        help="What is taught where nothing else fits, in this order. \\[default: qat,pruned-0.3,distilled-0.5]"
    ),
]
AllowMissed = Annotated[
    bool, typer.Option("--allow-missed", help="Pack what is nearest where no variant fits.")
]


@app.command()
def write(
    model: Packable,
    output: Output,
    target: Machine,
    targets: Targets = None, data: Data = None, crops: Crops = None, wheel: Wheels = None,
    training: Training = None, training_data: TrainingData = None, training_variants: TaughtVariants = None,
    training_minutes: TrainingMinutes = 20.0, training_steps: TrainingSteps = None,
    allow_missed: AllowMissed = False, verbose: Verbose = 0,
) -> None:  # fmt: skip
    """Try variants of a model until a machine's limits are met, and pack the first that meets them.

    They are the model itself, 16 bits, INT8, and smaller inputs; with --training also networks that are
    taught for INT8, pruned or distilled. A training that was interrupted goes on with the same command.

    [bold]Examples[/bold]

    sightline package yolox_nano --output gate --target raspberry-pi

    sightline package street-attributes --crops street:car,truck,bus --output gate --target nuc

    sightline package street --output gate --target embedded --training training/fine_tune.py:StreetTask --training-data frames
    """
    from sightline.build.toolchain.export_sources import DATA
    from sightline.build.toolchain.package import PackageOptions, package
    from sightline.build.toolchain.package_variants import TAUGHT
    from sightline.build.toolchain.training import TrainingRequest
    from sightline.cli.terminal.progress_line import ProgressLine
    from sightline.deploy.package.targets import find_target, read_targets
    from sightline.optimize.training.kinds import TrainingLength

    logs.set_up(verbose)
    how = model_options(model)
    length = TrainingLength(training_minutes, training_steps)
    options = PackageOptions(
        target=target, limits=find_target(target, read_targets(targets)), data=data or DATA, crops=crops,
        models_dir=how.models_dir, wheels=tuple(wheel or ()), missed=allow_missed,
        training=TrainingRequest(training, training_data, length) if training else None,
        taught=training_variants or TAUGHT,
    )  # fmt: skip
    progress = ProgressLine()

    def tell(line: str) -> None:
        progress.end()
        typer.echo(line, err=True)

    with progress:
        packed = package(how, output, options, tell, progress)
    for gap in packed.missed:
        typer.secho(f"missed: {gap}", fg="yellow", err=True)
    typer.echo(packed.path)


@app.command()
def verify(
    package: Annotated[Path, typer.Argument(help="The folder, or the .tar.gz.")],
    verbose: Verbose = 0,
) -> None:
    """Check a package on this machine: its files, that its model says what it should, and how fast it is.

    The exit code is 1 where a picture takes longer than the limit allows.

    [bold]Example[/bold]

    sightline package verify gate
    """
    from sightline.build.toolchain.package_check import verify_package

    logs.set_up(verbose)
    check = verify_package(package, os.environ)
    typer.echo(f"{check.files} files are whole")
    if check.later:
        typer.echo(f"not of the package, and not checked: {printable(', '.join(check.later))}")
    typer.echo(f"{check.objects} objects of the sample are found")
    within = check.latency_ms <= check.limit_ms
    where = "within" if within else "ABOVE"
    typer.echo(f"{check.latency_ms:.1f} ms a picture, {where} the limit of {check.limit_ms:g}")
    if not within:
        raise typer.Exit(1)

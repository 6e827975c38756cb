"""``sightline export``: a model in another format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import Verbose, model_options, network_names
from sightline.cli.terminal import logs
from sightline.cli.toolchain.value_lists import input_size
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.build.toolchain.export_comparison import ExportComparison
    from sightline.optimize.export.request import DynamicSide

NETWORK = "PyTorch"
ENGINES = "TensorRT"


Exportable = Annotated[
    str,
    typer.Argument(
        help="A model file, a model's name, a checkpoint of PyTorch, or package.module:factory.",
        autocompletion=network_names,
    ),
]
Target = Annotated[
    Path,
    typer.Argument(
        help="The file to write: .onnx, .xml (OpenVINO IR), .torchscript, .pt2, .mlpackage, .engine or .plan (TensorRT)."
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(help="Input, width first: 640 or 640x384. \\[default: the model's]"),
]
Batch = Annotated[
    int | None, typer.Option(min=1, help="Pictures in the input, which is then fixed.")
]
Dynamic = Annotated[
    str | None,
    typer.Option(help="Left open: batch, size, batch,size or none. \\[default: all that can]"),
]
Opset = Annotated[
    int | None, typer.Option(min=9, help="Of an .onnx. \\[default: the model's, or 17]")
]
InputName = Annotated[str | None, typer.Option(help="What its input is called.")]
OutputNames = Annotated[str | None, typer.Option(help="What its outputs are called: boxes,scores")]
Fp32 = Annotated[
    bool, typer.Option("--fp32", help="FP32 instead of FP16 in an .xml or an .engine.")
]
ComparedOn = Annotated[
    str | None,
    typer.Option(help="Frames to compare both on. \\[default: a street:// scene]"),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Largest |a-b|/(1+|b|) of an element. \\[default: .001; in FP16 .5; in INT8 what is found counts]",
    ),
]
Module = Annotated[
    str | None,
    typer.Option(
        help="package.module:factory of the network of a checkpoint.", rich_help_panel=NETWORK
    ),
]
CardFile = Annotated[
    Path | None,
    typer.Option(help="A .yaml with the fields of its card.", rich_help_panel=NETWORK),
]
TrustPickle = Annotated[
    bool,
    typer.Option(
        "--trust-pickle", help="Run what a checkpoint's pickle says.", rich_help_panel=NETWORK
    ),
]

Int8 = Annotated[
    bool,
    typer.Option(
        "--int8",
        help="INT8: of a model that is quantised already or, with TensorRT 10, calibrated on --data.",
        rich_help_panel=ENGINES,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        help="Smallest, usual and largest input, batch x width x height: 1x640x384,4x640x640,8x640x640. "
        "\\[default: what follows from --size, --batch and --dynamic]",
        rich_help_panel=ENGINES,
    ),
]
Workspace = Annotated[
    int | None,
    typer.Option(min=1, help="Most memory of an operator.", rich_help_panel=ENGINES),
]
DlaCore = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Accelerator that runs what it can; the GPU runs the rest.",
        rich_help_panel=ENGINES,
    ),
]
StronglyTyped = Annotated[
    bool,
    typer.Option(
        "--strongly-typed",
        help="Keep to the types in the graph with TensorRT 10, too; 11 always does.",
        rich_help_panel=ENGINES,
    ),
]
BuildCache = Annotated[
    Path | None,
    typer.Option(
        help="Folder of engines, of the times of operators and of INT8 scales, for the next build.",
        rich_help_panel=ENGINES,
    ),
]
TargetMachine = Annotated[
    str | None,
    typer.Option(
        help="Values for a machine: jetson-orin, jetson-xavier, jetson-nano. It is built on that machine.",
        rich_help_panel=ENGINES,
    ),
]


def export(
    model: Exportable,
    to: Target,
    size: InputSize = None, batch: Batch = None, dynamic: Dynamic = None, opset: Opset = None,
    input_name: InputName = None, output_names: OutputNames = None, fp32: Fp32 = False,
    data: ComparedOn = None, tolerance: Tolerance = None,
    module: Module = None, card: CardFile = None, trust_pickle: TrustPickle = False,
    int8: Int8 = False, profile: Profile = None, workspace_mb: Workspace = None, dla: DlaCore = None,
    strongly_typed: StronglyTyped = False, cache: BuildCache = None, target: TargetMachine = None,
    verbose: Verbose = 0,
) -> None:  # fmt: skip
    """Convert a model, compare both on real frames, and write it with its card beside it.

    [bold]Examples[/bold]

    sightline export yolox_nano.onnx yolox_nano.xml

    sightline export mine.nets:detector mine.onnx --size 640x384 --dynamic batch

    sightline export last.pt mine.onnx --module mine.nets:detector

    sightline export yolox_nano.onnx yolox_nano.engine --profile 1x416x416
    """
    from sightline.build.toolchain.engine_builds import EngineSettings
    from sightline.build.toolchain.export import export as export_model
    from sightline.build.toolchain.export_sources import DATA, ExportOptions

    logs.set_up(verbose)
    wanted = EngineSettings(
        int8=int8, profile=profile, workspace_mb=workspace_mb, dla_core=dla,
        strongly_typed=strongly_typed, cache=cache, target=target,
    )  # fmt: skip
    done = export_model(
        model_options(model),
        to,
        ExportOptions(
            size=None if size is None else input_size("--size", size), batch=batch, dynamic=_dynamic(dynamic), opset=opset,
            input_name=input_name, output_names=tuple(map(str.strip, output_names.split(","))) if output_names else (),
            fp32=fp32, data=data or DATA, tolerance=tolerance, module=module, card=card,
            trust_pickle=trust_pickle,
            engine=replace(wanted, data=data) if wanted != EngineSettings() else None,
        ),
    )  # fmt: skip
    _say_compared(done.comparison)
    typer.echo(to)


def _say_compared(compared: ExportComparison | None) -> None:
    if compared is None:
        typer.echo("not compared: nothing runs this format here", err=True)
        return
    typer.echo(f"largest difference: {compared.difference}", err=True)
    if compared.verdict is not None:
        typer.echo(f"kept of what the model is sure of: {compared.verdict.kept:.3f}", err=True)


def _dynamic(text: str | None) -> frozenset[DynamicSide] | None:
    if text is None:
        return None
    known: dict[str, frozenset[DynamicSide]] = {
        "none": frozenset(),
        "batch": frozenset({"batch"}),
        "size": frozenset({"size"}),
    }
    words = text.split(",")
    if not set(words) <= set(known) or ("none" in words and len(words) > 1):
        raise ConfigError(f"--dynamic {text}: give batch, size, batch,size or none")
    return frozenset().union(*(known[word] for word in words))

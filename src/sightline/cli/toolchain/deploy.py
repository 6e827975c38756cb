"""``sightline deploy``: a model for another server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sightline.cli.options import Verbose, model_options, network_names, words
from sightline.cli.terminal import logs
from sightline.cli.toolchain.value_lists import input_size
from sightline.errors import ConfigError

app = typer.Typer(
    name="deploy",
    help="Write a model for another server, ready to be served.",
    no_args_is_help=True,
)

Deployed = Annotated[
    str,
    typer.Argument(help="An .onnx file, or a model's name.", autocompletion=network_names),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")]
Name = Annotated[
    str | None, typer.Option(help="What clients call the model. \\[default: the file's name]")
]


@app.command()
def triton(
    model: Deployed,
    output: Output,
    name: Name = None,
    model_version: Annotated[int, typer.Option(min=1, help="Number of its folder.")] = 1,
    keep_versions: Annotated[int, typer.Option(min=1, help="The newest that are served.")] = 1,
    backend: Annotated[
        str,
        typer.Option(
            help="Runs the network: onnxruntime, or python (ONNX Runtime within Python).",
            autocompletion=words("onnxruntime", "python"),
        ),
    ] = "onnxruntime",
    max_batch: Annotated[int, typer.Option(min=0, help="Most pictures that are joined.")] = 8,
    preferred: Annotated[str, typer.Option(help="Batches that are waited for: 4,8")] = "4,8",
    delay_ms: Annotated[float, typer.Option(min=0, help="So long at most.")] = 2.0,
    instances: Annotated[
        str, typer.Option(help="Pictures prepared side by side, and networks: 4,1")
    ] = "4,1",
    gpu: Annotated[bool, typer.Option("--gpu", help="The network runs on GPUs.")] = False,
    verbose: Verbose = 0,
) -> None:
    """Write a model repository for Triton: a client sends a picture and gets objects.

    [bold]Example[/bold]

    sightline deploy triton yolox_nano --output repository
    """
    from sightline.build.toolchain.servers import deploy_triton
    from sightline.deploy.triton.repository import TritonOptions

    logs.set_up(verbose)
    if backend not in {"onnxruntime", "python"}:
        raise ConfigError(f"--backend {backend}: there are onnxruntime and python")
    prepared, networks = _numbers("--instances", instances, 2)
    options = TritonOptions(
        name=name or Path(model).stem,
        version=model_version,
        kept_versions=keep_versions,
        backend=backend,
        max_batch=max_batch,
        preferred=tuple(_numbers("--preferred", preferred)),
        delay_ms=delay_ms,
        instances=(prepared, networks),
        gpu=gpu,
    )
    for folder in deploy_triton(model_options(model), output, options):
        typer.echo(folder)


@app.command()
def torchserve(
    model: Deployed,
    output: Output,
    name: Name = None,
    model_version: Annotated[
        str, typer.Option(help="Its version, as TorchServe shows it.")
    ] = "1.0",
    max_batch: Annotated[int, typer.Option(min=1, help="Most requests that are joined.")] = 8,
    delay_ms: Annotated[int, typer.Option(min=0, help="So long the first of them waits.")] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Processes of the model.")] = 1,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65531, help="For requests; the next four are taken, too.")
    ] = 8080,
    token: Annotated[
        bool, typer.Option("--token/--no-token", help="Clients need TorchServe's token.")
    ] = True,
    verbose: Verbose = 0,
) -> None:
    """Write a model archive for TorchServe, and the configuration that serves it.

    [bold]Example[/bold]

    sightline deploy torchserve yolox_nano --output served
    """
    from sightline.build.toolchain.servers import deploy_torchserve
    from sightline.deploy.torchserve import TorchServeOptions

    logs.set_up(verbose)
    options = TorchServeOptions(
        name=name or Path(model).stem,
        version=model_version,
        batch=max_batch,
        delay_ms=delay_ms,
        workers=workers,
        host=host,
        port=port,
        token=token,
    )
    for path in deploy_torchserve(model_options(model), output, options):
        typer.echo(path)


@app.command()
def coreml(
    model: Deployed,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .mlpackage to write.")],
    size: Annotated[
        str | None,
        typer.Option(help="Input, width first: 640 or 640x384. \\[default: the model's]"),
    ] = None,
    compute_units: Annotated[
        str,
        typer.Option(
            help="What it is meant to run on: ALL, CPU_ONLY, CPU_AND_GPU or CPU_AND_NE.",
            autocompletion=words("ALL", "CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE"),
        ),
    ] = "ALL",
    target: Annotated[str, typer.Option(help="The oldest system: iOS16, macOS13, …")] = "iOS16",
    fp32: Annotated[bool, typer.Option("--fp32", help="Compute in FP32, not FP16.")] = False,
    verbose: Verbose = 0,
) -> None:
    """Write a Core ML package for an app on Apple's systems. It has not been run there by its authors.

    [bold]Example[/bold]

    sightline deploy coreml yolox_nano --output yolox_nano.mlpackage
    """
    from sightline.build.toolchain.export import export
    from sightline.build.toolchain.export_sources import ExportOptions

    logs.set_up(verbose)
    if output.suffix != ".mlpackage":
        raise ConfigError(f"--output {output}: a Core ML package ends in .mlpackage")
    how = {"compute_units": compute_units, "coreml_target": target}
    options = ExportOptions(
        size=None if size is None else input_size("--size", size), fp32=fp32, extra=how
    )
    typer.echo(export(model_options(model), output, options).path)


def _numbers(flag: str, text: str, count: int | None = None) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts) or count not in {None, len(parts)}:
        raise ConfigError(f"{flag} {text}: give {count or 'some'} whole numbers, such as 4,8")
    return [int(part) for part in parts]

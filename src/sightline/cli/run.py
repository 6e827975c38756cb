"""``sightline run`` and ``sightline serve``: streams and the service, for as long as they are wanted."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli import saved_config, word_hints
from sightline.cli.options import (
    AgnosticNms,
    Backend,
    Classes,
    Conf,
    Device,
    Iou,
    MaxDetections,
    ModelsDir,
    Precision,
    Size,
    Verbose,
    model_options,
    network_names,
)
from sightline.cli.saved_config import SaveConfig, served_name
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.build.service import Installation
    from sightline.config import Configuration, ModelOptions

log = logging.getLogger(__name__)

ServedFile = Annotated[
    Path | None, typer.Argument(help="A configuration file, in place of --model.")
]
ServedNetwork = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="An .onnx or .xml file, or a name of `models`.",
        autocompletion=network_names,
    ),
]


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No table of the streams.")]


def run(
    config: Annotated[Path, typer.Argument(help="The configuration file.")] = Path(
        "sightline.yaml"
    ),
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Run what a configuration file says: its streams, its service, its alerts.

    It ends when every stream has ended, and with a service only when it is told to: on SIGTERM or
    Ctrl-C it finishes what it has accepted. To be ended by SIGTERM is no failure: the exit code is 0,
    or 1 where a stream has failed.

    [bold]Examples[/bold]

    sightline config init site.yaml

    sightline run site.yaml
    """
    from sightline.cli.config import read

    word_hints.check_configuration(config)
    found = read(config)
    if not found.configuration.streams and found.configuration.serving is None:
        raise ConfigError(
            f"{found.where()}: there is nothing to run: give it `streams` or `serving`"
        )
    _run(found.configuration, {"the configuration": config}, quiet=quiet, verbose=verbose)


def serve(
    context: typer.Context,
    config: ServedFile = None,
    model: ServedNetwork = None,
    host: Annotated[str, typer.Option(help="Address to listen to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, help="The port of HTTP.")] = 8000,
    grpc_port: Annotated[str, typer.Option(help="The port of gRPC; none: no gRPC.")] = "8001",
    conf: Conf = None,
    iou: Iou = None,
    size: Size = None,
    classes: Classes = None,
    max_detections: MaxDetections = None,
    agnostic_nms: AgnosticNms = False,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    models_dir: ModelsDir = None,
    save_config: SaveConfig = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Serve a model over HTTP and gRPC: pictures in, objects out.

    Other computers may use it only with a token, which the environment variable SIGHTLINE_TOKEN
    holds.

    [bold]Examples[/bold]

    sightline serve --model yolox_nano.onnx

    curl -F file=@bus.jpg http://127.0.0.1:8000/detect

    sightline serve site.yaml

    sightline serve site.yaml --port 9000
    """
    _check_served(config, model, save_config)
    ports = _ports(host, port, grpc_port)
    if config is not None:
        configuration = _served_file(config, _given(context), ports)
    else:
        assert model is not None
        options = model_options(
            model, conf=conf, iou=iou, size=size, classes=classes, max_detections=max_detections,
            agnostic_nms=agnostic_nms, backend=backend, precision=precision, device=device,
            models_dir=models_dir,
        )  # fmt: skip
        configuration = _one_model(options, ports, save_config)
    read = {} if config is None else {"the configuration": config}
    _run(configuration, read, quiet=quiet, verbose=verbose)


def _check_served(config: Path | None, model: str | None, save_config: Path | None) -> None:
    """Raise ConfigError: not exactly one of a file and a model is given, or a file is to be saved again."""
    if (config is None) == (model is None):
        raise ConfigError("give either a configuration file or --model")
    if config is not None and save_config is not None:
        raise ConfigError(f"--save-config: {config} is a configuration file already")


def _given(context: typer.Context) -> set[str]:
    """The names of the options that were given on the command line."""
    return {
        name
        for name in context.params
        if (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    }


def _ports(host: str, port: int, grpc_port: str) -> dict[str, object]:
    """Where the service listens, as a configuration says it."""
    return {"host": host, "port": port, "grpc_port": _grpc_port(grpc_port)}


def _served_file(config: Path, given: set[str], ports: dict[str, object]) -> Configuration:
    """A configuration file, with a service also where it has none, which listens where the command line says.

    Raises ConfigError: it cannot be read, or an option was given that is for one model.
    """
    from sightline.cli.config import read
    from sightline.config import Configuration, ServingOptions, checked

    for name in sorted(given - {"config", "quiet", "verbose", *ports}):
        raise ConfigError(
            f"--{name.replace('_', '-')} is for --model: {config} says it of each of its models"
        )
    word_hints.check_configuration(config)
    configuration = read(config).configuration
    serving = configuration.serving or ServingOptions()
    chosen = {name: value for name, value in ports.items() if name in given}
    if configuration.serving is not None and not chosen:
        return configuration
    values = {name: getattr(serving, name) for name in serving.model_fields_set} | chosen
    values = {"serving": checked(ServingOptions, **values)}
    kept = {name: getattr(configuration, name) for name in configuration.model_fields_set}
    return checked(Configuration, **kept | values)


def _one_model(
    options: ModelOptions, serving: dict[str, object], save_config: Path | None
) -> Configuration:
    """The configuration that serves one model, saved where that is wanted."""
    from sightline.build.model_files import PEOPLE
    from sightline.config import Configuration, checked

    if options.model == PEOPLE:
        raise ConfigError("the detector `people` has no network to serve: give a model")
    serving |= {
        "token": os.environ.get("SIGHTLINE_TOKEN"),
        "admin_token": os.environ.get("SIGHTLINE_ADMIN_TOKEN"),
    }
    configuration = checked(
        Configuration,
        models={served_name(options.model): options.model_dump(exclude_unset=True)},
        serving=serving,
    )
    if save_config is not None:
        saved_config.save(save_config, "serve", saved_config.of_service(options, serving))
    return configuration


def _grpc_port(text: str) -> int | str | None:
    """What the option means: ``none``, as in a configuration; -1 said so in version 0.1.0."""
    if text == "-1":
        typer.secho(
            "warning: --grpc-port -1 is written --grpc-port none now", fg="yellow", err=True
        )
        return None
    return None if text.lower() in {"none", "null"} else text


def _run(
    configuration: Configuration, read: Mapping[str, Path], *, quiet: bool, verbose: int
) -> None:
    """Run to the end, then exit: 1 where a stream failed, 130 after Ctrl-C without a service."""
    from sightline.build.files.written import WrittenFiles, of_configuration
    from sightline.build.service import Installation
    from sightline.cli.terminal.fleet_view import fleet_view, summary
    from sightline.cli.terminal.hangup import reopen_on_hangup
    from sightline.cli.terminal.progress import show_written
    from sightline.monitoring import logs

    logs.set_up(verbose + 1)
    files = WrittenFiles(of_configuration(configuration))
    installation = Installation(configuration, read)
    came = _end_on_signals(installation) if configuration.serving is None else []
    fleet = installation.application.fleet
    with fleet_view(installation, quiet=quiet), reopen_on_hangup(fleet.reopen):
        installation.run()
    # Elsewhere than on a terminal each stream has logged how it ended.
    if quiet or not sys.stderr.isatty():
        for one in files.found():
            log.info("written: %s", one)
    elif installation.last:
        summary(installation.last)
        show_written(files)
    _tell_rollouts(installation)
    if came[:1] == [signal.SIGINT]:
        raise typer.Exit(130)
    if installation.application.failed or any(
        one.state == "failed" for one in installation.last.values()
    ):
        raise typer.Exit(1)


def _tell_rollouts(installation: Installation) -> None:
    """What second models came to: a table on a terminal, else a line of the log for each."""
    from rich.console import Console

    from sightline.cli.terminal.rollout_view import print_rollout

    for one in installation.last_rollouts.values():
        if sys.stderr.isatty():
            print_rollout(one.to_dict(), Console(stderr=True))
            continue
        agreement = "not known" if one.agreement is None else f"{one.agreement:.3f}"
        log.info(
            "%s %s of model %s: %s, %d pictures compared, agreement %s, %d dropped, %d failed",
            one.kind, one.second_model, one.model, one.state, one.compared, agreement,
            sum(one.dropped.values()), one.second.failed,
        )  # fmt: skip


def _end_on_signals(installation: Installation) -> list[int]:
    """Without a service: the first signal ends the streams. The numbers of those that came are in the list."""
    came: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        installation.end()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return came

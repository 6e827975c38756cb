"""The command line's entry: commands by name, and errors as exit codes.

0 done; 1 a source, model or sink failed; 2 bad usage or configuration; 130 interrupted. SIGTERM is how a
supervisor (systemd, Docker) ends what runs until it is told to: there it is no failure, from the first moment on.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from typing import Annotated

import typer

from sightline._version import __version__
from sightline.cli import (
    bench,
    config,
    demo,
    doctor,
    drift,
    evaluate,
    models,
    search,
    street,
    word_hints,
)
from sightline.cli import run as run_
from sightline.cli.analyze import detect, track
from sightline.cli.classify import classify
from sightline.cli.operation import monitor
from sightline.cli.operation.collect import collect
from sightline.cli.operation.report import report
from sightline.cli.operation.rollout import rollout
from sightline.cli.terminal import standard_streams
from sightline.cli.terminal.interrupts import Interrupts
from sightline.cli.toolchain import deploy, package
from sightline.cli.toolchain.export import export
from sightline.cli.toolchain.inspect import inspect
from sightline.cli.toolchain.optimize import optimize
from sightline.cli.toolchain.tune import tune
from sightline.errors import ConfigError, SightlineError
from sightline.redaction import printable

app = typer.Typer(
    name="sightline",
    cls=word_hints.HintingGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def sightline(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Vision in production: cameras and files in; objects detected, tracked and stored.

    [bold]Examples[/bold]

    sightline detect bus.jpg --model yolox_nano

    sightline track street.mp4 --model yolo11n.onnx --output annotated.mp4 --json out.jsonl

    sightline track rtsp://camera/stream --model people --show
    """


app.command("detect")(detect)
app.command("track")(track)
app.command("classify")(classify)
app.command("run")(run_.run)
app.command("serve")(run_.serve)
app.command()(rollout)
app.command()(collect)
app.command()(report)
app.command()(inspect)
app.command()(export)
app.command()(tune)
app.command()(optimize)
app.command()(doctor.doctor)
app.command()(demo.demo)
app.add_typer(search.app)
app.add_typer(drift.app)
app.add_typer(models.app)
app.add_typer(evaluate.app)
app.add_typer(config.app)
app.add_typer(bench.app)
app.add_typer(deploy.app)
app.add_typer(package.app)
app.add_typer(monitor.app)
app.add_typer(street.app, name="street")


INTERRUPTED = 130
"""The exit code after Ctrl-C or SIGTERM."""

_UNTIL_ENDED = ("run", "serve")


def main() -> None:
    """Run the command line and exit."""
    # Little of what start-up makes is garbage: looking for it costs a tenth of a quick command.
    gc.set_threshold(100_000, 20, 20)
    # Looking for pydantic's plugins reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Its handlers of forks print a line for each one. No fork of ours goes on with a connection.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    standard_streams.set_up()
    interrupts = Interrupts()
    interrupts.listen()
    code = _run()
    if code == INTERRUPTED and interrupts.first == signal.SIGTERM and _runs_until_ended():
        code = 0
    interrupts.end()
    standard_streams.flush()
    # Commands have closed what they opened. Unloading the runtimes would take as long as one
    # detection in a picture, and gives back only what the system takes back anyway.
    os._exit(code)


def _runs_until_ended() -> bool:
    """Whether the command is one that a supervisor starts and ends. Options come after the command's name."""
    return sys.argv[1:2] in ([name] for name in _UNTIL_ENDED)


def _run() -> int:
    """The exit code of the command that the arguments name."""
    try:
        app()
    except SystemExit as exc:
        if isinstance(exc.__context__, BrokenPipeError):  # rich's way to say so
            standard_streams.forget(sys.stdout)
            return 0
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except SightlineError as exc:
        typer.secho(f"error: {printable(str(exc))}", fg="red", err=True)
        return 2 if isinstance(exc, ConfigError) else 1
    except KeyboardInterrupt as exc:
        if exc.args:
            typer.echo(f"interrupted: {printable(str(exc))}", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        standard_streams.forget(sys.stdout)
    except Exception:  # noqa: BLE001 - a defect: the trace is for its report
        traceback.print_exc()
        return 1
    return 0

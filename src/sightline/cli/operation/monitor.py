"""``sightline monitor``: what Prometheus and Grafana need to watch a service, and what two models disagree on."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.operation.disagreements import disagreements
from sightline.cli.operation.hard_frames import hard_frames
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.monitoring.provisioning.alert_rules import Thresholds

app = typer.Typer(
    name="monitor",
    help="Files for Prometheus and Grafana, and pictures on which two models disagree.",
    no_args_is_help=True,
)

_TARGET = re.compile(r"[A-Za-z0-9.\-\[\]:]+:[0-9]{1,5}")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where they are written.", show_default=False)],
    target: Annotated[
        str, typer.Option(help="Host and port of the service that is watched.")
    ] = "localhost:8000",
    p95_ms: Annotated[
        float, typer.Option(min=0.1, help="Alert where requests take longer at p95.")
    ] = 150.0,
    min_fps: Annotated[
        float, typer.Option(min=0, help="Alert where all streams together are analysed slower.")
    ] = 20.0,
    max_error_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Alert where more pictures of a model fail.")
    ] = 0.02,
    max_accuracy_drop: Annotated[
        float,
        typer.Option(min=0, max=1, help="Alert where two models agree less than a day before."),
    ] = 0.05,
    max_latency_rise: Annotated[
        float, typer.Option(min=0, help="Alert where p95 is higher than a day before.")
    ] = 0.3,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Write dashboards for Grafana, alert rules for Prometheus, and what both read at their start.

    [bold]Examples[/bold]

    sightline monitor init watch/

    sightline monitor init watch/ --target cameras.example:8000 --p95-ms 80 --min-fps 100
    """
    from sightline.monitoring.provisioning.alert_rules import Thresholds

    if not _TARGET.fullmatch(target) or not 0 < int(target.rpartition(":")[2]) < 65536:
        raise ConfigError(f"--target {target}: give a host and a port: cameras.example:8000")
    for option, limit in (
        ("p95-ms", p95_ms),
        ("min-fps", min_fps),
        ("max-latency-rise", max_latency_rise),
    ):
        if math.isinf(limit):
            raise ConfigError(f"--{option} inf: give a number that can be reached")
    limits = Thresholds(p95_ms, min_fps, max_error_rate, max_accuracy_drop, max_latency_rise)
    _write(folder, limits, target, force=force)


def _write(folder: Path, limits: Thresholds, target: str, *, force: bool) -> None:
    """Write all files. Raises ConfigError before the first where one exists; SinkError."""
    from sightline.monitoring.provisioning.files import monitoring_files
    from sightline.whole_files import write_whole

    files = monitoring_files(limits, target)
    for path in files:
        if (folder / path).exists() and not force:
            raise ConfigError(
                f"{folder / path} exists: --force replaces it, or give another folder"
            )
    for path, text in files.items():
        write_whole(folder / path, text.encode())
    typer.echo(
        f"wrote {len(files)} files to {folder}; next: prometheus --config.file={folder}/prometheus.yml"
    )


app.command()(disagreements)
app.command("hard-frames")(hard_frames)

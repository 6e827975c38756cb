"""``sightline bench``: one model on one source, stage by stage and end to end."""

from __future__ import annotations

import json as json_
from statistics import median
from typing import Annotated, Any

import typer

from sightline.cli import logs
from sightline.cli.options import Backend, Device, Model, Precision, Size, Verbose, model_options
from sightline.errors import ConfigError


def bench(
    source: Annotated[str, typer.Argument(help="A video file or a street:// scene.")],
    model: Model,
    size: Size = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    frames: Annotated[int, typer.Option(min=10, help="Frames for the stages.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of engine and stream.")] = 3,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    verbose: Verbose = 0,
) -> None:
    """Measure a model on a video: the share of each stage, and end to end against the engine.

    The stages run one after another, so their times are latencies; end to end everything overlaps,
    and its rate is compared with that of the engine alone in the same round.

    [bold]Example[/bold]

    sightline bench street.mp4 --model yolox_nano.onnx --size 416
    """
    from sightline import build
    from sightline.models.detector import EngineDetector
    from sightline.protocols import Source
    from sightline.runtime import measure

    logs.set_up(verbose)
    options = model_options(model, size=size, backend=backend, precision=precision, device=device)
    detector, tracker = build.for_tracking(build.detector(options))
    if not isinstance(detector, EngineDetector):
        raise ConfigError(f"--model {model}: bench needs a model with an engine")

    def opened() -> Source:
        return build.inputs([source])[0].source

    stages = measure.Stages()
    timed = detector.replaced(engine=measure.TimedEngine(detector.engine, stages))
    measure.measure_stages(opened(), timed, tracker(), stages, frames)
    info = opened().open()
    canvas = detector.canvas((info.width, info.height))
    rates = []
    for i in range(rounds):
        engine_fps = measure.measure_engine(detector.engine, canvas, seconds=2.0)
        stream_fps = measure.measure_stream(opened(), detector, tracker())
        rates.append((engine_fps, stream_fps, stream_fps / engine_fps))
        typer.echo(f"round {i + 1} of {rounds}: {rates[-1][2]:.3f}", err=True)
    detector.close()
    engine_fps, stream_fps, ratio = (median(column) for column in zip(*rates, strict=True))
    engine = detector.engine.info
    facts = {
        "engine": {"backend": engine.backend, "device": engine.device},
        "precision": engine.precision,
        "input": canvas,
        "stages": {
            stage: {
                "p50_ms": stages.percentile(stage, 50),
                "p95_ms": stages.percentile(stage, 95),
                "share": stages.share(stage),
            }
            for stage in measure.STAGES
        },
        "engine_fps": engine_fps,
        "end_to_end_fps": stream_fps,
        "ratio": ratio,
    }
    if json:
        typer.echo(json_.dumps(facts))
    else:
        _print(facts)


def _print(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        "{engine[backend]} on {engine[device]}, {precision}, input {input[0]}×{input[1]}".format(
            **facts
        )
    )
    table = Table("stage", box=None, pad_edge=False)
    for column in ("p50 ms", "p95 ms", "share"):
        table.add_column(column, justify="right")
    for stage, row in facts["stages"].items():
        table.add_row(stage, f"{row['p50_ms']:.2f}", f"{row['p95_ms']:.2f}", f"{row['share']:.1%}")
    console.print(table)
    console.print(
        "engine alone {engine_fps:.1f}/s, end to end {end_to_end_fps:.1f} frames/s: "
        "ratio {ratio:.3f}".format(**facts)
    )

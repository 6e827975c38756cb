"""``sightline bench``: a model on a video stage by stage or by itself, how many streams fit, a service under load."""

from __future__ import annotations

import json as json_
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from sightline.cli.command_groups import DefaultCommandGroup
from sightline.cli.options import Backend, Device, Model, Precision, Size, Verbose, model_options
from sightline.cli.terminal import logs
from sightline.cli.toolchain import bench_model
from sightline.errors import ConfigError, InferenceError, SourceError

if TYPE_CHECKING:
    from sightline.config import ModelOptions, StreamOptions
    from sightline.runtime.capacity import FleetLoad
    from sightline.runtime.load_generator import LoadResult
    from sightline.runtime.measure import Stages
    from sightline.types import EngineInfo


MOST_STREAMS = 4096


class _Group(DefaultCommandGroup):
    """``bench SOURCE`` means ``bench video SOURCE``."""

    default_command = "video"


app = typer.Typer(
    cls=_Group,
    name="bench",
    help="Measure a model on a video or by itself, how many streams fit, or a service under load.",
    no_args_is_help=True,
)


app.command("model")(bench_model.model)


@app.command()
def video(
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
    from sightline.config import ByteTrackOptions
    from sightline.protocols import SharedDetector, Source
    from sightline.runtime import measure

    logs.set_up(verbose)
    options = model_options(model, size=size, backend=backend, precision=precision, device=device)
    built = build.detector(options)
    detector, tracker = build.for_tracking(built)
    if not isinstance(detector, SharedDetector):
        raise ConfigError(f"--model {model}: bench needs a model with an engine")

    def opened() -> Source:
        return build.inputs([source])[0].source

    stages = measure.Stages()
    timed = detector.with_engines(lambda engine: measure.TimedEngine(engine, stages))
    measure.measure_stages(opened(), timed, tracker(), stages, frames)
    info = opened().open()
    batches = detector.batches((info.width, info.height))
    rates = []
    for number in range(1, rounds + 1):
        engine_fps = measure.measure_engines(detector.engines, batches, seconds=2.0)
        stream_fps = measure.measure_stream(opened(), build.pipeline(built, ByteTrackOptions()))
        rates.append((engine_fps, stream_fps, stream_fps / engine_fps))
        typer.echo(f"round {number} of {rounds}: {rates[-1][2]:.3f}", err=True)
    detector.close()
    facts = _stage_facts(detector.engines[0].info, batches[0], stages, rates)
    _print(facts, as_json=json)


def _stage_facts(
    engine: EngineInfo,
    batch: tuple[int, int, int],
    stages: Stages,
    rates: Sequence[tuple[float, float, float]],
) -> dict[str, object]:
    """What was measured; ``rates`` are those of the engine and of the stream, and their ratio, by round."""
    from statistics import median

    from sightline.runtime.measure import STAGES

    engine_fps, stream_fps, ratio = (median(column) for column in zip(*rates, strict=True))
    return {
        "engine": {"backend": engine.backend, "device": engine.device},
        "precision": engine.precision,
        "input": (batch[2], batch[1]),
        "stages": {
            stage: {
                "p50_ms": stages.percentile(stage, 50),
                "p95_ms": stages.percentile(stage, 95),
                "share": stages.share(stage),
            }
            for stage in STAGES
        },
        "engine_fps": engine_fps,
        "end_to_end_fps": stream_fps,
        "ratio": ratio,
    }


def _print(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json_.dumps(facts))
        return
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


@app.command()
def streams(
    source: Annotated[str, typer.Argument(help="A video file, rtsp:// URL or street:// scene.")],
    model: Model = "street",
    fps: Annotated[float, typer.Option(min=0.1, help="Analysed per second of each stream.")] = 5.0,
    p99: Annotated[float, typer.Option(min=1, help="Most ms from decoded to analysed.")] = 100.0,
    count: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_STREAMS, help="Run so many; 0: find the largest number that holds."
        ),
    ] = 0,
    motion: Annotated[bool, typer.Option("--motion", help="Only where something moves.")] = False,
    seconds: Annotated[float, typer.Option(min=1, help="Measured, for each number.")] = 10.0,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    verbose: Verbose = 0,
) -> None:
    """How many cameras does this machine hold? Decoding, tracking and drops are in it.

    Each stream is a copy of the source in real time. A number holds when every stream is analysed
    at the wanted rate, and 99 of 100 results are younger than --p99. With --motion no rate is
    wanted; instead, no more than one in twenty frames may be lost.

    [bold]Examples[/bold]

    sightline bench streams street.mp4 --model yolox_nano --fps 5

    sightline bench streams rtsp://camera/stream --count 20 --motion
    """
    from sightline.build.toolchain.measured import camera_copies

    logs.set_up(verbose)
    served = model_options(model, backend=backend, precision=precision, device=device)
    wanted = camera_copies(source, fps, p99, motion=motion)
    rate = None if motion else fps
    best = _most_streams(served, wanted, count, LoadLimits(rate, p99), seconds)
    if best is None:
        raise InferenceError(f"not even one stream holds {fps:g} FPS within {p99:g} ms here")
    if json:
        typer.echo(json_.dumps(asdict(best)))
    elif not count:
        typer.echo(f"{best.streams} streams at {fps:g} FPS, p99 {best.age_p99_ms:.0f} ms")


class LoadLimits(NamedTuple):
    """When a number of streams holds: frames analysed per second of each, and their age."""

    fps: float | None
    p99_ms: float


def _most_streams(
    model: ModelOptions, wanted: StreamOptions, count: int, held: LoadLimits, seconds: float
) -> FleetLoad | None:
    """The load of ``count`` streams, or with 0 that of the largest number that holds."""
    from sightline.build.toolchain.measured import measured_fleet
    from sightline.runtime.capacity import measure_fleet, most_streams

    with measured_fleet(model, count or MOST_STREAMS) as fleet:

        def measure(number: int) -> FleetLoad:
            load = measure_fleet(fleet, wanted, number, seconds)
            said = "holds" if load.holds(*held) else "too many"
            if load.error and number == 1:
                raise SourceError(load.error)
            if load.error:
                said = f"{load.failed} failed: {load.error}"
            typer.echo(
                f"{number} streams: {load.analyzed_fps:.0f} analysed/s, slowest {load.slowest_fps:.1f}, "
                f"p99 {load.age_p99_ms:.0f} ms, {load.cpu_ms:.1f} ms of processor each: {said}",
                err=True,
            )
            return load

        return measure(count) if count else most_streams(measure, *held, MOST_STREAMS)


@app.command()
def serve(
    url: Annotated[str, typer.Argument(help="http://127.0.0.1:8000/detect")],
    image: Annotated[Path, typer.Option(help="The picture that is sent.")],
    clients: Annotated[int, typer.Option(min=1, help="Each waits for its answer.")] = 8,
    rate: Annotated[
        float,
        typer.Option(min=0, help="Requests a second, whatever becomes of them; 0: --clients."),
    ] = 0.0,
    seconds: Annotated[
        float, typer.Option(min=1, help="Measured, after two of warming up.")
    ] = 10.0,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Put a running service under load. A token is taken from SIGHTLINE_TOKEN.

    [bold]Examples[/bold]

    sightline bench serve http://127.0.0.1:8000/detect --image bus.jpg --clients 8

    sightline bench serve http://127.0.0.1:8000/detect --image bus.jpg --rate 400
    """
    import asyncio
    import os

    from sightline.runtime.load_generator import LoadTarget, closed_loop, open_loop

    try:
        target = LoadTarget.of(url, image.read_bytes(), token=os.environ.get("SIGHTLINE_TOKEN"))
        asyncio.run(closed_loop(target, min(clients, 8), 2.0))
        work = open_loop(target, rate, seconds) if rate else closed_loop(target, clients, seconds)
        load = asyncio.run(work)
    except OSError as exc:
        raise SourceError(f"{exc.filename or url}: {exc.strerror or exc}") from exc
    facts = {
        "requests_per_s": round(load.rate, 1),
        "p50_ms": round(load.percentile(50), 1),
        "p99_ms": round(load.percentile(99), 1),
        "answers": {str(status): count for status, count in sorted(load.counts.items())},
        "lost": load.lost,
    }
    if json:
        typer.echo(json_.dumps(facts))
    else:
        _print_load(facts, load)


def _print_load(facts: dict[str, Any], load: LoadResult) -> None:
    typer.echo(
        "{requests_per_s} answered a second, p50 {p50_ms} ms, p99 {p99_ms} ms".format(**facts)
    )
    for status, count in sorted(load.counts.items()):
        if status != 200:
            typer.echo(f"{status}: {count}, p99 {load.percentile(99, status):.1f} ms")
    if load.lost:
        typer.echo(f"without an answer: {load.lost}")

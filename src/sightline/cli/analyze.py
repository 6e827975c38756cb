"""``sightline detect`` and ``sightline track``: sources in, results out. They differ in a tracker."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from sightline._version import __version__
from sightline.cli import saved_config, word_hints
from sightline.cli.options import (
    AgnosticNms,
    Backend,
    Classes,
    Conf,
    Device,
    Iou,
    MaxDetections,
    Model,
    ModelsDir,
    Precision,
    Size,
    SureConf,
    Verbose,
    model_options,
    words,
)
from sightline.cli.part_options import (
    further_stages,
    output_options,
    set_flags,
    tile_options,
    tracker_options,
)
from sightline.cli.saved_config import SaveConfig
from sightline.cli.terminal import logs
from sightline.errors import SightlineError
from sightline.redaction import printable

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from pathlib import Path

    from sightline.build import SourceInput
    from sightline.build.outputs import Outputs
    from sightline.config import (
        DetectionOptions,
        ModelOptions,
        OutputOptions,
        StageOptions,
        TrackerKind,
    )
    from sightline.runtime.streams.pipeline import Pipeline
    from sightline.runtime.streams.stream import Stream, StreamResult
    from sightline.types import RunState

Sources = Annotated[
    list[str],
    typer.Argument(
        help="Video files, pictures, folders, globs, rtsp:// and http:// URLs, camera numbers.",
        show_default=False,
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(help="Pictures are the frames of one film, so many a second.", show_default=False),
]
Start = Annotated[
    str | None,
    typer.Option(help="When the recordings were begun: 2026-11-28T08:00:00Z.", show_default=False),
]
Every = Annotated[
    int,
    typer.Option(min=1, help="Analyse only every so many-th frame; of the others nothing is said."),
]
EveryTracked = Annotated[
    int,
    typer.Option(
        min=1, help="Analyse only every so many-th frame; the tracker predicts the others."
    ),
]
Regions = Annotated[
    str | None,
    typer.Option(
        help="motion: look only where something moves, at the camera's own resolution; for cameras that "
        "stand still \\[default: whole pictures]",
        autocompletion=words("motion"),
        show_default=False,
    ),
]
Jobs = Annotated[
    int,
    typer.Option(min=0, help="Files at a time \\[default: one for each core]", show_default=False),
]
Transport = Annotated[
    str | None,
    typer.Option(
        help="How RTSP streams come: tcp or udp.",
        show_default="tcp",
        autocompletion=words("tcp", "udp"),
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")]


def _command(text: str, *, tracked: bool) -> Callable[..., None]:
    """Both commands take the same options; this is their one signature."""

    def command(
        context: typer.Context,
        sources: Sources,
        model: Model,
        conf: Conf = None,
        iou: Iou = None,
        size: Size = None,
        classes: Classes = None,
        max_detections: MaxDetections = None,
        agnostic_nms: AgnosticNms = False,
        backend: Backend = "auto",
        precision: Precision = "auto",
        device: Device = "auto",
        every: Every = 1,
        regions: Regions = None,
        jobs: Jobs = 0,
        fps: Fps = None,
        start: Start = None,
        transport: Transport = None,
        models_dir: ModelsDir = None,
        save_config: SaveConfig = None,
        quiet: Quiet = False,
        verbose: Verbose = 0,
        **flags: object,
    ) -> None:
        logs.set_up(verbose)
        word_hints.check_sources(sources, classes, size, context)
        model_use = model_options(
            model, conf=conf, iou=iou, size=size, classes=classes, max_detections=max_detections,
            agnostic_nms=agnostic_nms, backend=backend, precision=precision, device=device,
            models_dir=models_dir, tiles=tile_options(flags),
        )  # fmt: skip
        _analyze_sources(
            sources, model_use, flags, tracked=tracked, every=every, regions=regions, jobs=jobs, fps=fps, start=start,
            transport=transport, save_config=save_config, quiet=quiet,
        )  # fmt: skip

    set_flags(
        command, tracked=tracked, said={"conf": SureConf, "every": EveryTracked} if tracked else {}
    )
    command.__doc__ = text
    return command


def _analyze_sources(
    sources: Sequence[str],
    model: ModelOptions,
    flags: Mapping[str, object],
    *,
    tracked: bool,
    every: int,
    regions: str | None,
    jobs: int,
    fps: float | None,
    start: str | None,
    transport: str | None,
    save_config: Path | None,
    quiet: bool,
) -> None:
    """Read what the flags say of sources, outputs and stages, save it where that is wanted, and run."""
    from sightline import build
    from sightline.config import DetectionOptions, LiveOptions, checked, moment

    outputs = output_options(flags)
    begun = None if start is None else moment("--start", start)
    live = checked(LiveOptions, transport=transport or "tcp")
    inputs = build.inputs(sources, live, fps=fps, start=begun)
    _warn_of_unused(inputs, transport, jobs)
    looks = checked(DetectionOptions, regions=regions)
    tracker = tracker_options(flags) if tracked else None
    stages = further_stages(flags, outputs) if tracked else ()
    if save_config is not None:
        told = [
            {"kind": stage.kind, **stage.model_dump(mode="json", exclude_defaults=True)}
            for stage in stages
        ]
        how = {
            "every": every, "fps": fps, "start": start, "stages": told or (),
            "detect": {"regions": regions} if regions else looks,
        }  # fmt: skip
        tree = saved_config.of_command(inputs, model, outputs, live, tracker, how)
        saved_config.save(save_config, "track" if tracked else "detect", tree)
    analyze(
        inputs, model, outputs, tracker=tracker, stages=stages, every=every, detect=looks,
        jobs=jobs or len(os.sched_getaffinity(0)), quiet=quiet,
    )  # fmt: skip


def _warn_of_unused(inputs: Sequence[SourceInput], transport: str | None, jobs: int) -> None:
    """Say which flags have no effect with these sources."""
    if transport is not None and not any(i.spec.startswith("rtsp") for i in inputs):
        log.warning("--transport has no effect: none of the sources is an rtsp:// address")
    if jobs and sum(i.takes_turns for i in inputs) < 2:
        log.warning("--jobs has no effect: fewer than two of the sources are files")


detect = _command(
    """Find objects in pictures, videos and live streams.

    [bold]Examples[/bold]

    sightline detect bus.jpg --model yolox_nano.onnx

    sightline detect "photos/*.jpg" --model yolox_nano --classes person,car --output annotated/

    sightline detect from_above.jpg --model yolox_nano --smallest 32 --output annotated.jpg
    """,
    tracked=False,
)

track = _command(
    """Find objects and follow them: each keeps its id while it is in sight.

    [bold]Examples[/bold]

    sightline track street.mp4 --model yolox_nano.onnx --output out.mp4 --json out.jsonl

    sightline track rtsp://user:password@camera/stream --model people --db run.db --show

    sightline track street.mp4 --model yolox_nano --classify street-attributes:car,bus,truck
    """,
    tracked=True,
)


def analyze(
    inputs: Sequence[SourceInput],
    model: ModelOptions,
    output_options: OutputOptions,
    *,
    tracker: TrackerKind | None,
    stages: Sequence[StageOptions] = (),
    every: int = 1,
    detect: DetectionOptions | None = None,
    jobs: int,
    quiet: bool,
) -> None:
    """Run every source to its end, then exit: 1 where one failed, 130 when interrupted. None is tracked without a tracker."""
    from sightline import build
    from sightline.build.files.conflicts import check_command
    from sightline.build.files.uses import written
    from sightline.build.files.written import WrittenFiles
    from sightline.cli.terminal.hangup import reopen_on_hangup
    from sightline.cli.terminal.progress import show_written, summary

    guard = check_command([(i.spec, i.name, i.still) for i in inputs], model, output_options)
    shown = not quiet and (len(inputs) > 1 or sys.stderr.isatty())
    uses = (u for i in inputs for u in written(output_options, i.name, still=i.still))
    files = WrittenFiles(uses if shown else ())
    with ExitStack() as closing:
        detector = build.detector(model, stills=build.few_pictures(inputs))
        closing.callback(detector.close)
        build.warn_untracked([i.name for i in inputs if i.still and tracker is not None])
        models = build.StageModels.in_folder(model.models_dir)
        closing.callback(models.close)
        facts = _run_facts(model, tracked=tracker is not None)
        outputs = build.outputs(output_options, facts, inputs, guard=guard)
        closing.callback(outputs.close)
        getters = models.classifier, models.embedder, models.detector
        own = partial(build.stages, stages, detector, *getters)
        following = partial(build.pipeline, detector, tracker, get_embedder=models.embedder)
        make = partial(following, every=every, detect=detect)
        streams = [_stream(i, make(still=i.still, stages=own()), outputs) for i in inputs]
        results = [stream.result for stream in streams]
        turns = [stream for stream, i in zip(streams, inputs, strict=True) if i.takes_turns]
        on_stdout = "-" in output_options.paths()
        with reopen_on_hangup(outputs.reopen):
            interrupted = run_streams(streams, turns, jobs, quiet=quiet, on_stdout=on_stdout)
        outputs.state = "interrupted" if interrupted else _state(results)
    if shown:
        summary(results)
        show_written(files)
    _exit(results, interrupted=interrupted)


def _stream(source: SourceInput, steps: Pipeline, outputs: Outputs) -> Stream:
    """A source with its stages and its sinks."""
    from sightline.runtime.streams.stream import Stream

    return Stream(source.name, source.source, steps, outputs.sinks(source))


def _exit(results: Sequence[StreamResult], *, interrupted: bool) -> None:
    """Say which sources failed, and exit with 130 or 1 where there is a reason to."""
    failed = [r for r in results if r.error and not _reader_left(r.error)]
    for result in failed:
        said = str(result.error)
        named = said if said.startswith(result.name) else f"{result.name}: {said}"
        typer.secho(f"error: {printable(named)}", fg="red", err=True)
    if interrupted:
        raise typer.Exit(130)
    if failed:
        raise typer.Exit(1)


def _run_facts(model: ModelOptions, *, tracked: bool) -> dict[str, object]:
    """What the database notes of a run. Sources are its streams; their addresses hold passwords."""
    return {
        "command": "track" if tracked else "detect",
        "model": model.model,
        "version": __version__,
        "settings": model.model_dump(mode="json"),
    }


def _reader_left(error: SightlineError) -> bool:
    """Standard output was closed by who read it (`| head`): they have what they wanted."""
    return isinstance(error.__cause__, BrokenPipeError)


def _state(results: Sequence[StreamResult]) -> RunState:
    return "failed" if any(result.error for result in results) else "done"


def run_streams(
    streams: Sequence[Stream], turns: Sequence[Stream], jobs: int, *, quiet: bool, on_stdout: bool
) -> bool:
    """Run the streams to their end; True when the user or the system ended them.

    Those in ``turns`` run ``jobs`` at a time, all others at once.
    """
    from sightline.cli.terminal.progress import progress
    from sightline.runtime.parallel import run_all

    try:
        results = [stream.result for stream in streams]
        with progress(results, quiet=quiet, on_stdout=on_stdout) as display:
            run_all(streams, turns=turns, jobs=jobs, tick=display.show)
    except KeyboardInterrupt:
        return True
    return False

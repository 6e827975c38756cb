"""``sightline search index``: footage in, a database that can be searched out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.cli.analyze import Fps, Jobs, Quiet, Sources, Start, run_streams
from sightline.cli.options import Classes, Conf, Model, ModelsDir, Verbose, model_options
from sightline.cli.search.options import Database, Embedder, Json
from sightline.cli.terminal import logs
from sightline.redaction import printable, redact_address

if TYPE_CHECKING:
    from sightline.build.search.indexing import Indexer, IndexRun
    from sightline.config import EmbedOptions, ModelOptions
    from sightline.whole_files import OutputGuard

Every = Annotated[int, typer.Option(min=1, help="Analyse only every so many-th frame of a video.")]
MinSize = Annotated[int, typer.Option(min=1, help="Shorter side of an object, in pixels.")]
KeptPicture = Annotated[
    int, typer.Option(min=0, max=1024, help="Longer side of the kept crops, in pixels; 0: none.")
]


def index(
    sources: Sources,
    model: Model,
    db: Database = "index.db",
    embedder: Embedder = None,
    classes: Classes = None,
    conf: Conf = None,
    every: Every = 1,
    min_size: MinSize = 16,
    picture: KeptPicture = 160,
    jobs: Jobs = 0,
    fps: Fps = None,
    start: Start = None,
    models_dir: ModelsDir = None,
    json_: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Detect, track and embed the objects of pictures and videos, to search them by their looks.

    Of each track the best crop is kept. Files that were indexed before are left out, unless they have
    changed.

    [bold]Examples[/bold]

    sightline search index street.mp4 --model yolox_nano --db street.db

    sightline search index "cameras/*.mp4" --model yolox_nano --classes car,bus,truck
    """
    from sightline import build
    from sightline.build.files.conflicts import check_command
    from sightline.config import EmbedOptions, OutputOptions, checked, moment

    logs.set_up(verbose)
    use = model_options(model, conf=conf, classes=classes, models_dir=models_dir)
    begun = None if start is None else moment("--start", start)
    inputs = build.inputs(sources, fps=fps, start=begun)
    spec = [(i.spec, i.name, i.still) for i in inputs]
    guard = check_command(spec, use, checked(OutputOptions, database=db))
    options = partial(checked, EmbedOptions, min_size=min_size, picture=picture)
    with ExitStack() as closing:
        few = build.few_pictures(inputs)
        how = _indexer(closing, db, use, embedder, options, every, guard, few=few)
        runs = [how.begin(one) for one in inputs]
        interrupted = _run(runs, jobs or len(os.sched_getaffinity(0)), quiet=quiet)
        told = _told(db, runs, how.refreshed())
    if json_ or not quiet:
        typer.echo(json.dumps(told) if json_ else _summary(told))
    _exit(runs, interrupted=interrupted)


def _told(db: str, runs: Sequence[IndexRun], objects: int) -> dict[str, object]:
    """What ``--json`` prints of it."""
    return {
        "database": redact_address(db),
        "sources": [run.told() for run in runs],
        "objects": objects,
    }


def _indexer(
    closing: ExitStack,
    db: str,
    use: ModelOptions,
    embedder: str | None,
    options: Callable[..., EmbedOptions],
    every: int,
    guard: OutputGuard,
    *,
    few: bool,
) -> Indexer:
    """What indexes, with its models."""
    from sightline import build
    from sightline.build.search.indexing import Indexer
    from sightline.config import ByteTrackOptions

    detector = build.detector(use, stills=few)
    closing.callback(detector.close)
    models = build.StageModels.in_folder(use.models_dir)
    closing.callback(models.close)
    name = build.indexing_embedder(detector, embedder)
    tracker = ByteTrackOptions()
    own = options(model=name)
    return Indexer(db, detector, models.embedder(name), own, use, tracker, every, guard)


def _run(runs: Sequence[IndexRun], jobs: int, *, quiet: bool) -> bool:
    """Index all sources; True when the user or the system ended it."""
    streams = [run.stream for run in runs if run.stream is not None]
    turns = [run.stream for run in runs if run.stream is not None and run.takes_turns]
    interrupted = bool(streams) and run_streams(streams, turns, jobs, quiet=quiet, on_stdout=False)
    with ExitStack() as ending:  # all of them end, also after one that fails
        for run in runs:
            ending.callback(run.end, interrupted=interrupted)
    return interrupted


def _summary(told: dict[str, Any]) -> str:
    lines = []
    for one in told["sources"]:
        frames = one["frames"]
        parts = [f"{frames} frames indexed" if frames else "nothing new"]
        if one["error"]:
            parts = [f"failed after {frames} frames"]
        parts += [f"{one['already']} files before"] * bool(one["already"])
        parts += [f"{count} {why}" for why, count in one["left_out"].items()]
        lines.append(printable(f"{one['name']}: {', '.join(parts)}"))
    return "\n".join(
        [*lines, printable(f"{told['database']}: {told['objects']} objects can be found")]
    )


def _exit(runs: Sequence[IndexRun], *, interrupted: bool) -> None:
    failed = [run for run in runs if run.error]
    for run in failed:
        typer.secho(f"error: {printable(f'{run.name}: {run.error}')}", fg="red", err=True)
    if interrupted:
        raise typer.Exit(130)
    if failed:
        raise typer.Exit(1)

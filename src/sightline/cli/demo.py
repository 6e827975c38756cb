"""``sightline demo``: everything at work in one command, with no network, camera or model."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.analyze import analyze
from sightline.cli.options import model_names, model_options
from sightline.cli.terminal import logs

if TYPE_CHECKING:
    from sightline.config import OutputOptions

SCENE = "street://?seed=10007&width=640&height=384&fps=25&duration=6&density=1.3"
"""A street that the bundled detector was not trained on."""


VEHICLES = ("bicycle", "car", "motorcycle", "bus", "truck")
"""The classes whose kind and colour the bundled classifier tells."""


def demo(
    video: Annotated[
        str | None,
        typer.Argument(help="Your own video, stream or camera instead, with --model people."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Another model.", show_default=False, autocompletion=model_names
        ),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the results go.")] = Path("demo"),
) -> None:
    """Track a synthetic street with the bundled detector, keep all results, and score them.

    With a video of yours it tracks people in it, by a detector that needs no file.

    [bold]Examples[/bold]

    sightline demo

    sightline demo street.mp4
    """
    from sightline import build
    from sightline.config import ByteTrackOptions, ClassifyOptions, OutputOptions

    logs.set_up(verbose=0)
    model = model or ("street" if video is None else "people")
    outputs = OutputOptions(
        json_lines=str(folder / "tracks.jsonl"),
        annotated=str(folder / "annotated.mp4"),
        database=str(folder / "run.db"),
    )
    started = time.monotonic()
    jobs = len(os.sched_getaffinity(0))
    inputs = build.inputs([video or SCENE])
    attributes = ClassifyOptions(model="street-attributes", of=VEHICLES)
    analyze(
        inputs,
        model_options(model),
        outputs,
        tracker=ByteTrackOptions(),
        stages=[attributes] if model == "street" else (),
        jobs=jobs,
        quiet=False,
    )
    typer.echo(f"tracked in {time.monotonic() - started:.1f} s")
    _list(outputs)
    if video is None:
        _score(model)


def _list(outputs: OutputOptions) -> None:
    """Say which files the demo has written."""
    for path, what in (
        (outputs.annotated, "the video with boxes and ids"),
        (outputs.json_lines, "one JSON object for each frame"),
        (outputs.database, "frames, objects and tracks in SQLite"),
    ):
        typer.echo(f"  {path}: {what}")


def _score(model: str) -> None:
    """Hold what the model sees against the street's exact truth."""
    from sightline import build
    from sightline.cli import footage
    from sightline.evaluation.tracking import score_sequences
    from sightline.evaluation.tracks import mot
    from sightline.protocols import TrackableDetector

    with footage.detector(model_options(model, max_detections=300)) as detector:
        _, make_tracker = build.for_tracking(detector)
        # Average precision counts doubtful objects too; the tracker ignores them by itself.
        all_of = (
            detector.replaced(conf=0.001) if isinstance(detector, TrackableDetector) else detector
        )
        street = footage.see_and_track_street(SCENE, all_of, make_tracker())
    detection = street.dataset.score(street.found, detector.class_names)
    tracking, _ = score_sequences({"street": mot.pair(street.truth, street.tracks)})
    typer.echo(
        f"against the street's truth: mAP@50 {detection.map50:.3f}, mAP {detection.map:.3f}, "
        f"HOTA {tracking.hota:.3f}, IDF1 {tracking.idf1:.3f}"
    )

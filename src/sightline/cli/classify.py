"""``sightline classify``: what whole pictures show, the likeliest first."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.analyze import Fps, Quiet, Sources, Start
from sightline.cli.options import (
    Backend,
    Device,
    Model,
    ModelsDir,
    Precision,
    Verbose,
    model_options,
)
from sightline.cli.part_options import RESULTS
from sightline.cli.terminal import logs
from sightline.errors import SightlineError
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.build import SourceInput
    from sightline.models.classifier import CropClassifier
    from sightline.sinks.lines import LineFile
    from sightline.types import Classification
    from sightline.whole_files import OutputGuard

Top = Annotated[
    int,
    typer.Option("--top", "--top-k", min=1, help="Names of each attribute, the likeliest first."),
]
Least = Annotated[float, typer.Option("--conf", min=0, max=1, help="Lowest score of a name.")]
Every = Annotated[int, typer.Option(min=1, help="Look at every so many-th frame of a video.")]
JsonLines = Annotated[
    str | None,
    typer.Option(
        "--json-lines", "--json", help="A line of JSON for each picture: a file, or - for stdout.",
        show_default=False, rich_help_panel=RESULTS,
    ),
]  # fmt: skip
Csv = Annotated[
    str | None,
    typer.Option(
        help="A row for each name: a file, or - for stdout.", show_default=False,
        rich_help_panel=RESULTS,
    ),
]  # fmt: skip

COLUMNS = ("stream", "frame", "time", "attribute", "rank", "value", "score")


def classify(
    sources: Sources,
    model: Model,
    top: Top = 5,
    conf: Least = 0.0,
    every: Every = 1,
    json_lines: JsonLines = None,
    csv: Csv = None,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: Device = "auto",
    fps: Fps = None,
    start: Start = None,
    models_dir: ModelsDir = None,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Name what whole pictures show, with a classifier.

    Objects in a picture are named by `sightline track --classify`.

    [bold]Examples[/bold]

    sightline classify bus.jpg --model resnet50.onnx

    sightline classify "photos/*.jpg" --model resnet50.onnx --top 1 --csv found.csv
    """
    from sightline import build
    from sightline.build.files.conflicts import check_command
    from sightline.config import OutputOptions, checked, moment

    logs.set_up(verbose)
    use = model_options(
        model, backend=backend, precision=precision, device=device, models_dir=models_dir
    )
    begun = None if start is None else moment("--start", start)
    inputs = build.inputs(sources, fps=fps, start=begun)
    outputs = checked(OutputOptions, json_lines=json_lines, csv=csv)
    guard = check_command([(i.spec, i.name, i.still) for i in inputs], use, outputs)
    with ExitStack() as closing:
        classifier = build.classifier(use, stills=build.few_pictures(inputs))
        closing.callback(classifier.close)
        lines = _opened(closing, guard, json_lines)
        rows = _opened(closing, guard, csv, ",".join(COLUMNS) + "\n")
        printed = not quiet and "-" not in (json_lines, csv)
        chosen = classifier.replaced(conf=conf, top=top)
        done = [_classify(one, chosen, every, lines, rows, printed=printed) for one in inputs]
    if not all(done):
        raise typer.Exit(1)


def _classify(
    one: SourceInput,
    classifier: CropClassifier,
    every: int,
    lines: LineFile | None,
    rows: LineFile | None,
    *,
    printed: bool,
) -> bool:
    """Write what one source shows; False where it failed, which is told."""
    try:
        for found in _found(one, classifier, every):
            _write(found, lines, rows)
            if printed:
                typer.echo(printable(str(found)))
    except SightlineError as exc:
        typer.secho(f"error: {printable(str(exc))}", fg="red", err=True)
        return False
    return True


def _write(found: Classification, lines: LineFile | None, rows: LineFile | None) -> None:
    if lines is not None:
        lines.write(to_json(found) + "\n")
    if rows is not None:
        rows.write(_rows(found))


def to_json(found: Classification) -> str:
    """One line of JSON, without the newline."""
    from sightline.sinks.jsonl import encode, frame_fields, label_fields

    return encode({**frame_fields(found.frame), "labels": label_fields(found.labels)})


def _found(one: SourceInput, classifier: CropClassifier, every: int) -> Iterator[Classification]:
    from sightline.runtime.classification import classify_frames

    yield from classify_frames(one.source, classifier, every)
    left = {why: n for why, n in one.source.status.dropped.items() if n}
    if left:
        told = ", ".join(f"{n} {why}" for why, n in left.items())
        typer.secho(f"{printable(one.name)}: left out: {told}", fg="yellow", err=True)


def _opened(
    closing: ExitStack, guard: OutputGuard, path: str | None, header: str = ""
) -> LineFile | None:
    from sightline.sinks.lines import LineFile

    if path is None:
        return None
    file = LineFile(sys.stdout if path == "-" else path, header=header, guard=guard)
    closing.callback(file.close)
    return file


def _rows(found: Classification) -> str:
    import csv

    from sightline.csv_cells import safe_cell

    frame, text = found.frame, io.StringIO()
    ranks: dict[str, int] = {}
    rows: list[Sequence[object]] = []
    for label in found.labels:
        rank = ranks[label.attribute] = ranks.get(label.attribute, 0) + 1
        rows.append(
            (
                safe_cell(frame.stream),
                frame.index,
                round(frame.time, 6),
                safe_cell(label.attribute),
                rank,
                safe_cell(label.value),
                label.score,
            )
        )
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

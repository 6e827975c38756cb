"""``sightline drift check``: is a camera still like its reference? Exit code 1 where it is not."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.drift.options import EmbedderName, Every, Track
from sightline.cli.options import (
    Backend,
    Conf,
    Device,
    Footage,
    Json,
    ModelsDir,
    Seconds,
    Verbose,
    model_names,
    model_options,
)
from sightline.cli.terminal import logs
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.build.monitoring.drifting import DriftCheck
    from sightline.config import ModelOptions
    from sightline.monitoring.drift.detector import Change, DriftState

ReferenceFile = Annotated[
    Path, typer.Option("--reference", "-r", help="A file of `sightline drift learn`.")
]
CheckedModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="The model that the reference was learnt with. \\[default: the one of that name]",
        autocompletion=model_names,
        show_default=False,
    ),
]
_SHOWN = 8


def check(
    source: Footage,
    reference: ReferenceFile,
    model: CheckedModel = None,
    every: Every = None,
    track: Track = False,
    seconds: Seconds = None,
    embedder: EmbedderName = None,
    conf: Conf = None,
    backend: Backend = "auto",
    device: Device = "auto",
    models_dir: ModelsDir = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Check whether a camera's pictures, and what is found in them, are still like its reference.

    What has changed is told with its likely cause and what to do. Exit codes: 0 no drift, 1 drift (or the source
    or the model failed), 2 wrong usage.

    [bold]Examples[/bold]

    sightline drift check today.mp4 --reference gate.json

    sightline drift check rtsp://camera/stream --reference gate.json --seconds 600 --json
    """
    from sightline.build.monitoring import drifting
    from sightline.monitoring.drift.reference import Reference

    logs.set_up(verbose)
    known = Reference.load(reference)
    name = known.model.rpartition(" ")[0] or known.model
    options = model_options(
        model or name, conf=conf, backend=backend, device=device, models_dir=models_dir
    )
    if model is None:
        _check_named(options, known.model)
    progress = ProgressLine()
    how = drifting.SamplingOptions(every, track, seconds, embedder)
    found = drifting.check(source, options, known, how, progress)
    progress.end()
    if json:
        typer.echo(json_.dumps(_told(found, source, reference, known.model)))
    else:
        _show(found)
    if found.first is not None:
        raise typer.Exit(1)


def _check_named(options: ModelOptions, learnt_with: str) -> None:
    """Raise ConfigError where the model that a reference names is not one that a name finds."""
    from sightline.build.model_files import PEOPLE, model_path
    from sightline.errors import ConfigError, ModelError

    try:
        if options.model != PEOPLE:
            model_path(options)
    except (ConfigError, ModelError) as exc:
        raise ConfigError(
            f"the reference was learnt with the model {printable(learnt_with)}, and none of this name is found "
            "here: give its file with --model"
        ) from exc


def _told(found: DriftCheck, source: str, reference: Path, model: str) -> dict[str, object]:
    """What ``--json`` prints."""
    from sightline.redaction import redact

    first, worst = found.first, found.worst
    scores = [score for _, score in found.anomalies]
    return {
        "drift": first is not None,
        "source": redact(source),
        "reference": str(reference),
        "model": model,
        "samples": found.samples,
        "interval_s": found.interval_s,
        "found_after": None if first is None else first.samples,
        "found_at_s": None if first is None else round(first.time, 3),
        "causes": [
            {"name": c.name, "fit": c.fit, "words": c.words, "recommendation": c.advice}
            for c in found.causes
        ],
        "changes": [_change(change, worst) for change in worst.changes],
        "effects": {name: round(effect, 3) for name, effect in worst.effects.items()},
        "view": {
            "right": round(worst.view.right, 4), "down": round(worst.view.down, 4),
            "zoom": round(worst.view.zoom, 4), "fit": round(worst.view.fit, 3),
        },
        "anomaly": {
            "mean": round(sum(scores) / len(scores), 3),
            "max": round(max(scores), 3),
            "frames": [[round(time, 3), round(score, 3)] for time, score in found.anomalies],
        },
    }  # fmt: skip


def _change(change: Change, state: DriftState) -> dict[str, object]:
    from sightline.monitoring.drift.two_sample import two_sample_measures

    measures = two_sample_measures(change.statistic, state.now, state.usual.profile)
    return {
        "statistic": change.statistic,
        "effect": round(change.effect, 3),
        "usual": None if change.usual is None else round(change.usual, 4),
        "now": None if change.now is None else round(change.now, 4),
        "words": str(change),
        **{name: round(value, 4) for name, value in measures.items()},
    }


def _show(found: DriftCheck) -> None:
    first, worst = found.first, found.worst
    if first is None:
        typer.echo(f"no drift in {found.samples} frames: {_nearest(worst)}")
        return
    typer.echo(
        f"drift: found after {first.samples} of {found.samples} frames, at {first.time:.0f} s"
    )
    for number, cause in enumerate(found.causes):
        typer.echo(f"{'cause' if not number else 'or'}: {cause.words} (fits {cause.fit:.0%})")
        typer.echo(f"  {cause.advice}")
    typer.echo("changes, beyond what is usual:")
    for change in worst.changes[:_SHOWN]:
        typer.echo(f"  {change.effect:5.1f}×  {printable(str(change))}")


def _nearest(state: DriftState) -> str:
    """The statistic that is nearest to its limit."""
    name, effect = max(state.effects.items(), key=lambda item: abs(item[1]))
    return f"the largest change is that of {name}, {abs(effect):.0%} of its limit"

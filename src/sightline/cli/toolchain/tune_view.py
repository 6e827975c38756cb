"""How ``sightline tune`` shows what it has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sightline.cli.terminal.cells import table_console
from sightline.optimize.benchmarks.other_load import NOTABLE
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.optimize.tuning.candidates import Limits, Trial


def show(facts: dict[str, Any], output: Path | None) -> None:
    """Print the Pareto front, the choice and the cameras; ``facts`` are those of ``--json``."""
    from rich.table import Table

    table = Table("backend", "precision", box=None, pad_edge=False)
    for column in (
        "input",
        "batch",
        "threads",
        "in flight",
        "pictures/s",
        "p99 ms",
        "accuracy",
        "",
    ):
        table.add_column(column, justify="right", no_wrap=True)
    chosen = facts["chosen"]
    rows = [*facts["pareto"]]
    if chosen not in rows:
        rows.append(chosen)
    for row in rows:
        of = row["candidate"]
        table.add_row(
            of["backend"], of["precision"], str(of["size"]), str(of["batch"]),
            str(of["threads"] or "all"), str(of["requests"] or "auto"), f"{row['pictures_per_s']:.1f}", f"{row['p99_ms']:.0f}",
            f"{row['accuracy']:.3f}", "chosen" if row == chosen else "",
        )  # fmt: skip
    table_console().print(table)
    tried = sum(1 for trial in facts["trials"] if trial["seconds"])
    typer.echo(
        f"{tried} of {facts['space']} combinations measured in {facts['search_s']:.0f} s; "
        "accuracy is a part of the native configuration's"
    )
    if "cameras" in facts:
        _show_cameras(facts)
    if told := _others(facts["other_load"]):
        typer.echo(told)
    if output is not None:
        typer.echo(printable(f"written: {output}"))


def _show_cameras(facts: dict[str, Any]) -> None:
    fps, p99 = facts["limits"]["target_fps"], facts["limits"]["p99_ms"]
    load, more = facts["cameras_load"], facts["more_load"]
    if load is None and not facts["settled"]:
        typer.echo(f"no number of cameras held {fps:g} FPS within {p99:g} ms twice")
    elif load is None:
        typer.echo(f"this machine holds not even one camera at {fps:g} FPS within {p99:g} ms")
    else:
        typer.echo(
            f"this machine holds {facts['cameras']} cameras at {fps:g} FPS within {p99:g} ms: run for "
            f"{load['seconds']:.0f} s, slowest {load['slowest_fps']:.2f} FPS, "
            f"p99 {load['age_p99_ms']:.0f} ms{_drops(load)}"
        )
    if more is not None:
        typer.echo(
            f"{more['streams']} {'is' if more['streams'] == 1 else 'are'} too many: slowest {more['slowest_fps']:.2f} FPS, "
            f"p99 {more['age_p99_ms']:.0f} ms{_drops(more)}"
        )
    if not facts["settled"]:
        typer.echo("the machine is too uneven for a firm number: something else uses it")
    if facts["bottleneck"]:
        typer.echo(f"bottleneck: {facts['bottleneck']['text']}")


def _drops(load: dict[str, Any]) -> str:
    """What was not analysed, though it was due: frames above the wanted rate are skipped on purpose."""
    lost = [f"{n} {why}" for why, n in sorted(load["dropped"].items()) if why != "skipped"]
    return f", dropped {', '.join(lost)}" if lost else ", nothing dropped"


def _others(shares: Mapping[str, float | None]) -> str:
    """That other programs used the machine while it was measured, and what that does to the figures; "" otherwise."""
    most = max((share for share in shares.values() if share is not None), default=0.0)
    if most < NOTABLE:
        return ""
    return (
        f"other programs took {most:.0%} of the processor meanwhile: these figures are what they left; "
        "tune again without them"
    )


def no_choice(trials: Sequence[Trial], limits: Limits, other_load: float | None = None) -> str:
    """Why nothing was chosen, and what comes nearest. ``other_load``: see ``OtherLoad.share``."""
    measured = [trial for trial in trials if trial.seconds]
    if measured:
        nearest = min(measured, key=lambda trial: trial.p99_ms)
        alone = any(trial.candidate.requests == 1 for trial in measured)
        disturbed = _others({"search": other_load})
        return (
            f"no way to run the model keeps {limits.p99_ms:g} ms: the nearest is {nearest.candidate} with "
            f"p99 {nearest.p99_ms:.0f} ms: allow more with --p99-ms"
            f"{'' if alone else ', or fewer in flight with --requests 1'}"
            f"{f' ({disturbed})' if disturbed else ''}"
        )
    known = [trial for trial in trials if trial.accuracy is not None]
    if known:
        nearest = max(known, key=lambda trial: trial.accuracy or 0)
        return (
            f"no way to run the model keeps an accuracy of {limits.min_accuracy:g}: the nearest is "
            f"{nearest.candidate} with {nearest.accuracy:.3f}: allow less with --min-accuracy"
        )
    return (
        f"no way to run the model works here: {trials[0].refused if trials else 'none was given'}"
    )

"""What a second model has come to, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sightline.cli.terminal.cells import cell
from sightline.redaction import printable

if TYPE_CHECKING:
    from rich.console import Console


def print_rollout(told: dict[str, Any], console: Console) -> None:
    """Print one rollout, as ``RolloutStats.to_dict`` tells of it."""
    step = f", step {told['step']} of {told['steps']}" if told["steps"] > 1 else ""
    console.print(
        cell(
            f"{told['model']}: {told['kind']} {told['second_model']} {told['state']}, "
            f"{told['share']:.0%} of the traffic{step}"
        )
    )
    for reason in told["reasons"]:
        console.print(cell(f"  {reason['message']}"))
    left_out = ", ".join(f"{count} {reason}" for reason, count in told["dropped"].items())
    compared = f"{told['compared']} pictures compared, agreement {_share(told['agreement'])}"
    if left_out:
        compared += f"; left out: {left_out}"
    if told["examples"]:
        compared += f"; {told['examples']} examples kept"
    console.print(cell(compared))
    _print_models(told, console)
    _print_classes(told, console)


def _print_models(told: dict[str, Any], console: Console) -> None:
    from rich.table import Table

    table = Table("model", box=None, pad_edge=False)
    for column in ("answered", "shown", "failed", "p50 ms", "p95 ms", "p99 ms", "cpu ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, figures in ((told["model"], told["first"]), (told["second_model"], told["second"])):
        times = (figures[key] for key in ("p50_ms", "p95_ms", "p99_ms", "cpu_ms"))
        counts = (str(figures[key]) for key in ("answered", "shown", "failed"))
        table.add_row(cell(name), *counts, *("" if t is None else f"{t:.1f}" for t in times))
    console.print(table)


def _print_classes(told: dict[str, Any], console: Console) -> None:
    from rich.table import Table

    table = Table("class", "agreement", box=None, pad_edge=False)
    for name in (told["model"], told["second_model"]):
        table.add_column(cell(f"objects of {name}"), justify="right")
    for name, figures in told["per_class"].items():
        if figures["first"] or figures["second"]:
            counts = (str(figures["first"]), str(figures["second"]))
            table.add_row(cell(name), _share(figures["agreement"]), *counts)
    if table.row_count:
        console.print(table)


def _share(value: float | None) -> str:
    return "not known" if value is None else printable(f"{value:.3f}")

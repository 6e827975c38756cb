"""The table of a model's variants."""

from __future__ import annotations

from typing import Any

import typer

from sightline.redaction import printable

_MOST_LAYERS = 12


def print_report(made: dict[str, Any]) -> None:
    """Print the variants as a table, what was refused and why, and which layers stay in floats."""
    from rich.console import Console
    from rich.table import Table

    table = Table("variant", "runs on", box=None, pad_edge=False)
    for column in ("MB", "ms", "pictures/s", "speed", "kept", ""):
        table.add_column(column, justify="right")
    rows: list[dict[str, Any]] = made["variants"]
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['backend']} {row['precision']}" if row["backend"] else "",
            _number(row["size_mb"], 2),
            _number(row["latency_ms"], 2),
            _number(row["throughput"], 1),
            _number(row["speedup"], 2, "×"),
            _number(row["kept"], 4),
            "accepted" if row["accepted"] else "refused",
        )
    Console(highlight=False).print(table)
    for row in rows:
        if row["reason"]:
            typer.echo(printable(f"\n{row['name']} is refused: {row['reason']}"))
        if row["in_floats"]:
            _print_layers(row["name"], row["in_floats"])
    few = sorted({name for row in rows for name in row["not_judged"]})
    if few:
        typer.echo(
            printable(f"\nNot judged, since fewer than 20 objects were seen: {', '.join(few)}")
        )
    written = [row for row in rows if row["accepted"] and row["path"] not in {None, made["model"]}]
    if written:
        typer.echo("")
    for row in written:
        typer.echo(printable(row["path"]))


def _print_layers(name: str, layers: list[dict[str, Any]]) -> None:
    typer.echo(printable(f"\n{name} keeps {len(layers)} layers in floats:"))
    for layer in layers[:_MOST_LAYERS]:
        error = "" if layer["error"] is None else f", {layer['error']:.3f}"
        typer.echo(printable(f"  {layer['layer']} ({layer['operator']}): {layer['why']}{error}"))
    if len(layers) > _MOST_LAYERS:
        typer.echo(f"  and {len(layers) - _MOST_LAYERS} more, see report.json")


def _number(value: float | None, digits: int, unit: str = "") -> str:
    return "" if value is None else f"{value:.{digits}f}{unit}"

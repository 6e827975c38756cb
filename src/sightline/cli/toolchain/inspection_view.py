"""How ``sightline inspect`` shows a model on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from sightline.redaction import one_line, printable

if TYPE_CHECKING:
    from sightline.models.card import CardReading
    from sightline.models.file import ModelFile

_MOST_METADATA = 100
"""Characters of an entry that are shown in its line."""
_MOST_OPERATORS = 20


def show(facts: dict[str, Any], file: ModelFile | None, reading: CardReading | None) -> None:
    """Print what was found out; ``facts`` are those of ``--json``."""
    for key, value in _head(facts, file, reading):
        typer.echo(f"{key + ':':<16}{one_line(value)}")
    _table("largest layers", "layer", facts["largest_layers"], ("name", "operator"))
    operators = facts["operators"]
    _table("operators", "operator", operators[:_MOST_OPERATORS], ("operator",))
    if len(operators) > _MOST_OPERATORS:
        typer.echo(f"  and {len(operators) - _MOST_OPERATORS} more with --json")
    typer.echo("\nbackends:")
    for report in facts["backends"]:
        for line in _backend(report):
            typer.echo(printable(line))
    if reading is None:
        typer.echo(f"\ncard:           none: {one_line(facts['card_missing'])}")
        return
    typer.echo("\ncard:")
    for key, value in facts["card"].items():
        shown = one_line(str(value))
        if key == "class_names":
            shown = f"{len(value)}: {', '.join(value[:6])}{', …' if len(value) > 6 else ''}"
        origin = reading.origin.get(key, "default")
        typer.echo(printable(f"  {key + ':':<16}{shown:<44} from {origin}"))


def _head(
    facts: dict[str, Any], file: ModelFile | None, reading: CardReading | None
) -> Iterator[tuple[str, str]]:
    from sightline.model_inputs import format_shape

    opsets = ", ".join(
        f"opset {version}" if domain == "ai.onnx" else f"{domain} {version}"
        for domain, version in facts["opsets"].items()
    )
    yield "file", facts["path"]
    yield "format", ", ".join(filter(None, (facts["format"], opsets, facts["producer"])))
    yield "size", f"{_mb(facts['size_bytes'])}, {facts['parameters']:,} parameters"
    sizes = facts["size_by_precision"]
    if all(size is not None for size in sizes.values()):
        yield (
            "weights as",
            ", ".join(f"{p} {_mb(size)}" for p, size in sizes.items()) + " (estimate)",
        )
    if facts["macs"] is not None:
        at = "×".join(map(str, facts["macs_at"] or ())) or "the declared shapes"
        yield "work", f"{_millions(facts['macs'])} MACs for one picture at {at}"
    for note in facts["notes"]:
        yield "note", note
    yield "sha256", facts["sha256"]
    for spec in facts["inputs"]:
        yield "input", f"{spec['name']} {format_shape(spec['shape'])} {spec['dtype']}"
    shapes: list[Any] = [spec["shape"] for spec in facts["outputs"]]
    size = reading.card.size if reading else None
    at_size = [o.shape for o in file.outputs_at(size)] if file and size else shapes
    for spec, shape in zip(facts["outputs"], at_size, strict=True):
        there = f", {format_shape(shape)} at {size[0]}×{size[1]}" if size else f" {spec['dtype']}"
        declared = format_shape(spec["shape"]) or "of any shape"
        yield "output", f"{spec['name']} {declared}{there}"
    for key, value in facts["metadata"].items():
        text = one_line(value)
        yield (
            "metadata",
            f"{one_line(key)}: {text[:_MOST_METADATA]}{'…' if len(text) > _MOST_METADATA else ''}",
        )


def _table(title: str, first: str, rows: list[Any], names: tuple[str, ...]) -> None:
    """Rows with their parameters and work, in columns."""
    if not rows:
        return
    typer.echo(f"\n{title}:")
    texts = [" ".join(one_line(row[name]) for name in names) for row in rows]
    width = min(60, max(len(first), *map(len, texts)))
    counted = "count" in rows[0]
    head = f"  {first:<{width}}{'count':>7}" if counted else f"  {first:<{width}}"
    typer.echo(f"{head}{'parameters':>13}{'MACs':>12}")
    for text, row in zip(texts, rows, strict=True):
        count = f"{row['count']:>7}" if counted else ""
        work = "" if row["macs"] is None else _millions(row["macs"])
        typer.echo(printable(f"  {text[:width]:<{width}}{count}{row['parameters']:>13,}{work:>12}"))


def _backend(report: dict[str, Any]) -> Iterator[str]:
    said = {True: "runs", False: "does not run", None: "not known"}[report["runs"]]
    if report["backend"] == "coreml" and report["obstacles"]:
        said = "in part"
    why = f": {one_line(report['why'])}" if report["why"] else ""
    yield f"  {report['backend']:<13}{said} ({report['how']}){why}"
    for obstacle in report["obstacles"]:
        layers = ", ".join(map(one_line, obstacle["layers"][:3]))
        more = "…" if obstacle["count"] > 3 else ""
        yield f"  {'':<13}{one_line(obstacle['operator'])} × {obstacle['count']}: {layers}{more}"


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 1e5 else f"{size / 1e3:.2f} kB"


def _millions(macs: int) -> str:
    return f"{macs / 1e9:.3f} G" if macs >= 1e8 else f"{macs / 1e6:.3f} M"

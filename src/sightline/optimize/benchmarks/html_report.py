"""Results of ``sightline bench model`` as one HTML file that needs nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from sightline.errors import MissingPackage
from sightline.imaging.html_page import html_page
from sightline.optimize.benchmarks.result_file import doubts
from sightline.redaction import one_line, printable

_STYLE = "svg{background:#fff}"
"""Plots are drawn on white, whatever the page has."""


def check_plots() -> None:
    """Raise MissingPackage where plots cannot be drawn, before anything is measured."""
    try:
        import matplotlib as mpl  # noqa: F401 - only whether it is there
    except ImportError as exc:
        raise MissingPackage.of("matplotlib", "plots") from exc


def html_report(facts: Mapping[str, Any]) -> str:
    """The report of results as ``result_json`` gives them."""
    rows = facts["results"]
    machine = ", ".join(f"{key} {value}" for key, value in facts["machine"].items())
    parts = [
        f"<h1>{escape(printable(one_line(facts['model'])))}</h1>",
        f"<p>{escape(machine)}<br>SHA-256 {escape(facts['sha256'])}</p>",
        f"<p>Warm-up: {escape(facts['warm_up_rule'])}.</p>",
        _table([row for row in rows if row["latency"] is not None]),
        *_remarks(rows),
        *_plots(rows),
    ]
    return html_page(f"{facts['model']}: benchmark", "".join(parts), _STYLE)


def setup_name(row: Mapping[str, Any]) -> str:
    """A row's setup in a line."""
    size = "×".join(map(str, row["size"])) if row["size"] else "own size"
    threads = f", {row['threads']} threads" if row["threads"] else ""
    return f"{row['backend']} {row['precision']} {size}, batch {row['batch']}{threads}"


def remarks(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What is to be said beside the figures: each remark once, with the setups that it is about."""
    said: dict[str, list[str]] = {}
    for row in rows:
        refused = [f"cannot run: {one_line(str(row['refused']))}"] if row["refused"] else []
        for remark in (*refused, *doubts(row)):
            said.setdefault(remark, []).append(setup_name(row))
    return said


def _remarks(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each as a paragraph; setups that are many fold away."""
    for remark, names in remarks(rows).items():
        which = f": {names[0]}" if len(names) == 1 else f" ({len(names)} setups)"
        yield f'<p class="refused">{escape(remark + which)}</p>'
        if len(names) > 1:
            listed = "".join(f"<li>{escape(name)}</li>" for name in names)
            yield f"<details><summary>which</summary><ul>{listed}</ul></details>"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The measured rows, a column for each part of the setup; nothing where there are none."""
    if not rows:
        return ""
    heads = (
        "runtime", "precision", "input", "batch", "threads", "mean ms", "std", "p50", "p95", "p99", "pictures/s",
        "peak MB", "compared",
    )  # fmt: skip
    lines = ["<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>"]
    for row in rows:
        size = "×".join(map(str, row["size"])) if row["size"] else "own"
        cells = [row["backend"], row["precision"], size, row["batch"], row["threads"] or "all"]
        latency = row["latency"]
        cells += [f"{latency[f'{key}_ms']:.2f}" for key in ("mean", "std", "p50", "p95", "p99")]
        cells += [f"{row['pictures_per_s']:.1f}", f"{row['peak_memory_mb']:.0f}", _compared(row)]
        lines.append(f"<tr>{''.join(f'<td>{escape(str(one))}</td>' for one in cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _compared(row: Mapping[str, Any]) -> str:
    found = row["comparison"]
    if found is None:
        return ""
    said = "told apart" if found["told_apart"] else "not told apart"
    return f"× {found['ratio']:.3f} ({found['low']:.3f} to {found['high']:.3f}), {said}"


def _plots(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    measured = [row for row in rows if row["latency"] is not None]
    if measured:
        yield "<h2>Latency of one batch</h2>"
        yield _bars(measured)
        yield "<h2>Blocks of inferences over time</h2>"
        yield _blocks(measured)
    for row in measured:
        if row["sustained"] is not None and row["sustained"]["windows"]:
            yield f"<h2>Full load: {escape(setup_name(row))}</h2>"
            yield _sustained(row["sustained"]["windows"])


def _bars(rows: Sequence[Mapping[str, Any]]) -> str:
    figure, axes = _figure(2.0 + 0.35 * len(rows))
    names = [setup_name(row) for row in rows]
    places = range(len(rows))
    for key, shade, height in (
        ("p99", "#cfe3ea", 0.8),
        ("p95", "#8fbfce", 0.6),
        ("p50", "#1f6f8b", 0.4),
    ):
        values = [row["latency"][f"{key}_ms"] for row in rows]
        axes.barh(places, values, height=height, color=shade, label=key)
    axes.set_yticks(list(places), names)
    axes.invert_yaxis()
    axes.set_xlabel("ms")
    axes.legend()
    return _svg(figure)


def _blocks(rows: Sequence[Mapping[str, object]]) -> str:
    figure, axes = _figure(4.0)
    for row in rows:
        axes.plot(row["block_medians_ms"], marker=".", label=setup_name(row))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("block")
    axes.set_ylabel("median, ms")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return _svg(figure)


def _sustained(windows: Sequence[Mapping[str, Any]]) -> str:
    figure, axes = _figure(4.0)
    times = [window["at_s"] / 60 for window in windows]
    axes.plot(times, [window["pictures_per_s"] for window in windows], label="pictures/s")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("pictures/s")
    warm = [window["thermal"]["temperature_c"] for window in windows]
    if all(one is not None for one in warm):
        other = axes.twinx()
        other.plot(times, warm, color="#a40000", label="°C")
        other.set_ylabel("°C")
    axes.legend()
    return _svg(figure)


def _figure(height: float) -> tuple[Any, Any]:
    # Not through pyplot, which keeps every figure and wants a display on some systems.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Any) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return "".join(text.getvalue().partition("<svg")[1:])

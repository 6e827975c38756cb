"""What came of an optimisation: files, ``report.json`` and a picture of it."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.errors import ConfigError
from sightline.models.history import made_by
from sightline.models.model_card import ModelCard, write_card
from sightline.optimize.variants.optimization import Variant
from sightline.redaction import printable
from sightline.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

PACKAGES = (
    "onnx", "onnxruntime", "openvino", "tensorrt", "nncf", "onnxslim", "torch", "torch-pruning",
)  # fmt: skip
"""Whose versions the card of a variant tells."""


def variant_path(folder: Path, model: Path, name: str) -> Path:
    """Where a variant is written: ``street-int8.onnx``."""
    return folder / f"{model.stem}-{name}.onnx"


def write_variants(
    variants: Sequence[Variant],
    card: ModelCard,
    model: Path,
    sha256: str,
    folder: Path,
    options: Mapping[str, object],
) -> dict[str, Path]:
    """Write the accepted variants that have a graph of their own, each with its card.

    Returns the files of all variants that may be used; the original's file where it is run in
    another way. Raises SinkError.
    """
    paths: dict[str, Path] = {}
    for variant in variants:
        if not variant.accepted:
            continue
        if variant.content is None:
            paths[variant.name] = model
            continue
        path = variant_path(folder, model, variant.name)
        step = made_by(
            f"sightline optimize, {variant.name}",
            *PACKAGES,
            source=model.name,
            source_sha256=sha256,
            options=json.loads(json.dumps(dict(options), default=str)),
            figures=json.loads(json.dumps(_figures(variant))),
        )
        write_whole(path, variant.content)
        write_card(card.after(step).model_copy(update={"name": path.stem}), path)
        paths[variant.name] = path
    return paths


def report(
    variants: Sequence[Variant], paths: Mapping[str, Path], facts: Mapping[str, object]
) -> dict[str, Any]:
    """The report as one JSON object: ``facts`` and one entry for each variant."""
    rows = [
        {
            "name": one.name,
            "path": str(paths[one.name]) if one.name in paths else None,
            "backend": one.backend or None,
            "precision": one.precision,
            "size_mb": round(one.size_bytes / 1e6, 3) if one.size_bytes else None,
            **_figures(one),
            "accepted": one.accepted,
            "reason": one.verdict.reason or None,
            "not_judged": list(one.verdict.unjudged),
        }
        for one in variants
    ]
    return {**facts, "variants": rows}


def _figures(variant: Variant) -> dict[str, object]:
    speed = variant.speed
    kept = variant.verdict.kept
    return {
        "latency_ms": None if speed is None else round(speed.latency_ms, 3),
        "throughput": None if speed is None else round(speed.throughput, 2),
        "speedup": None if speed is None else round(speed.ratio, 3),
        "kept": None if math.isnan(kept) else round(kept, 4),
        "in_floats": [
            {
                "layer": one.layer,
                "operator": one.operator,
                "why": one.why,
                "error": None if one.error is None else round(one.error, 5),
            }
            for one in variant.in_floats
        ],
        "training": {name: round(value, 4) for name, value in variant.training.items()} or None,
    }


def draw(variants: Sequence[Variant], title: str, path: Path) -> None:
    """Draw the variants as a picture (PNG): accuracy kept against speed, each as large as its file.

    Raises:
        ConfigError: matplotlib is not installed.
        SinkError: the picture cannot be written.
    """
    drawn = io.BytesIO()
    chart(variants, title).savefig(drawn, format="png")
    write_whole(path, drawn.getvalue())


def chart(variants: Sequence[Variant], title: str) -> Figure:
    """The picture of ``draw``, in which no label lies on another. Raises ConfigError: matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise ConfigError("the picture needs matplotlib: pip install 'sightline[plots]'") from exc

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    shown = [one for one in variants if one.speed and not math.isnan(one.verdict.kept)]
    largest = max((one.size_bytes for one in shown), default=1) or 1
    labels = []
    leader = {"arrowstyle": "-", "color": "#666666", "linewidth": 0.6}
    for one in shown:
        assert one.speed is not None
        place = (one.speed.throughput, one.verdict.kept)
        colour = "#1a7f37" if one.accepted else "#b3261e"
        area = 60 + 900 * one.size_bytes / largest
        axes.scatter(*place, s=area, color=colour, alpha=0.35, linewidths=0)
        axes.scatter(*place, s=12, color=colour)
        text = f"{one.name}\n{one.size_bytes / 1e6:.1f} MB"
        labels.append(
            axes.annotate(
                text,
                place,
                xytext=(8, 8),
                textcoords="offset points",
                fontsize=9,
                arrowprops=leader,
            )
        )
    axes.set_xlabel("pictures per second")
    axes.set_ylabel("accuracy kept")
    axes.set_title(f"{printable(title)}: green may be used, red was refused", fontsize=10)
    axes.grid(alpha=0.3)
    axes.margins(x=0.2)
    axes.set_ylim(min((one.verdict.kept for one in shown), default=1.0) - 0.02, 1.01)
    axes.set_yticks([tick for tick in axes.get_yticks() if tick <= 1])
    axes.set_ylim(top=1.01)
    canvas.draw()  # where everything is, is known then
    _set_apart(labels)
    return figure


def _set_apart(labels: Sequence[Annotation]) -> None:
    """Move labels that lie on another one below their points, and farther down, until none does."""
    from matplotlib.text import Text

    placed: list[Bbox] = []
    for label in labels:
        for down in (8.0, *(-32.0 - 26 * step for step in range(len(labels)))):
            label.xyann = (8.0, down)
            box = Text.get_window_extent(label)  # without the line to its point
            if not any(box.overlaps(other) for other in placed):
                break
        placed.append(box)

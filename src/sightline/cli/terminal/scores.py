"""How scores are shown: tables or JSON on stdout, and what misses its requirement on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from sightline.cli.terminal.cells import cell
from sightline.redaction import printable

if TYPE_CHECKING:
    from rich.table import Table

    from sightline.evaluation.agreement import AgreementScores
    from sightline.evaluation.detection import DetectionScores
    from sightline.evaluation.estimation.accuracy import AccuracyEstimate
    from sightline.evaluation.requirements import Requirement
    from sightline.evaluation.tracking import TrackingScores
    from sightline.types import JsonObject

_TRACKING = ("hota", "deta", "assa", "loca", "mota", "motp", "idf1", "idp", "idr")
_COUNTS = (
    "switches", "fragments", "mostly_tracked", "mostly_lost", "false_positives", "misses"
)  # fmt: skip

_OF_SHAPES = ("mask_", "turned_", "keypoint_")
"""How the names of scores begin that are about more than boxes."""


def report(
    scores: Any,
    requirements: Sequence[Requirement],
    table: Table,
    *,
    as_json: bool,
    **more: Any,
) -> None:
    """Print scores, then exit with 1 where they miss a requirement.

    Args:
        scores: of an evaluation, a dataclass. Its notes stand behind the table, or in the JSON.
        requirements: what they must reach.
        table: shows them.
        as_json: print one JSON object instead; what is not known is null.
        more: goes into the JSON object too.
    """
    from rich.console import Console

    from sightline.evaluation.requirements import named_scores

    if as_json:
        typer.echo(json.dumps(_plain(plain_scores(scores) | more), ensure_ascii=False))
    else:
        # Away from a terminal rich takes 80 columns and would cut the names.
        Console(width=None if sys.stdout.isatty() else 160).print(table)
        for note in scores.notes:
            typer.echo(printable(f"note: {note}"))
    named = named_scores(scores)
    complaints = [text for r in requirements if (text := r.complaint(named)) is not None]
    for text in complaints:
        typer.secho(f"error: {printable(text)}", fg="red", err=True)
    if complaints:
        raise typer.Exit(1)


def plain_scores(scores: Any) -> JsonObject:
    """Scores as a dictionary. Classes have no notes of their own."""
    plain = asdict(scores)
    for part in (plain, *plain["per_class"].values()):
        for name in [name for name in part if name.startswith(_OF_SHAPES)]:
            if math.isnan(part[name]):  # the labels or the model tell of boxes only
                del part[name]
    for of_class in plain["per_class"].values():
        of_class.pop("notes", None)
    return plain


def detection_table(scores: DetectionScores) -> Table:
    """A row for each class that has true objects, and one for all."""
    table = _table("class", "objects", "AP", "AP50", "AP75", "small", "medium", "large", "recall")
    known = {name: c for name, c in scores.per_class.items() if c.count}
    for name, c in known.items():
        table.add_row(
            cell(name), str(c.count), _share(c.ap), _share(c.ap50), "", "", "", "", _share(c.recall)
        )
    table.add_section()
    sizes = (scores.map, scores.map50, scores.map75, scores.small, scores.medium, scores.large)
    count = sum(c.count for c in known.values())
    table.add_row("all (mAP)", str(count), *map(_share, sizes), "")
    for name, kind in (("masks", "mask"), ("keypoints (OKS)", "keypoint")):
        three = [getattr(scores, f"{kind}_map{overlap}") for overlap in ("", "50", "75")]
        if not math.isnan(three[0]):
            table.add_row(f"all, {name}", "", *map(_share, three), "", "", "", "")
    return table


def tracking_table(scores: TrackingScores, sequences: Mapping[str, TrackingScores]) -> Table:
    """A column for each sequence and class where there are several, and one for all."""
    columns = dict(sequences) if len(sequences) > 1 else {}
    if len(scores.per_class) > 1:
        columns |= scores.per_class
    table = _table("score", *columns, "all")
    for names, shown in ((_TRACKING, _share), (_COUNTS, str)):
        for name in names:
            values = [getattr(s, name) for s in (*columns.values(), scores)]
            table.add_row(name, *map(shown, values))
        table.add_section()
    return table


def report_trackers(trackers: Mapping[str, TrackingScores], *, as_json: bool) -> None:
    """Print the scores of several trackers of the same footage: a column, or an object, for each."""
    from rich.console import Console

    if as_json:
        plain = {kind: _plain(plain_scores(scores)) for kind, scores in trackers.items()}
        typer.echo(json.dumps({"trackers": plain}, ensure_ascii=False))
        return
    table = _table("score", *trackers)
    for names, shown in ((_TRACKING, _share), (_COUNTS, str)):
        for name in names:
            table.add_row(name, *(shown(getattr(scores, name)) for scores in trackers.values()))
        table.add_section()
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def estimate_table(estimate: AccuracyEstimate) -> Table:
    """A row for each class that is likely to be there, and one for all."""
    table = _table("class", "objects", "AP50, estimated", "between")
    for name, one in estimate.per_class.items():
        table.add_row(cell(name), f"{one.objects:.0f}", _share(one.ap50), "")
    table.add_section()
    count = sum(one.objects for one in estimate.per_class.values())
    between = f"{_share(estimate.low)} and {_share(estimate.high)}"
    table.add_row("all (mAP@50)", f"{count:.0f}", _share(estimate.map50), between)
    return table


def agreement_table(scores: AgreementScores) -> Table:
    """A row for each class that the reference is confident of, and one for all."""
    from sightline.evaluation.shape_agreement import SHAPES

    shapes = list(scores.shapes)
    of_shapes = [f"{SHAPES[name]}, {name.rpartition('_')[2].upper()}" for name in shapes]
    table = _table("class", "objects", "AP", "AP50", "recall", "score shift", *of_shapes)
    rows = {name: (c.ap, c.ap50, c) for name, c in scores.per_class.items() if c.count}
    for name, (ap, ap50, c) in (rows | {"all": (scores.map, scores.map50, scores)}).items():
        if name == "all":
            table.add_section()
        shift = "–" if math.isnan(c.score_shift) else f"{c.score_shift:+.3f}"
        more = [_share(getattr(c, shape)) for shape in shapes]
        table.add_row(
            cell(name), str(c.count), _share(ap), _share(ap50), _share(c.recall), shift, *more
        )
    return table


def _table(first: str, *others: str) -> Table:
    from rich.table import Table

    table = Table(first, box=None, pad_edge=False)
    for name in others:
        table.add_column(cell(name), justify="right")
    return table


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _plain(value: object) -> object:
    """Numbers that JSON knows: NaN becomes null."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value

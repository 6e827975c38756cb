"""Objects of a frame as people look at them: a table for pandas, HTML for notebooks."""

from __future__ import annotations

import base64
import html
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from sightline.errors import MissingPackage, SightlineError
from sightline.imaging.picture_files import notebook_jpeg
from sightline.types.objects import ids_of

if TYPE_CHECKING:
    import pandas as pd

    from sightline.types.arrays import Ints, Pixels
    from sightline.types.frames import Frame
    from sightline.types.objects import DetectedObjects, Label

COLUMNS = (
    "stream", "frame", "time", "track_id", "class_id", "class", "score", "x1", "y1", "x2", "y2",
    "predicted", "utc", "clock", "labels",
)  # fmt: skip
"""The columns of a table of objects, in CSV files and in pandas."""

MOST_ROWS = 20
"""Objects that a notebook lists; the rest are counted."""

MOST_CLASSES = 6
"""Classes that a line of text counts; the rest are counted together."""


_LABEL_ESCAPES = str.maketrans({"%": "%25", ";": "%3B", "=": "%3D"})


def data_frame(
    detections: DetectedObjects,
    frame: Frame | None,
    predicted: bool | None = None,
    labels: Mapping[int, tuple[Label, ...]] | None = None,
) -> pd.DataFrame:
    """A row for each object, in the columns of the CSV output. What is not known is missing (NA).

    Args:
        detections: the objects.
        frame: that they are in, or None where it is not known.
        predicted: whether the tracker says where they are, or None where that is not known.
        labels: what classifiers say, by track id.

    Raises:
        MissingPackage: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as exc:
        raise MissingPackage.of("pandas", "pandas") from exc
    count, ids, boxes = len(detections), detections.track_ids, detections.extents
    unknown = pd.array([pd.NA] * count, dtype="Int64")
    seconds = None if frame is None else frame.utc
    columns: dict[str, object] = {
        "stream": np.full(count, None if frame is None else frame.stream, object),
        "frame": unknown if frame is None else np.full(count, frame.index, np.int64),
        "time": np.full(count, np.nan if frame is None else frame.time),
        "track_id": unknown if ids is None else _track_column(ids),
        "class_id": detections.class_ids,
        "class": np.array(names_of(detections), dtype=object),
        "score": detections.scores,
        **{name: boxes[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))},
        "predicted": pd.array([predicted] * count, dtype="boolean")
        if predicted is None
        else np.full(count, predicted),
        "utc": pd.DatetimeIndex([to_utc(seconds)] * count, dtype="datetime64[us, UTC]"),
        "clock": np.full(count, None if frame is None else frame.clock, object),
        "labels": np.array(_label_cells(detections, labels or {}), dtype=object),
    }
    # Copied, so that who changes the table does not change the arrays.
    return pd.DataFrame({name: columns[name] for name in COLUMNS}, copy=True)


def _track_column(ids: Ints) -> object:
    """Track ids as a column of a table: whole numbers, missing where an object is not tracked."""
    import pandas as pd

    return ids if (ids >= 0).all() else pd.array(ids_of(ids, len(ids)), dtype="Int64")


def label_text(labels: Iterable[Label]) -> str:
    """Labels in one cell of a table: ``colour=red;kind=van``. ``%``, ``;`` and ``=`` in names are %25 …"""
    return ";".join(
        f"{label.attribute.translate(_LABEL_ESCAPES)}={label.value.translate(_LABEL_ESCAPES)}"
        for label in labels
    )


def _label_cells(
    detections: DetectedObjects, labels: Mapping[int, tuple[Label, ...]]
) -> list[str | None]:
    """The text of each object's labels; None where it has none."""
    if detections.track_ids is None:
        return [None] * len(detections)
    return [label_text(labels.get(track, ())) or None for track in detections.track_ids.tolist()]


def to_utc(seconds: float | None) -> datetime | None:
    """Unix time in seconds as a datetime in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def names_of(detections: DetectedObjects) -> list[str]:
    """The class name of each object."""
    return [detections.class_name(i) for i in detections.class_ids.tolist()]


def summary(detections: DetectedObjects, frame: Frame | None = None) -> str:
    """The objects in one line: ``3 objects: 2 person, 1 car (640×480, street.jpg)``.

    Args:
        detections: the objects.
        frame: that they are in; the one that they know where it is None.
    """
    counts = Counter(_named(detections, i) for i in detections.class_ids.tolist()).most_common()
    shown = [f"{count} {name}" for name, count in counts[:MOST_CLASSES]]
    if len(counts) > MOST_CLASSES:
        shown.append(f"{len(counts) - MOST_CLASSES} more classes")
    text = _count(len(detections)) + (f": {', '.join(shown)}" if shown else "")
    frame = frame or detections.frame
    if frame is None:
        return text
    name = PurePath(frame.stream).name or frame.stream
    return f"{text} ({frame.width}×{frame.height}, {name})"


def one_line(one: DetectedObjects) -> str:
    """One object: ``car #3 0.91 at 12 30 100 200``, with corners in whole pixels."""
    (track_id,) = ids_of(one.track_ids, 1)
    track = "" if track_id is None else f" #{track_id}"
    corners = " ".join(f"{x:.0f}" for x in one.boxes[0].tolist())
    return f"{_named(one, int(one.class_ids[0]))}{track} {one.scores[0]:.2f} at {corners}"


def as_html(detections: DetectedObjects, plot: Callable[[], Pixels] | None) -> str:
    """The picture that ``plot`` draws, where it can, above a table of the objects."""
    heads = ["", "class", "score", "x1", "y1", "x2", "y2"]
    rows = [
        [str(i), item["class"], f"{item['score']:.2f}", *(f"{x:.0f}" for x in item["box"])]
        for i, item in enumerate(detections.to_dict()[:MOST_ROWS])
    ]
    if detections.track_ids is not None:
        heads.insert(2, "track")
        for row, track_id in zip(rows, ids_of(detections.track_ids, len(detections)), strict=False):
            row.insert(2, "" if track_id is None else f"#{track_id}")
    more = len(detections) - len(rows)
    parts = [
        f"<p>{_count(len(detections))}</p>",
        "" if plot is None else _picture(plot),
        _table(heads, rows) if rows else "",
        f"<p>and {more} more</p>" if more else "",
    ]
    return f"<div>{''.join(parts)}</div>"


def _named(detections: DetectedObjects, class_id: int) -> str:
    """The name of a class as a line of text has it: a number alone would read as a count."""
    name = detections.class_name(class_id)
    return f"class {name}" if name == str(class_id) else name


def _count(count: int) -> str:
    return {0: "no objects", 1: "1 object"}.get(count, f"{count} objects")


def _picture(plot: Callable[[], Pixels]) -> str:
    try:
        data = base64.b64encode(notebook_jpeg(plot())).decode()
    except SightlineError as exc:  # a notebook shows the objects also where the picture is gone
        return f"<p>{html.escape(str(exc))}</p>"
    return f'<img alt="" src="data:image/jpeg;base64,{data}">'


def _table(heads: list[str], rows: list[list[str]]) -> str:
    """Names come from model files of anyone, so all text is escaped."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

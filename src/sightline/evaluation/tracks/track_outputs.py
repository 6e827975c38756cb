"""Reads tracks from what ``sightline track`` writes: JSON lines, CSV, and COCO files.

Knows these three outputs, and gives rows as of a MOT file; MOT files themselves are ``mot_rows``'.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from sightline.csv_cells import plain_cell
from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals
from sightline.evaluation.notes import Notes
from sightline.evaluation.text_files import parse_json, read_number, read_whole
from sightline.evaluation.tracks.mot_rows import MOST_FRAMES

SUFFIXES = (".jsonl", ".json", ".csv")
"""The suffixes by which such files are found in a folder."""

PEOPLE = frozenset(("person", "pedestrian", "people"))
"""Class names that count: MOT's truth is of people."""


class _Found(NamedTuple):
    """One object of one frame."""

    stream: str
    frame: int  # from 0
    track_id: int | None
    name: str
    corners: tuple[float, float, float, float]
    score: float


def output_rows(path: Path, text: str, sequence: str, notes: Notes) -> Reals | None:
    """The tracks of people in an output: (N, 7) float64, rows as of a MOT file.

    Args:
        path: the file, for messages.
        text: what it holds.
        sequence: the stream that is wanted, where the file has several.
        notes: what is left out is added.

    Returns None where the file is none of these outputs.

    Raises:
        ConfigError: it is one, but is broken, has no track ids, no such stream, or no people.
    """
    read = _reader(text)
    if read is None:
        return None
    try:
        found = list(read(path, text, notes))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as exc:
        kind = type(exc).__name__
        raise ConfigError(
            f"{path}: this is not as `sightline track` writes it ({kind}: {exc})"
        ) from exc
    found = _of_people(path, _of_stream(path, found, sequence), notes)
    if any(one.track_id is None for one in found):
        raise ConfigError(
            f"{path}: objects have no track_id: write it by `sightline track`, not `detect`"
        )
    if found and (last := max(one.frame for one in found)) >= MOST_FRAMES:
        raise ConfigError(f"{path}: frame {last} is too many frames to score: cut the file")
    rows = [
        (one.frame + 1, one.track_id, x1 + 1, y1 + 1, x2 - x1, y2 - y1, one.score)
        for one in found
        for x1, y1, x2, y2 in [one.corners]
    ]
    return np.array(rows, np.float64).reshape(-1, 7)


def _reader(text: str) -> Any:
    """What reads this text, or None: a MOT file begins with a number."""
    head = text.lstrip("\ufeff \t\r\n")
    if head.startswith("stream,frame,"):
        return _csv
    if not head.startswith("{"):
        return None
    try:
        first = parse_json(head.partition("\n")[0])
    except ValueError:
        return _coco  # one object over several lines
    return _coco if "annotations" in first else _json_lines


def _json_lines(path: Path, text: str, notes: Notes) -> Iterator[_Found]:
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if not line.strip():
            continue
        try:
            frame = parse_json(line)
        except ValueError:
            notes.add(path, "left out, the line is broken off or no JSON", number)
            continue
        for one in frame["objects"]:
            yield _Found(
                str(frame["stream"]), int(frame["frame"]), _id(one.get("track_id")),
                str(one["class"]), _corners(one["box"]), float(one["score"]),
            )  # fmt: skip


def _csv(path: Path, text: str, notes: Notes) -> Iterator[_Found]:
    rows = csv.DictReader(text.lstrip("\ufeff").splitlines())
    for row in rows:
        if any(row[name] is None for name in ("score", "x1", "y1", "x2", "y2")):
            notes.add(path, "left out, the line is broken off", rows.line_num)
            continue
        yield _Found(
            plain_cell(row["stream"]), read_whole(row["frame"]), _id(row["track_id"]),
            plain_cell(row["class"]),
            _corners([read_number(row[side]) for side in ("x1", "y1", "x2", "y2")]),
            read_number(row["score"]),
        )  # fmt: skip


def _coco(path: Path, text: str, notes: Notes) -> Iterator[_Found]:
    del path, notes
    whole = parse_json(text.lstrip("\ufeff"))
    names = {kind["id"]: str(kind["name"]) for kind in whole["categories"]}
    images: Mapping[Any, PurePosixPath] = {
        image["id"]: PurePosixPath(image["file_name"]) for image in whole["images"]
    }
    for one in whole["annotations"]:
        place, (x, y, width, height) = images[one["image_id"]], one["bbox"]
        yield _Found(
            str(place.parent), int(place.name), _id(one.get("track_id")),
            names[one["category_id"]], _corners([x, y, x + width, y + height]),
            float(one["score"]),
        )  # fmt: skip


def _id(value: Any) -> int | None:
    if value in {None, ""}:
        return None
    return read_whole(value) if isinstance(value, str) else int(value)


def _corners(box: Sequence[Any]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = map(float, box)
    return x1, y1, x2, y2


def _of_stream(path: Path, found: list[_Found], sequence: str) -> list[_Found]:
    """The objects of one stream: the only one, or the one that is called like the sequence."""
    streams = sorted({one.stream for one in found})
    if len(streams) <= 1:
        return found
    if sequence not in streams:
        raise ConfigError(
            f"{path} holds the streams {', '.join(streams)}, and none is called {sequence!r} like the "
            "sequence: give a file that holds its stream only"
        )
    return [one for one in found if one.stream == sequence]


def _of_people(path: Path, found: list[_Found], notes: Notes) -> list[_Found]:
    kinds = {one.name for one in found}
    if found and not kinds & PEOPLE:
        if len(kinds) > 1:
            raise ConfigError(
                f"{path}: no class is called person, of {', '.join(sorted(kinds))}: MOT's truth is of "
                "people"
            )
        notes.add(path, f"its only class, {min(kinds)}, counts as person")
        return found
    for one in found:
        if one.name not in PEOPLE:
            reason = "left out, its class is not person: MOT's truth is of people"
            notes.add(path, reason, f"frame {one.frame}, {one.name}")
    return [one for one in found if one.name in PEOPLE]

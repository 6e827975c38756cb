"""Reads rows of the MOTChallenge benchmarks' text format.

A row is ``frame,id,left,top,width,height,conf,…``. As TrackEval does, rows may also have spaces or
tabs between the numbers, and a comma at their end. A row that cannot be used is left out and noted.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals
from sightline.evaluation.notes import Notes
from sightline.evaluation.text_files import read_number, read_text

COLUMNS = 7
"""Columns that every row has: frame, id, left, top, width, height, conf."""

_WITHOUT_CONF = 6
_KITTI_COLUMNS = 17
_LARGEST_ID = 2.0**53  # beyond it a float skips whole numbers
MOST_FRAMES = 1_000_000  # one wrong number must not take the memory


class UnusableRow(Exception):
    """A row cannot be used; the text says why. Never leaves the readers."""


def read_rows(path: Path, notes: Notes) -> Reals:
    """All rows that can be used: (N, columns) float64, those that are short filled up with -1.

    Frames are counted from 1; a file with a frame 0 counts from 0, and is taken one higher.

    Raises:
        ConfigError: the file cannot be read, is of another format, or holds rows of which not one
            can be used; file and line are named.
    """
    rows: list[list[float]] = []
    seen: dict[tuple[float, float], list[float]] = {}
    first: str | None = None
    for number, line in enumerate(read_text(path).splitlines(), 1):
        words = _words(line)
        if not words or words[0].startswith("#"):
            continue
        if len(words) >= _KITTI_COLUMNS and words[2][:1].isalpha():
            raise ConfigError(
                f"{path}:{number}: this is KITTI's format, and not MOTChallenge's: write rows of "
                "frame,id,left,top,width,height,conf"
            )
        try:
            row = _row(path, words, notes, number)
            before = seen.setdefault((row[0], row[1]), row)
            if before is not row:
                raise UnusableRow(_twice(before, row))
        except UnusableRow as exc:
            heading = not rows and first is None and words[0][:1].isalpha()
            notes.add(path, f"left out, {'a heading' if heading else exc}", number)
            first = first or f"{path}:{number}: {exc}"
            continue
        rows.append(row)
    if first and not rows:
        raise ConfigError(f"{first}. Not one row can be used")
    return _table(path, rows, notes)


def _words(line: str) -> list[str]:
    for separator in (",", ";"):
        if separator in line:
            words = [word.strip() for word in line.split(separator)]
            while words and not words[-1]:
                words.pop()
            return words
    return line.split()


def _row(path: Path, words: list[str], notes: Notes, number: int) -> list[float]:
    try:
        row = [read_number(word) for word in words]
    except ValueError as exc:
        raise UnusableRow("this is no row of numbers") from exc
    if len(row) < _WITHOUT_CONF:
        raise UnusableRow(f"{len(row)} columns: frame,id,left,top,width,height,conf are needed")
    if len(row) == _WITHOUT_CONF:
        notes.add(path, "there is no conf, 1 is taken", number)
        row.append(1.0)
    if not all(math.isfinite(value) for value in row[:COLUMNS]):
        raise UnusableRow("every column must be a finite number")
    if row[0] < 0 or row[0] != int(row[0]):
        raise UnusableRow("frames are whole numbers from 1 on")
    if row[0] > MOST_FRAMES:
        raise UnusableRow(f"its frame is beyond {MOST_FRAMES}")
    if row[1] < 0 or row[1] != int(row[1]):
        raise UnusableRow("it has no track: ids are whole numbers from 0 on")
    if row[1] > _LARGEST_ID:
        raise UnusableRow("its id is too large to be told from others")
    if row[4] < 0 or row[5] < 0:
        raise UnusableRow("its width or height is negative")
    return row[:COLUMNS] + [value if abs(value) < _LARGEST_ID else -1.0 for value in row[COLUMNS:]]


def _twice(before: list[float], row: list[float]) -> str:
    if before[:_WITHOUT_CONF] == row[:_WITHOUT_CONF]:
        return "the row is there twice"
    return "its track is in the frame already, elsewhere (TrackEval refuses such a file)"


def _table(path: Path, rows: list[list[float]], notes: Notes) -> Reals:
    if not rows:
        return np.empty((0, 10))
    columns = max(len(row) for row in rows)
    short = sum(len(row) < columns for row in rows)
    if short:
        notes.add(path, f"rows have fewer than {columns} columns", f"{short} of {len(rows)} rows")
    table = np.array([row + [-1.0] * (columns - len(row)) for row in rows], np.float64)
    if (table[:, 0] == 0).any():
        notes.add(path, "there is a frame 0: frames are taken as counted from 0")
        table[:, 0] += 1
    return table


def within(path: Path, rows: Reals, length: int | None, notes: Notes) -> Reals:
    """The rows within a sequence of so many frames. Those beyond it are noted."""
    if length is None:
        return rows
    beyond = rows[:, 0] > length
    if beyond.any():
        reason = f"left out, its frame is beyond the {length} of seqinfo.ini"
        notes.add(path, reason, f"frame {rows[beyond][0, 0]:g}", count=int(beyond.sum()))
    return rows[~beyond]

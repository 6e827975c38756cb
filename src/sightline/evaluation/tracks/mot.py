"""Reads tracks in the text format of the MOTChallenge benchmarks, and brings both sides together.

A row is ``frame,id,left,top,width,height,conf,…``; frames and pixels are counted from 1. Ground
truth of MOT16 and later has nine columns, of which the eighth is a class; MOT15 has ten and none.
Leal-Taixé et al. 2015; Milan et al. 2016, section 4.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from scipy.optimize import linear_sum_assignment

from sightline.errors import ConfigError
from sightline.evaluation.comparison import EPS, Reals, overlaps, real_boxes
from sightline.evaluation.notes import Notes
from sightline.evaluation.text_files import read_text
from sightline.evaluation.tracks.mot_files import find_sequences, find_tracks, sequence_length
from sightline.evaluation.tracks.mot_rows import read_rows, within
from sightline.evaluation.tracks.track_outputs import output_rows
from sightline.types import Detections, Floats, Mask

__all__ = [
    "CLASS_NAMES",
    "TrackTruth",
    "find_sequences",
    "find_tracks",
    "pair",
    "pair_files",
    "read_tracks",
    "read_truth",
]

CLASS_NAMES = ("person",)

PEDESTRIAN = 1

DISTRACTORS = frozenset({2, 7, 8, 12})
"""Classes that tell nothing of a tracker, right or wrong: a person on a vehicle, one who stands
still, a dummy, a reflection."""

NON_MOT_VEHICLE = 6
"""A distractor in MOT20 only."""

_CLASS_COLUMN = 7
_CLASSES = range(1, 14)
_WITH_CLASSES = (8, 9)
"""Numbers of columns of rows that have a class, as in TrackEval."""

_VISDRONE_COLUMNS = 10
_NOTHING_COUNTS = (
    "holds no object that counts: rows need a conf other than 0 and, where there are eight or nine "
    "columns, class 1 (pedestrian)"
)
_THRESHOLD = 0.5
_MANY = 0.2
"""Share of found objects that are of another class, from which on that is told."""


@dataclass(frozen=True, eq=False)
class TrackTruth:
    """Ground truth of one sequence: of each frame all objects, and masks over them.

    Args:
        frames: all objects, of any kind, with their track ids; class ids are 0.
        counted: objects that are to be found.
        distractors: objects that a tracker may find or not.
    """

    frames: tuple[Detections, ...]
    counted: tuple[Mask, ...]
    distractors: tuple[Mask, ...]

    def first(self, frames: int | None) -> TrackTruth:
        """The first frames; all of them where it is None."""
        return TrackTruth(self.frames[:frames], self.counted[:frames], self.distractors[:frames])

    def only(self, numbers: Collection[int]) -> TrackTruth:
        """The same without the objects of other frames than those of these numbers, from 1."""
        kept = [i + 1 in numbers for i in range(len(self.frames))]
        nothing = np.zeros(0, np.bool_)
        pairs = zip(self.frames, self.counted, self.distractors, kept, strict=True)
        parts = [(f, c, d) if keep else (f[:0], nothing, nothing) for f, c, d, keep in pairs]
        frames, counted, distractors = zip(*parts, strict=True) if parts else ((), (), ())
        return TrackTruth(frames, counted, distractors)

    @property
    def annotated(self) -> list[int]:
        """The numbers, from 1, of the frames with an object that counts."""
        return [i for i, mask in enumerate(self.counted, 1) if mask.any()]


def read_truth(path: Path, *, sequence: str = "", notes: Notes | None = None) -> TrackTruth:
    """Read ground truth.

    Args:
        path: the file. ``seqinfo.ini`` beside it, or in the folder above, tells the number of
            frames.
        sequence: its name: in MOT20 vehicles are distractors.
        notes: what is left out is added.

    Raises:
        ConfigError: it cannot be read, or not one row can be used; file and line are named.

    Rows with a conf of 0 do not count, and where there are classes only pedestrians do. Whether
    any object counts is for the caller to say (see ``pair_files``).
    """
    notes = Notes() if notes is None else notes
    rows = within(path, read_rows(path, notes), sequence_length(path), notes)
    has_classes = _has_classes(path, rows, notes)
    frames, counted, distractors = [], [], []
    ignored = DISTRACTORS | ({NON_MOT_VEHICLE} if sequence.startswith("MOT20") else set())
    for of_frame in _frames(rows):
        valid = np.trunc(of_frame[:, 6]) != 0
        classes = (
            of_frame[:, _CLASS_COLUMN].astype(np.int64) if has_classes else np.full(len(valid), 1)
        )
        frames.append(_detections(of_frame))
        counted.append(valid & (classes == PEDESTRIAN))
        distractors.append(np.isin(classes, list(ignored)))
    return TrackTruth(tuple(frames), tuple(counted), tuple(distractors))


def read_tracks(
    path: Path, *, sequence: str = "", notes: Notes | None = None, length: int | None = None
) -> list[Detections]:
    """Read what a tracker found: the objects of each frame from 1 on, with their track ids.

    Args:
        path: a MOT file; or JSON lines, CSV or a COCO file of ``sightline track``.
        sequence: the stream that is wanted of a file that holds several.
        notes: what is left out is added.
        length: the number of frames of the sequence, where it is known.

    Raises:
        ConfigError: it cannot be read, or not one row can be used; file and line are named.
    """
    notes = Notes() if notes is None else notes
    rows = output_rows(path, read_text(path), sequence, notes)
    if rows is None:
        rows = within(path, read_rows(path, notes), length, notes)
        rows = _of_people(path, rows, notes)
    else:
        rows = within(path, rows, length, notes)
    return [_detections(of_frame) for of_frame in _frames(rows)]


def pair_files(
    truth: Path, predictions: Sequence[Path], notes: Notes
) -> dict[str, tuple[list[Detections], list[Detections]]]:
    """True and found objects that count, of each sequence, by its name.

    Args:
        truth: see ``find_sequences``.
        predictions: see ``find_tracks``.
        notes: what is left out is added.

    Raises:
        ConfigError: a file is missing or cannot be used, or in no sequence an object counts.
    """
    files = find_sequences(truth)
    chosen = find_tracks(predictions, list(files), notes)
    truths = {name: read_truth(file, sequence=name, notes=notes) for name, file in files.items()}
    check_counted(truths, files, notes)
    found = {
        name: read_tracks(chosen[name], sequence=name, notes=notes, length=sequence_length(file))
        for name, file in files.items()
    }
    for name, tracks in found.items():
        _note_other_kinds(chosen[name], truths[name], tracks, notes)
    return {name: pair(truths[name], found[name]) for name in files}


def check_counted(truths: dict[str, TrackTruth], files: dict[str, Path], notes: Notes) -> None:
    """Note sequences in which no object counts. Raises ConfigError where there are no others."""
    empty = [name for name, truth in truths.items() if not truth.annotated]
    if len(empty) == len(truths):
        raise ConfigError(f"{files[empty[0]]} {_NOTHING_COUNTS}")
    for name in empty:
        notes.add(files[name], "no object of the sequence counts", name)


def _note_other_kinds(
    path: Path, truth: TrackTruth, found: Sequence[Detections], notes: Notes
) -> None:
    """Note where many objects are of another class: without classes in the file, they all count as people."""
    total, others = sum(map(len, found)), 0
    for frame, counted, distractors, objects in zip(
        truth.frames, truth.counted, truth.distractors, found, strict=False
    ):
        rest = ~(counted | distractors)
        if rest.any() and len(objects):
            best = overlaps(real_boxes(frame), real_boxes(objects))
            on_others = best[rest].max(axis=0) > np.max(best[~rest], axis=0, initial=_THRESHOLD)
            others += int(on_others.sum())
    if others > _MANY * total:
        notes.add(
            path,
            f"{others} of its {total} objects lie where the truth has another class than person; they count "
            "as false, since MOT's rows have no class (sightline track --classes person leaves them out)",
        )


def _of_people(path: Path, rows: Reals, notes: Notes) -> Reals:
    """Found rows that may be of people: where the eighth column is a class, one up to 1.

    TrackEval refuses others. Positions in the world, which are no whole numbers, are no classes.
    """
    if rows.shape[1] <= _CLASS_COLUMN:
        return rows
    classes = rows[:, _CLASS_COLUMN]
    others = classes > PEDESTRIAN
    if not others.any() or (classes != np.floor(classes)).any():
        return rows
    reason = "left out, its class (column 8) is not 1: MOT's truth is of people"
    first = rows[others][0]
    notes.add(path, reason, f"frame {first[0]:g}, track {first[1]:g}", count=int(others.sum()))
    return rows[~others]


def _has_classes(path: Path, rows: Reals, notes: Notes) -> bool:
    columns = rows.shape[1]
    if columns in _WITH_CLASSES:
        classes = rows[:, _CLASS_COLUMN]
        if len(rows) and not np.isin(classes, list(_CLASSES)).any():
            notes.add(path, "no row has a class from 1 to 13: every row counts as a person")
            return False
        for kind in np.setdiff1d(classes, list(_CLASSES)).tolist():
            count = int((classes == kind).sum())
            notes.add(
                path, "does not count, its class is none of MOT's", f"class {kind:g}", count=count
            )
        return True
    if columns == _VISDRONE_COLUMNS and len(rows):
        kinds, rest = rows[:, _CLASS_COLUMN], rows[:, _CLASS_COLUMN + 1 :]
        if (kinds >= 0).all() and len(np.unique(kinds)) > 1 and np.isin(rest, (0, 1, 2)).all():
            notes.add(path, "this looks like VisDrone's format: its classes count as one")
    return False


def pair(
    truth: TrackTruth, found: Sequence[Detections]
) -> tuple[list[Detections], list[Detections]]:
    """True and found objects that count, of equally many frames.

    What was found on a distractor is left out: as in TrackEval, objects are matched with all of
    the truth first, by overlap, and those that go with a distractor are dropped.
    """
    n = max(len(truth.frames), len(found))
    nothing = Detections(*_nothing(), np.empty(0, np.int64), class_names=CLASS_NAMES)
    left = []
    for i in range(n):
        objects = found[i] if i < len(found) else nothing
        if i < len(truth.frames) and truth.distractors[i].any():
            objects = objects[_not_on(truth.frames[i], truth.distractors[i], objects)]
        left.append(objects)
    kept = [frame[mask] for frame, mask in zip(truth.frames, truth.counted, strict=True)]
    return kept + [nothing] * (n - len(kept)), left


def _not_on(truth: Detections, distractors: Mask, found: Detections) -> Mask:
    """Which of the found objects do not go with a distractor."""
    iou = overlaps(real_boxes(truth), real_boxes(found))
    iou[iou < _THRESHOLD - EPS] = 0
    rows, columns = linear_sum_assignment(iou, maximize=True)
    keep = np.ones(len(found), np.bool_)
    keep[columns[(iou[rows, columns] > 0) & distractors[rows]]] = False
    return keep


def _frames(rows: np.ndarray) -> list[np.ndarray]:
    """The rows of each frame from 1 to the last, in their order."""
    if not len(rows):
        return []
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    ends = np.searchsorted(rows[:, 0], np.arange(1, int(rows[-1, 0])), side="right")
    return np.split(rows, ends)


def _detections(rows: np.ndarray) -> Detections:
    boxes = rows[:, 2:6].copy()
    boxes[:, :2] -= 1
    boxes[:, 2:] += boxes[:, :2]
    # In double precision, as read, so that overlaps meet thresholds as in TrackEval.
    return Detections(
        cast("Floats", boxes),
        rows[:, 6].astype(np.float32),
        np.zeros(len(rows), np.int64),
        rows[:, 1].astype(np.int64),
        class_names=CLASS_NAMES,
    )


def _nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    empty = Detections.empty()
    return empty.boxes, empty.scores, empty.class_ids

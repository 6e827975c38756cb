"""Reads tracks in the text format of the MOTChallenge benchmarks.

A row is ``frame,id,left,top,width,height,conf,…``; frames and pixels are counted from 1. Ground
truth of MOT16 and later has nine columns, of which the eighth is a class; MOT15 has ten and none.
Leal-Taixé et al. 2015; Milan et al. 2016, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from sightline.errors import ConfigError
from sightline.evaluation.comparison import EPS, overlaps, real_boxes
from sightline.evaluation.text_files import read_text, refuse
from sightline.types import Detections, Mask

CLASS_NAMES = ("person",)

PEDESTRIAN = 1

DISTRACTORS = frozenset({2, 7, 8, 12})
"""Classes that tell nothing of a tracker, right or wrong: a person on a vehicle, one who stands
still, a dummy, a reflection."""

NON_MOT_VEHICLE = 6
"""A distractor in MOT20 only."""

_THRESHOLD = 0.5

_MOST_FRAMES = 1_000_000  # one wrong number must not take the memory


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


def find_sequences(path: Path) -> dict[str, Path]:
    """Ground truth files by the names of their sequences.

    Args:
        path: a ``gt.txt``; a sequence's folder with ``gt/gt.txt`` or ``gt.txt`` in it; or a folder
            of such folders.

    Raises:
        ConfigError: there is none.
    """
    if path.is_file():
        folder = path.resolve().parent
        return {(folder.parent if folder.name == "gt" else folder).name: path}
    for file in (path / "gt" / "gt.txt", path / "gt.txt"):
        if file.is_file():
            return {path.resolve().name: file}
    folders = sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
    found = {
        folder.name: file
        for folder in folders
        for file in (folder / "gt.txt", folder / "gt" / "gt.txt")
        if file.is_file()
    }
    if not found:
        raise ConfigError(
            f"{path} holds no ground truth of tracks: give a gt.txt, a folder with gt/gt.txt in "
            "it, or a folder of such folders"
        )
    return found


def find_tracks(paths: Sequence[Path], sequences: Sequence[str]) -> dict[str, Path]:
    """The file with the tracks of each sequence.

    Args:
        paths: files, or folders of ``.txt`` files, named like the sequences. A single file goes
            with a single sequence whatever it is called.
        sequences: the names for which there must be one file each.

    Raises:
        ConfigError: one is missing or too many, or a path is not there.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path} is not there: check the path")
        files += sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if len(files) == len(sequences) == 1:
        return {sequences[0]: files[0]}
    found: dict[str, Path] = {}
    for file in files:
        if file.stem not in sequences or file.stem in found:
            raise ConfigError(
                f"{file} goes with no sequence of its own: there are {', '.join(sequences)}, and "
                "each needs one file of its name"
            )
        found[file.stem] = file
    if missing := [name for name in sequences if name not in found]:
        raise ConfigError(f"there are no tracks of {', '.join(missing)}: each needs one NAME.txt")
    return found


def read_truth(path: Path, *, sequence: str = "") -> TrackTruth:
    """Read ground truth.

    Args:
        path: the file.
        sequence: its name: in MOT20 vehicles are distractors.

    Raises:
        ConfigError: it cannot be read, is malformed, or no object in it counts; file and line are
            named.

    Rows with a conf of 0 do not count, and where there are classes only pedestrians do.
    """
    rows = _read_rows(path)
    has_classes = rows.shape[1] == 9
    frames, counted, distractors = [], [], []
    ignored = DISTRACTORS | ({NON_MOT_VEHICLE} if sequence.startswith("MOT20") else set())
    for of_frame in _frames(rows):
        valid = of_frame[:, 6].astype(np.int64) != 0
        classes = of_frame[:, 7].astype(np.int64) if has_classes else np.full(len(valid), 1)
        frames.append(_detections(of_frame))
        counted.append(valid & (classes == PEDESTRIAN))
        distractors.append(np.isin(classes, list(ignored)))
    if not any(mask.any() for mask in counted):
        raise ConfigError(
            f"{path} holds no object that counts: rows need a conf other than 0 and, where there "
            "are nine columns, class 1 (pedestrian)"
        )
    return TrackTruth(tuple(frames), tuple(counted), tuple(distractors))


def read_tracks(path: Path) -> list[Detections]:
    """Read what a tracker found: the objects of each frame from 1 on, with their track ids.

    Raises:
        ConfigError: it cannot be read or is malformed; file and line are named.
    """
    return [_detections(rows) for rows in _frames(_read_rows(path))]


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


def _read_rows(path: Path) -> np.ndarray:
    """All rows, (N, columns) float64."""
    rows: list[list[float]] = []
    seen: dict[tuple[float, float], int] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = [float(word) for word in line.split(",")]
        except ValueError as exc:
            refuse(path, number, f"this is no row of numbers with commas between them: {exc}")
        _check(path, number, row)
        if rows and len(row) != len(rows[0]):
            refuse(path, number, f"{len(row)} columns, where the rows before have {len(rows[0])}")
        if (before := seen.setdefault((row[0], row[1]), number)) != number:
            refuse(
                path, number, f"track {row[1]:g} is in frame {row[0]:g} twice: see line {before}"
            )
        rows.append(row)
    return np.array(rows, np.float64) if rows else np.empty((0, 10))


def _check(path: Path, number: int, row: list[float]) -> None:
    if len(row) < 7:
        refuse(path, number, f"{len(row)} columns: frame,id,left,top,width,height,conf are needed")
    if not all(math.isfinite(value) for value in row):
        refuse(path, number, "every column must be a finite number")
    if row[0] < 1 or row[0] != int(row[0]):
        refuse(path, number, f"frame {row[0]:g}: frames are whole numbers from 1 on")
    if row[0] > _MOST_FRAMES:
        refuse(path, number, f"frame {row[0]:g}: more than {_MOST_FRAMES} frames are too many")
    if row[1] < 0 or row[1] != int(row[1]):
        refuse(
            path, number, f"id {row[1]:g}: this object has no track; track ids are whole numbers"
        )
    if row[4] < 0 or row[5] < 0:
        refuse(path, number, f"the width or height, {row[4]:g} x {row[5]:g}, is negative")


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
    return Detections(
        boxes.astype(np.float32),
        rows[:, 6].astype(np.float32),
        np.zeros(len(rows), np.int64),
        rows[:, 1].astype(np.int64),
        class_names=CLASS_NAMES,
    )


def _nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    empty = Detections.empty()
    return empty.boxes, empty.scores, empty.class_ids

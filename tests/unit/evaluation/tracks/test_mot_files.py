"""MOT files as people have them: the scores are TrackEval's, or a note says why not.

Each case writes the same tracks in another way. What comes out of the plain files must come out,
and that is what TrackEval makes of them.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.evaluation.trackeval_results import theirs

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.tracking import TrackingScores, score_sequences
from sightline.evaluation.tracks import mot

Row = list[float]
FRAMES = 30


@dataclass
class Tracks:
    """Rows of the truth (nine columns) and of a tracker (ten), and how they are written."""

    folder: Path
    truth: list[Row]
    found: list[Row]
    sequence: str = "MOT17-02"
    files: dict[str, Path] = field(default_factory=dict)

    def write(
        self,
        truth: Callable[[Row], str] | None = None,
        found: Callable[[Row], str] | None = None,
        *,
        head: str = "",
        end: str = "\n",
        encoding: str = "utf-8",
    ) -> tuple[Path, Path]:
        gt = self.folder / "gt" / self.sequence / "gt" / "gt.txt"
        results = self.folder / "results" / f"{self.sequence}.txt"
        for path, rows, make in ((gt, self.truth, truth), (results, self.found, found)):
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join((make or with_commas)(row) + end for row in rows)
            path.write_bytes(((head if path == results else "") + text).encode(encoding))
        return self.folder / "gt", results.parent


def with_commas(row: Row) -> str:
    return ",".join(f"{value:g}" for value in row)


@pytest.fixture
def tracks(tmp_path: Path) -> Tracks:
    """Six tracks, one of them a dummy and one a car, and a tracker that misses and switches."""
    rng = np.random.default_rng(5)
    truth: list[Row] = []
    found: list[Row] = []
    for track, kind in enumerate((1, 1, 1, 1, 8, 3), 1):
        x, y = rng.integers(10, 500, 2)
        for frame in range(1, FRAMES + 1):
            box = [float(x + 3 * frame), float(y + frame), 40.0, 80.0]
            conf = 0 if kind == 8 or frame == 7 else 1
            truth.append([frame, track, *box, conf, kind, 1])
            if rng.random() < 0.8:
                shift = np.round(rng.normal(0, 5, 4))
                name = track + 20 if frame > 18 and track == 2 else track
                found.append([frame, name, *(np.array(box) + shift).tolist(), 0.9, -1, -1, -1])
    return Tracks(tmp_path, sorted(truth), sorted(found))


def scores(truth: Path, found: Path) -> tuple[dict[str, float], tuple[str, ...]]:
    notes = Notes()
    total, _ = score_sequences(mot.pair_files(truth, [found], notes))
    return plain(total), notes.lines()


def plain(total: TrackingScores) -> dict[str, float]:
    found = asdict(total)
    del found["per_class"], found["notes"]
    return found


@dataclass(frozen=True)
class Case:
    """Writes files; ``note`` is what the result must say, "" for nothing at all."""

    write: Callable[[Tracks], tuple[Path, Path]]
    note: str = ""


def found_as(make: Callable[[Row], str], **options: Any) -> Callable[[Tracks], tuple[Path, Path]]:
    return lambda tracks: tracks.write(found=make, **options)


def more_found(*rows: Row | str) -> Callable[[Tracks], tuple[Path, Path]]:
    """A case with further rows behind those of the tracker."""

    def write(tracks: Tracks) -> tuple[Path, Path]:
        truth, found = tracks.write()
        text = "".join((r if isinstance(r, str) else with_commas(r)) + "\n" for r in rows)
        with (found / f"{tracks.sequence}.txt").open("a") as file:
            file.write(text)
        return truth, found

    return write


def twice(tracks: Tracks) -> tuple[Path, Path]:
    tracks.truth = [row for row in tracks.truth for _ in range(2)]
    return tracks.write()


def from_zero(tracks: Tracks) -> tuple[Path, Path]:
    return tracks.write(found=lambda row: with_commas([row[0] - 1, *row[1:]]))


def seqinfo(tracks: Tracks) -> tuple[Path, Path]:
    truth, found = more_found([FRAMES + 1, 1, 5, 5, 9, 9, 1, -1, -1, -1])(tracks)
    text = f"[Sequence]\r\nname={tracks.sequence}\r\nseqLength={FRAMES}\r\nimExt=.jpg\r\n"
    (truth / tracks.sequence / "seqinfo.ini").write_text(text)
    return truth, found


def other_files(tracks: Tracks) -> tuple[Path, Path]:
    truth, found = tracks.write()
    (found / "pedestrian_summary.txt").write_text("HOTA DetA AssA\n40 50 60\n")
    (found / "readme.txt").write_text("tracked on Monday\n")
    (found / "._MOT17-02.txt").write_bytes(b"\0\5\x16\7Mac")
    return truth, found


def data_folder(tracks: Tracks) -> tuple[Path, Path]:
    """As TrackEval has it: results/data/NAME.txt, its own summary above."""
    truth, found = tracks.write()
    (found / "data").mkdir()
    (found / f"{tracks.sequence}.txt").rename(found / "data" / f"{tracks.sequence}.txt")
    (found / "pedestrian_summary.txt").write_text("HOTA DetA AssA\n40 50 60\n")
    return truth, found


def an_empty_sequence(tracks: Tracks) -> tuple[Path, Path]:
    """A second one in which nothing counts, and nothing was found."""
    truth, found = tracks.write()
    (truth / "MOT17-03" / "gt").mkdir(parents=True)
    (truth / "MOT17-03" / "gt" / "gt.txt").write_text("1,1,5,5,9,9,0,8,1\n")
    (found / "MOT17-03.txt").write_text("")
    return truth, found


def no_classes(tracks: Tracks) -> tuple[Path, Path]:
    """People's own truth: -1 for the class. What does not count is not written."""
    tracks.truth = [row for row in tracks.truth if row[7] == 1]
    tracks.found = [row for row in tracks.found if row[1] not in (5, 6)]
    return tracks.write(truth=lambda row: with_commas([*row[:7], -1, -1]))


CASES: dict[str, Case] = {
    "plain": Case(lambda t: t.write()),
    "commas at the end": Case(lambda t: t.write(lambda r: with_commas(r) + ",", lambda r: with_commas(r) + " , ")),
    "spaces after commas": Case(found_as(lambda r: ", ".join(f"{v:g}" for v in r))),
    "spaces": Case(found_as(lambda r: " ".join(f"{v:g}" for v in r) + " ")),
    "tabs": Case(found_as(lambda r: "\t".join(f"{v:g}" for v in r))),
    "semicolons": Case(found_as(lambda r: ";".join(f"{v:g}" for v in r))),
    "Windows": Case(lambda t: t.write(end="\r\n")),
    "blank lines": Case(lambda t: t.write(end="\n\n")),
    "a mark": Case(lambda t: t.write(encoding="utf-8-sig")),
    "UTF-16": Case(lambda t: t.write(encoding="utf-16")),
    "floats": Case(found_as(lambda r: ",".join(f"{v:.6f}" for v in r))),
    "seven columns": Case(found_as(lambda r: with_commas(r[:7]))),
    "six columns": Case(found_as(lambda r: with_commas(r[:6])), "there is no conf"),
    "a heading": Case(found_as(with_commas, head="frame,id,x,y,w,h,conf,a,b,c\n"), "a heading"),
    "a comment": Case(found_as(with_commas, head="# made by hand\n")),
    "from 0": Case(from_zero, "frames are taken as counted from 0"),
    "ids of -1": Case(more_found([3, -1, 5, 5, 9, 9, 1, -1, -1, -1]), "it has no track.*: 1"),
    "an id beyond all": Case(more_found([3, 1e30, 5, 5, 9, 9, 1, -1, -1, -1]), "too large to be told"),
    "a class that is no number": Case(
        lambda t: t.write(found=lambda r: with_commas(r[:7]) + ",nan,inf,-1")
    ),
    "a row of text": Case(more_found("hello, world"), "no row of numbers: 1"),
    "a short row": Case(more_found("3,4,5"), "3 columns"),
    "a negative width": Case(more_found([3, 77, 5, 5, -9, 9, 1, -1, -1, -1]), "is negative"),
    "a track twice": Case(more_found([30, 22, 5, 5, 9, 9, 1, -1, -1, -1]), "in the frame already"),
    "rows twice": Case(twice, "the row is there twice"),
    "beyond the sequence": Case(seqinfo, "beyond the 30 of seqinfo.ini: 1"),
    "cars": Case(more_found([3, 88, 5, 5, 9, 9, 1, 3, -1, -1]), r"class \(column 8\) is not 1"),
    "other text files": Case(other_files, "pedestrian_summary.txt|readme.txt"),
    "TrackEval's folders": Case(data_folder, "pedestrian_summary.txt"),
    "a sequence in which nothing counts": Case(an_empty_sequence, "no object of the sequence counts"),
    "no classes": Case(no_classes, "every row counts as a person"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_equals_the_plain_files_or_says_why(tracks: Tracks, case: Case, tmp_path: Path) -> None:
    expected, _ = scores(*Tracks(tmp_path / "plain", tracks.truth, tracks.found).write())
    truth, found = case.write(tracks)
    if case.write is no_classes:
        plainly = Tracks(tmp_path / "without", tracks.truth, tracks.found)
        expected, _ = scores(*plainly.write())
    ours, notes = scores(truth, found)
    assert ours == pytest.approx(expected, abs=1e-9)
    assert 0.2 < ours["hota"] < 0.9
    assert ours["switches"] > 0
    if case.note:
        assert re.search(case.note, "\n".join(notes))
    else:
        assert notes == ()


@pytest.mark.parametrize("sequence", ["MOT17-02", "MOT20-02"])
def test_plain_files_equal_trackeval(tracks: Tracks, sequence: str) -> None:
    tracks.sequence = sequence
    tracks.truth = [[*row[:7], 6 if row[7] == 3 else row[7], 1] for row in tracks.truth]
    truth, found = tracks.write()
    ours, notes = scores(truth, found)
    assert notes == ()
    assert ours == pytest.approx(by_trackeval(tracks), abs=1e-4)


def by_trackeval(tracks: Tracks) -> dict[str, float]:
    """What TrackEval makes of the files: its own reader, its own rules."""
    reason = "TrackEval is not here: pip install --no-deps trackeval"
    with contextlib.redirect_stdout(io.StringIO()):
        trackeval = pytest.importorskip("trackeval", reason=reason)
        benchmark = tracks.sequence.partition("-")[0]
        results = tracks.folder / "trackers" / "ours" / "data"
        results.mkdir(parents=True)
        file = f"{tracks.sequence}.txt"
        (results / file).write_bytes((tracks.folder / "results" / file).read_bytes())
        dataset = trackeval.datasets.MotChallenge2DBox(
            {
                "GT_FOLDER": str(tracks.folder / "gt"),
                "TRACKERS_FOLDER": str(tracks.folder / "trackers"),
                "BENCHMARK": benchmark, "SKIP_SPLIT_FOL": True, "PRINT_CONFIG": False,
                "SEQ_INFO": {tracks.sequence: FRAMES},
            }
        )  # fmt: skip
        raw = dataset.get_raw_seq_data("ours", tracks.sequence)
        data = dataset.get_preprocessed_seq_data(raw, "pedestrian")
        quiet = {"PRINT_CONFIG": False}
        metrics = trackeval.metrics
        found: dict[str, Any] = {}
        for metric in (metrics.HOTA(), metrics.CLEAR(quiet), metrics.Identity(quiet)):
            found |= metric.eval_sequence(data)
    return theirs(found)


def test_other_formats_are_refused(tracks: Tracks) -> None:
    kitti = "0 1 Car 0 0 -1.57 599 156 629 189 2.85 2.63 12.34 0.47 1.49 69.44 -1.56\n"
    truth, found = tracks.write()
    (found / f"{tracks.sequence}.txt").write_text(kitti)
    with pytest.raises(ConfigError, match=r"MOT17-02.txt:1: this is KITTI's format"):
        scores(truth, found)

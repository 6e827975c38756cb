"""Tracking scores: cases that can be worked out by hand, and equality with TrackEval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.evaluation.track_frames import FAR, PERFECT, A, B, Frames, N, frame, numbers, still
from tests.unit.evaluation.trackeval_results import theirs

from sightline.evaluation.comparison import overlaps, real_boxes
from sightline.evaluation.tracking import score_sequences, score_tracks
from sightline.evaluation.tracks import mot
from sightline.tracking.bytetrack import ByteTrack
from sightline.types import Detections

CASES = (
        pytest.param(still(ids=(8, 7)), {}, id="perfect"),
        pytest.param(
            [*still(N - 1), frame([2], [B])],
            {
                "misses": 1, "mota": 19 / 20, "deta": 19 / 20, "idr": 19 / 20, "idf1": 38 / 39,
                "assa": (9 * 9 / 10 + 10) / 19, "hota": np.sqrt(19 / 20 * (8.1 + 10) / 19),
            },
            id="one miss",
        ),
        pytest.param(
            [*still(N - 1), frame([1, 2, 3], [A, B, FAR])],
            {
                "false_positives": 1, "mota": 19 / 20, "deta": 20 / 21, "idp": 20 / 21,
                "idf1": 40 / 41, "hota": np.sqrt(20 / 21),
            },
            id="one false positive",
        ),
        pytest.param(
            [*still(5), *still(5, ids=(3, 2))],
            {
                "switches": 1, "mota": 19 / 20, "idf1": 15 / 20, "idp": 15 / 20, "idr": 15 / 20,
                # five frames of each half are together, of ten that either is there
                "assa": (10 * 5 / 10 + 10) / 20, "hota": np.sqrt(15 / 20),
            },
            id="one id switch",
        ),
        pytest.param(
            [*still(5), *still(5, ids=(2, 1))],
            {
                "switches": 2, "mota": 18 / 20, "idf1": 0.5, "idp": 0.5, "idr": 0.5,
                # five together, of the fifteen that either is there
                "assa": 1 / 3, "hota": np.sqrt(1 / 3),
            },
            id="swapped ids",
        ),
        pytest.param(
            [*still(4), frame([2], [B]), *still(5)],
            {
                "misses": 1, "fragments": 1, "mota": 19 / 20, "deta": 19 / 20, "idr": 19 / 20,
                "idf1": 38 / 39, "assa": 18.1 / 19, "hota": np.sqrt(18.1 / 20),
            },
            id="interrupted",
        ),
        pytest.param(
            [frame([1], [A])] * N,
            {
                "misses": 10, "mota": 0.5, "deta": 0.5, "idr": 0.5, "idf1": 2 / 3,
                "mostly_tracked": 1, "mostly_lost": 1, "hota": np.sqrt(0.5),
            },
            id="one never found",
        ),
        pytest.param(
            [frame([], [])] * N,
            dict.fromkeys(PERFECT, 0) | {"loca": 1, "misses": 20, "mostly_lost": 2},
            id="empty predictions",
        ),
        pytest.param(
            [frame([1, 2], [[0, 0, 10, 5], B])] * N,
            {
                # an overlap of 0.5 is a match up to alpha 0.5: ten of nineteen
                "motp": 0.75, "loca": (10 * 0.75 + 9) / 19, "deta": (10 + 9 / 3) / 19,
                "hota": (10 + 9 * np.sqrt(1 / 3)) / 19,
            },
            id="half a box",
        ),
)  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), CASES)
def test_by_hand(found: Frames, expected: dict[str, float]) -> None:
    scores = score_tracks(still(), found)
    assert numbers(scores) == pytest.approx(PERFECT | expected)
    assert numbers(scores.per_class["0"]) == numbers(scores)


@pytest.mark.parametrize(("found", "_expected"), CASES)
def test_cases_equal_trackeval(found: Frames, _expected: dict[str, float]) -> None:
    assert numbers(score_tracks(still(), found)) == pytest.approx(by_trackeval([(still(), found)]))


def test_empty_truth() -> None:
    empty = [frame([], [])] * N
    scores = numbers(score_tracks(empty, still()))
    assert scores == dict.fromkeys(PERFECT, 0) | {"loca": 1, "false_positives": 20}


def test_empty_truth_equals_trackeval() -> None:
    """One sequence without truth by itself, and among others."""
    empty = ([frame([], [])] * N, still())
    single, both = score_tracks(*empty), {"a": empty, "b": walk(3)}
    assert numbers(single) == pytest.approx(by_trackeval([empty]))
    assert numbers(score_sequences(both)[0]) == pytest.approx(by_trackeval(list(both.values())))


def test_nothing_at_all() -> None:
    assert numbers(score_tracks([], [])) == dict.fromkeys(PERFECT, 0) | {"loca": 1}


def test_classes_do_not_match_each_other() -> None:
    truth = [frame([1, 2, 3], [A, B, FAR], [0, 4, 4])] * N
    found = [frame([1, 2], [A, B], [0, 0])] * N
    scores = score_tracks(truth, found)
    assert (scores.misses, scores.false_positives, scores.mota) == (20, 10, 0)
    assert list(scores.per_class) == ["0", "4"]
    assert scores.per_class["0"].misses == 0
    assert scores.per_class["0"].false_positives == 10
    assert scores.per_class["4"].misses == 20
    assert scores.per_class["4"].false_positives == 0


def walk(seed: int, frames: int = 40, tracks: int = 6) -> tuple[Frames, Frames]:
    """Objects that wander, and a bad tracker: misses, jitter, switches, ghosts, empty frames."""
    rng = np.random.default_rng(seed)
    at, side = rng.uniform(0, 60, (tracks, 2)), rng.uniform(8, 30, (tracks, 2))
    names = np.arange(tracks)
    truth, found = [], []
    for i in range(frames):
        at += rng.normal(0, 2, at.shape)
        there = rng.random(tracks) < 0.85
        boxes = np.concatenate((at, at + side), axis=1)
        truth.append(frame(np.flatnonzero(there).tolist(), boxes[there].tolist()))
        if rng.random() < 0.1:
            names = rng.permutation(names)
        if rng.random() < 0.03:
            names = names + 20
        seen = there & (rng.random(tracks) < 0.8) & (i % 11 != 5)
        ids = [*names[seen].tolist(), *(rng.integers(900, 905, 1).tolist() if i % 3 == 0 else [])]
        jittered = boxes[seen] + rng.normal(0, 2.5, (seen.sum(), 4))
        ghosts = rng.uniform(0, 80, (len(ids) - len(jittered), 2))
        all_boxes = [*jittered.tolist(), *np.hstack((ghosts, ghosts + 15)).tolist()]
        found.append(frame(ids, all_boxes))
    truth[7] = frame([], [])
    return truth, found


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_names_of_ids_do_not_count(seed: int) -> None:
    truth, found = walk(seed, frames=15)
    renamed = [
        Detections(f.boxes, f.scores, f.class_ids, 5000 - f.track_ids)
        for f in found
        if f.track_ids is not None
    ]
    assert numbers(score_tracks(truth, renamed)) == pytest.approx(
        numbers(score_tracks(truth, found))
    )


def trackeval_metrics() -> Any:
    return pytest.importorskip(
        "trackeval.metrics", reason="TrackEval is not here: pip install --no-deps trackeval"
    )


def relabelled(frames: Frames) -> tuple[list[np.ndarray], int]:
    ids = [f.track_ids for f in frames if f.track_ids is not None]
    known = np.unique(np.concatenate(ids))
    return [np.searchsorted(known, i) for i in ids], len(known)


def by_trackeval(sequences: list[tuple[Frames, Frames]]) -> dict[str, float]:
    metrics = trackeval_metrics()
    quiet = {"PRINT_CONFIG": False}
    results: dict[str, dict[str, float]] = {}
    for metric in (metrics.HOTA(), metrics.CLEAR(quiet), metrics.Identity(quiet)):
        each = {}
        for number, (truth, found) in enumerate(sequences):
            (gt_ids, n_gt), (tracker_ids, n_tracker) = relabelled(truth), relabelled(found)
            each[str(number)] = metric.eval_sequence(
                {
                    "gt_ids": gt_ids,
                    "tracker_ids": tracker_ids,
                    "num_gt_ids": n_gt,
                    "num_tracker_ids": n_tracker,
                    "num_gt_dets": sum(map(len, truth)),
                    "num_tracker_dets": sum(map(len, found)),
                    "num_timesteps": len(truth),
                    "similarity_scores": [
                        overlaps(real_boxes(t), real_boxes(f))
                        for t, f in zip(truth, found, strict=True)
                    ],
                }
            )
        results |= each["0"] if len(each) == 1 else metric.combine_sequences(each)
    return theirs(results)


@pytest.mark.parametrize("seed", range(5))
def test_equals_trackeval_on_random_tracks(seed: int) -> None:
    truth, found = walk(seed)
    scores = numbers(score_tracks(truth, found))
    assert 0.1 < scores["hota"] < 0.9
    assert scores["switches"] > 3
    assert scores["fragments"] > 3
    assert scores == pytest.approx(by_trackeval([(truth, found)]), abs=1e-9)


def test_equals_trackeval_over_sequences() -> None:
    pairs = {str(seed): walk(seed, frames=10 + 9 * seed) for seed in range(3)}
    combined, each = score_sequences(pairs)
    assert numbers(combined) == pytest.approx(by_trackeval(list(pairs.values())), abs=1e-9)
    for name, pair in pairs.items():
        assert numbers(each[name]) == pytest.approx(by_trackeval([pair]), abs=1e-9)


def write_mot17(folder: Path, seed: int) -> tuple[Path, Path]:
    """A MOT17 sequence with classes, distractors and zero-marked rows, and tracks of it."""
    rng = np.random.default_rng(seed)
    truth, found = walk(seed, frames=30, tracks=12)
    kinds = np.array([1, 1, 1, 1, 2, 7, 8, 12, 3, 1, 1, 9])
    sequence = folder / "gt" / "MOT17-train" / "MOT17-99"
    (sequence / "gt").mkdir(parents=True)
    (sequence / "seqinfo.ini").write_text("[Sequence]\nname=MOT17-99\nseqLength=30\n")
    tracks = folder / "trackers" / "MOT17-train" / "ours" / "data" / "MOT17-99.txt"
    tracks.parent.mkdir(parents=True)
    rows: list[list[str]] = [[], []]
    for side, frames in enumerate((truth, found)):
        for number, objects in enumerate(frames, 1):
            assert objects.track_ids is not None
            for (x1, y1, x2, y2), track in zip(objects.boxes, objects.track_ids, strict=True):
                box = f"{number},{track + 1},{x1 + 1:.2f},{y1 + 1:.2f},{x2 - x1:.2f},{y2 - y1:.2f}"
                counted = int(rng.random() < 0.9)
                end = f"{counted},{kinds[track]},1" if side == 0 else "0.9,-1,-1,-1"
                rows[side].append(f"{box},{end}")
    (sequence / "gt" / "gt.txt").write_text("\n".join(rows[0]) + "\n")
    tracks.write_text("\n".join(rows[1]) + "\n")
    return sequence, tracks


def test_equals_trackeval_on_mot17_files(tmp_path: Path) -> None:
    metrics = trackeval_metrics()
    import trackeval

    sequence, tracks = write_mot17(tmp_path, seed=4)
    quiet = {"PRINT_CONFIG": False}
    dataset = trackeval.datasets.MotChallenge2DBox(
        quiet
        | {
            "GT_FOLDER": str(tmp_path / "gt"),
            "TRACKERS_FOLDER": str(tmp_path / "trackers"),
            "SEQ_INFO": {"MOT17-99": None},
            "BENCHMARK": "MOT17",
            "OUTPUT_FOLDER": str(tmp_path / "out"),
        }
    )
    raw = dataset.get_raw_seq_data("ours", "MOT17-99")
    prepared = dataset.get_preprocessed_seq_data(raw, "pedestrian")
    results: dict[str, Any] = {}
    for metric in (metrics.HOTA(), metrics.CLEAR(quiet), metrics.Identity(quiet)):
        results |= metric.eval_sequence(prepared)
    ((name, file),) = mot.find_sequences(sequence).items()
    pair = mot.pair(mot.read_truth(file, sequence=name), mot.read_tracks(tracks))
    assert sum(map(len, pair[1])) < sum(map(len, mot.read_tracks(tracks)))
    assert numbers(score_tracks(*pair)) == pytest.approx(theirs(results), abs=1e-4)


def test_real_footage(data: Path) -> None:
    folder = data / "tracking" / "TUD-Stadtmitte"
    if not folder.is_dir():
        pytest.skip(f"no tracking data at {folder}")
    truth = mot.read_truth(folder / "gt.txt")
    table = np.loadtxt(folder / "det.txt", delimiter=",")
    tracker, found = ByteTrack(), []
    for number in range(1, len(truth.frames) + 1):
        rows = table[table[:, 0] == number]
        boxes = rows[:, 2:6] - [1, 1, 0, 0]
        boxes[:, 2:] += boxes[:, :2]
        found.append(
            tracker.update(
                Detections(
                    boxes.astype(np.float32),
                    rows[:, 6].astype(np.float32),
                    np.zeros(len(rows), np.int64),
                ),
                number / 25,
            )
        )
    pair = mot.pair(truth, found)
    scores = numbers(score_tracks(*pair))
    assert sum(map(len, pair[0])) == 1156
    assert scores["hota"] > 0.5
    assert scores["mota"] > 0.7
    assert scores == pytest.approx(by_trackeval([pair]), abs=1e-4)

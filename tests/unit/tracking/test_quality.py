"""Quality of the trackers on real footage: MOTA (CLEAR) and IDF1 (Identity) at IoU 0.5.

The scorer follows TrackEval's definitions: matches of the frame before are kept first, and an
identity switch is counted against the last match of a true object however long ago.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from sightline.protocols import Tracker
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.ocsort import OCSORT
from sightline.types import Detections

Frames = dict[int, tuple[np.ndarray, np.ndarray]]
"""Frame number -> ids (N,) and boxes (N, 4) xyxy."""


def read_mot(path: Path) -> dict[int, np.ndarray]:
    """Rows of each frame: id, x1, y1, x2, y2, confidence."""
    table = np.loadtxt(path, delimiter=",")
    table[:, 4:6] += table[:, 2:4]
    return {int(n): table[table[:, 0] == n, 1:7] for n in np.unique(table[:, 0])}


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(x[:, 2:] - x[:, :2], axis=1) for x in (a, b)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-12)


def score(truth: Frames, tracked: Frames, threshold: float = 0.5) -> dict[str, float]:
    """MOTA, IDF1 and the number of identity switches."""
    nothing = (np.empty(0, int), np.empty((0, 4)))
    frames = sorted(truth.keys() | tracked.keys())
    truths = [truth.get(f, nothing) for f in frames]
    tracks = [tracked.get(f, nothing) for f in frames]
    true_ids = np.unique(np.concatenate([ids for ids, _ in truths]))
    own_ids = np.unique(np.concatenate([ids for ids, _ in tracks]))
    together = np.zeros((len(true_ids), len(own_ids)))
    last: dict[int, int] = {}
    before: dict[int, int] = {}
    hits = switches = 0
    for (t_ids, t_boxes), (o_ids, o_boxes) in zip(truths, tracks, strict=True):
        close = iou(t_boxes, o_boxes)
        fits = close >= threshold - np.finfo(float).eps
        np.add.at(
            together,
            np.ix_(np.searchsorted(true_ids, t_ids), np.searchsorted(own_ids, o_ids)),
            fits,
        )
        kept = np.array([[before.get(t) == o for o in o_ids] for t in t_ids]).reshape(fits.shape)
        rows, columns = linear_sum_assignment(np.where(fits, close + 1000 * kept, 0), maximize=True)
        if o_ids.size and t_ids.size:  # TrackEval keeps the matches before an empty frame
            before = {
                int(t_ids[r]): int(o_ids[c])
                for r, c in zip(rows, columns, strict=True)
                if fits[r, c]
            }
            switches += sum(last.get(t, o) != o for t, o in before.items())
            last |= before
            hits += len(before)
    n_true = sum(len(ids) for ids, _ in truths)
    n_own = sum(len(ids) for ids, _ in tracks)
    id_hits = together[linear_sum_assignment(together, maximize=True)].sum()
    return {
        "MOTA": (2 * hits - n_own - switches) / n_true,
        "IDF1": 2 * id_hits / (n_true + n_own),
        "switches": switches,
    }


def still(n_frames: int, ids: list[int], boxes: list[list[float]]) -> Frames:
    return {f: (np.array(ids), np.array(boxes, float)) for f in range(n_frames)}


BOX, FAR = [0, 0, 10, 10], [100, 0, 110, 10]


@pytest.mark.parametrize(
    ("tracked", "expected"),
    [
        pytest.param(still(10, [7], [BOX]), (0.5, 2 / 3, 0), id="half-missed"),
        pytest.param(still(10, [7, 8], [BOX, FAR]), (1, 1, 0), id="perfect"),
        pytest.param(still(10, [7, 8], [BOX, [50, 0, 60, 10]]), (0, 0.5, 0), id="half-false"),
        pytest.param(
            still(5, [7, 8], [BOX, FAR])
            | {f: (np.array([8, 7]), np.array([BOX, FAR], float)) for f in range(5, 10)},
            (0.9, 0.5, 2),
            id="swapped-once",
        ),
    ],
)
def test_scorer(tracked: Frames, expected: tuple[float, float, int]) -> None:
    assert score(still(10, [1, 2], [BOX, FAR]), tracked) == pytest.approx(
        dict(zip(("MOTA", "IDF1", "switches"), expected, strict=True))
    )


@pytest.fixture(scope="module")
def footage(data: Path) -> tuple[Frames, dict[int, Detections]]:
    """Ground truth and real detections of TUD-Stadtmitte, 25 frames a second."""
    folder = data / "tracking" / "TUD-Stadtmitte"
    if not folder.is_dir():
        pytest.skip(f"no tracking data at {folder}")
    truth = {n: (t[:, 0].astype(int), t[:, 1:5]) for n, t in read_mot(folder / "gt.txt").items()}
    found = {
        n: Detections(
            t[:, 1:5].astype(np.float32), t[:, 5].astype(np.float32), np.zeros(len(t), np.int64)
        )
        for n, t in read_mot(folder / "det.txt").items()
    }
    return truth, found


@pytest.mark.parametrize("make", [ByteTrack, OCSORT])
@pytest.mark.parametrize("every", [1, 2], ids=["every frame", "every second frame"])
def test_real_footage(
    footage: tuple[Frames, dict[int, Detections]], make: Callable[[], Tracker], every: int
) -> None:
    truth, found = footage
    tracker = make()
    tracked = {}
    for n in sorted(truth):
        if n % every == 1 % every:
            result = tracker.update(found.get(n, Detections.empty()), n / 25)
        else:
            result = tracker.predict(n / 25)
        assert result.track_ids is not None
        tracked[n] = (result.track_ids, result.boxes)
    scores = score(truth, tracked)
    assert scores["MOTA"] >= 0.71
    assert scores["IDF1"] >= 0.76

"""The CLEAR scores: MOTA, MOTP, identity switches, fragments.

Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics", 2008; mostly tracked and mostly lost are Li, Huang and Nevatia, CVPR 2009. Matching is
that of TrackEval: a pair of the frame before is kept while its boxes still overlap.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sightline.evaluation.comparison import EPS, Comparison, FramePair
from sightline.types import Ints

THRESHOLD = 0.5
"""The overlap (IoU) from which a pair counts as a match."""

NOBODY = -1

_KEPT = 1000
"""What a pair of the frame before weighs more than any overlap."""


@dataclass(frozen=True)
class ClearCounts:
    """What the CLEAR scores are made of. Counts add up.

    ``overlap`` is the sum of the matches' IoU. Of the true tracks, ``mostly_tracked`` were matched
    in more than 80 % of their frames, ``mostly_lost`` in less than 20 %.
    """

    hits: int = 0
    misses: int = 0
    false_positives: int = 0
    switches: int = 0
    fragments: int = 0
    mostly_tracked: int = 0
    mostly_lost: int = 0
    overlap: float = 0.0

    def __add__(self, other: ClearCounts) -> ClearCounts:
        return ClearCounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def mota(self) -> float:
        """1 less the errors per true object; 0 where there is no true object, as in TrackEval."""
        if not self.hits + self.misses:
            return 0.0
        good = self.hits - self.false_positives - self.switches
        return good / (self.hits + self.misses)

    @property
    def motp(self) -> float:
        """Mean overlap of the matches; 0 where there are none."""
        return self.overlap / max(1, self.hits)


def count_clear(comparison: Comparison) -> ClearCounts:
    """The counts of one stretch of footage."""
    n_tracks = len(comparison.truth_lengths)
    before = np.full(n_tracks, NOBODY)  # who each true track was matched with in the last frame
    last = np.full(n_tracks, NOBODY)  # and, however long ago, at all
    matched, starts = np.zeros(n_tracks, np.int64), np.zeros(n_tracks, np.int64)
    switches, overlap = 0, 0.0
    for frame in comparison.frames:
        # TrackEval leaves `before` as it is over a frame in which either side is empty.
        if not (len(frame.truth) and len(frame.found)):
            continue
        rows, columns = _match(frame, before)
        truth, found = frame.truth[rows], frame.found[columns]
        switches += int(((last[truth] != NOBODY) & (last[truth] != found)).sum())
        starts[truth] += before[truth] == NOBODY
        matched[truth] += 1
        overlap += float(frame.iou[rows, columns].sum())
        last[truth] = found
        before[:] = NOBODY
        before[truth] = found
    hits = int(matched.sum())
    ratio = matched / comparison.truth_lengths
    return ClearCounts(
        hits=hits,
        misses=int(comparison.truth_lengths.sum()) - hits,
        false_positives=int(comparison.found_lengths.sum()) - hits,
        switches=switches,
        fragments=int((starts[starts > 0] - 1).sum()),
        mostly_tracked=int((ratio > 0.8).sum()),
        mostly_lost=int((ratio < 0.2).sum()),
        overlap=overlap,
    )


def _match(frame: FramePair, before: Ints) -> tuple[Ints, Ints]:
    """Rows and columns of the matches: first the pairs of the frame before, then by overlap."""
    kept = frame.found[None, :] == before[frame.truth][:, None]
    weight = np.where(frame.iou >= THRESHOLD - EPS, _KEPT * kept + frame.iou, 0)
    rows, columns = linear_sum_assignment(weight, maximize=True)
    good = weight[rows, columns] > EPS
    return rows[good], columns[good]

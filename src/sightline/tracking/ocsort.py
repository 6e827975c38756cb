"""OC-SORT (Cao et al. 2023, arXiv 2203.14360): what was observed counts more than what was predicted.

Three things are added to SORT. Among the detections that a track overlaps, those ahead of it count
more (observation-centric momentum). What was lost is also looked for where it was last seen
(recovery). And what was found again is moved along the line from there to here, as if it had been seen
on the way, so that the errors of the time out of sight are gone (re-update).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sightline.tracking import kalman, warp
from sightline.tracking.kalman import Motion
from sightline.tracking.matching import Pairs, overlaps
from sightline.tracking.online import (
    LOW_THRESHOLD,
    Candidates,
    OnlineTracker,
    associate,
    fraction,
    joined,
)
from sightline.tracking.tracks import Boxes, DetectionArrays, Tracks
from sightline.tracking.warp import Transform, moved_boxes, moved_points, turned
from sightline.types import Ints
from sightline.vocabulary.other_names import takes_our_names

SPAN = 3
"""The direction of an object is that of its last so many updates: of fewer it is mostly noise."""
_MOST_STEPS = 60
"""A line from the last observation to a new one has no more steps."""


@dataclass(eq=False)
class ObservedTracks(Tracks):
    """Tracks that know where they were observed.

    ``last`` are the boxes (4, N) of the last observation, ``settled`` is the motion (11, N) right after
    it, and ``gap`` (N,) the frame intervals since. ``centres`` (SPAN, 2, N) are those of the last
    observations, the newest first, and ``ages`` (SPAN, N) how many updates ago each was. ``direction``
    (2, N) is a unit vector, or zeros where it is not known.
    """

    last: Boxes
    settled: Motion
    gap: NDArray[np.float64]
    centres: NDArray[np.float64]
    ages: Ints
    direction: NDArray[np.float64]

    @classmethod
    def begin(cls, found: DetectionArrays, clock: float) -> Self:
        """See ``Tracks.begin``."""
        plain = Tracks.begin(found, clock)
        n = len(plain)
        return cls(
            **vars(plain),
            last=found.boxes,
            settled=plain.motion.copy(),
            gap=np.zeros(n),
            centres=np.repeat(_centres(found.boxes)[None], SPAN, axis=0),
            ages=np.zeros((SPAN, n), np.int64),
            direction=np.zeros((2, n)),
        )

    def predict(self, frames: float) -> None:
        """See ``Tracks.predict``."""
        Tracks.predict(self, frames)
        self.gap += frames
        self.ages += 1

    def move(self, transform: Transform) -> None:
        """See ``Tracks.move``."""
        Tracks.move(self, transform)
        self.direction = _unit(turned(self.direction, self.centres[0], transform))
        self.centres = np.stack([moved_points(centres, transform) for centres in self.centres])
        self.last = moved_boxes(self.last, transform)
        warp.move(self.settled, transform)

    def meet(self, rows: Ints, found: DetectionArrays, clock: float) -> None:
        """See ``Tracks.meet``."""
        again = self.ages[0, rows] > 1
        if again.any():
            self._update_on_the_way(rows[again], found.boxes[:, again])
        Tracks.meet(self, rows, found, clock)
        centres = _centres(found.boxes)
        self.direction[:, rows] = _unit(centres - self.origins()[:, rows])
        self.centres[1:, :, rows] = self.centres[:-1, :, rows]
        self.centres[0][:, rows] = centres
        self.ages[1:, rows] = self.ages[:-1, rows]
        self.ages[0, rows] = 0
        self.last[:, rows] = found.boxes
        self.settled[:, rows] = self.motion[:, rows]
        self.gap[rows] = 0

    def origins(self) -> NDArray[np.float64]:
        """Where directions are taken from, (2, N): the centres SPAN updates ago, or the last ones."""
        oldest = np.maximum((self.ages <= SPAN).sum(axis=0) - 1, 0)
        origins: NDArray[np.float64] = self.centres[oldest, :, np.arange(len(self))].T
        return origins

    def _update_on_the_way(self, rows: Ints, boxes: Boxes) -> None:
        """Move these tracks from their last observation to ``boxes``, as if they had been seen between."""
        motion, start, gap = self.settled[:, rows], self.last[:, rows], self.gap[rows]
        steps = np.clip(np.rint(gap), 1, _MOST_STEPS)
        for step in range(1, int(steps.max()) + 1):
            on = (steps >= step).nonzero()[0]
            moved = motion[:, on]
            kalman.predict(moved, gap[on] / steps[on])
            way = step / steps[on]
            between = (way < 1).nonzero()[0]
            line = start[:, on] + way * (boxes[:, on] - start[:, on])
            kalman.correct(moved, between, line[:, between])
            motion[:, on] = moved
        self.motion[:, rows] = motion


class OCSORT(OnlineTracker):
    """Gives objects lasting ids, also where they turn, stop, and hide. A ``Tracker``: one instance per stream.

    Args:
        high_threshold, low_threshold, new_track_threshold: as for ``ByteTrack``. Doubtful detections
            are matched after the sure ones, by overlap alone; where ``low_threshold`` is that of
            sure ones, there are none, as in the paper.
        match_threshold: smallest overlap (IoU) between a track, or its last observation, and a sure
            detection.
        low_match_threshold: smallest overlap between a track and a doubtful detection.
        momentum: how much it counts that a detection is ahead of a track, beside their overlap.
        minimum_hits, confirm_within, lost_buffer_s, frame_rate, class_aware, class_votes, camera_motion:
            as for ``ByteTrack``.

    Raises:
        ConfigError: an option is out of its range.
    """

    _tracks: ObservedTracks

    @takes_our_names()
    def __init__(
        self,
        *,
        high_threshold: float = 0.25,
        low_threshold: float = LOW_THRESHOLD,
        new_track_threshold: float = 0.25,
        match_threshold: float = 0.3,
        low_match_threshold: float = 0.5,
        momentum: float = 0.2,
        minimum_hits: int = 2,
        confirm_within: int | None = None,
        lost_buffer_s: float = 1.0,
        frame_rate: float = 30.0,
        class_aware: bool = False,
        class_votes: int | None = None,
        camera_motion: str = "off",
    ) -> None:
        self.match_threshold = fraction("match_threshold", match_threshold)
        self.low_match_threshold = fraction("low_match_threshold", low_match_threshold)
        self.momentum = fraction("momentum", momentum)
        super().__init__(
            high_threshold=high_threshold,
            low_threshold=low_threshold,
            new_track_threshold=new_track_threshold,
            minimum_hits=minimum_hits,
            confirm_within=confirm_within,
            lost_buffer_s=lost_buffer_s,
            frame_rate=frame_rate,
            class_aware=class_aware,
            class_votes=class_votes,
            camera_motion=camera_motion,
        )

    def _begin(self, found: DetectionArrays) -> ObservedTracks:
        return ObservedTracks.begin(found, self._clock)

    def _match(self, found: DetectionArrays, candidates: Candidates) -> tuple[Ints, Ints]:
        """By overlap and direction; the doubtful ones by overlap; then where tracks were last seen."""
        tracks, scores = self._tracks, found.scores
        pairs = self._of_one_class(overlaps(tracks.motion[:4], found.boxes), found)
        sure = scores >= self.high_threshold
        doubtful = (scores >= self.low_threshold) & ~sure
        free = candidates.alive | (tracks.ids == 0)
        ahead = Pairs(pairs.rows, pairs.columns, pairs.weights + self._momentum(pairs, found))
        first = associate(ahead, free, sure, pairs.weights >= self.match_threshold)
        firm = free & candidates.active & (tracks.ids > 0)
        second = associate(pairs, firm, doubtful, pairs.weights >= self.low_match_threshold)
        free[second.rows] = False
        if not (free.any() and sure.any()):
            return joined(first, second)
        where_seen = self._of_one_class(overlaps(tracks.last, found.boxes), found)
        third = associate(where_seen, free, sure, where_seen.weights >= self.match_threshold)
        return joined(first, second, third)

    def _momentum(self, pairs: Pairs, found: DetectionArrays) -> NDArray[np.float64]:
        """How far ahead of its track each pair's detection is: 0 straight behind, ``momentum`` ahead."""
        tracks = self._tracks
        towards = _unit(_centres(found.boxes)[:, pairs.columns] - tracks.origins()[:, pairs.rows])
        cosines = (tracks.direction[:, pairs.rows] * towards).sum(axis=0)
        turns = np.arccos(np.clip(cosines, -1, 1)) / math.pi  # nothing known: half a turn
        weights: NDArray[np.float64] = self.momentum * found.scores[pairs.columns] * (1 - turns)
        return weights


def _centres(boxes: Boxes) -> NDArray[np.float64]:
    centres: NDArray[np.float64] = (boxes[:2] + boxes[2:]) / 2
    return centres


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors (2, N) of length 1; those of nearly no length are zeros."""
    lengths = np.hypot(vectors[0], vectors[1])
    units: NDArray[np.float64] = vectors / np.where(lengths > 1e-3, lengths, np.inf)
    return units

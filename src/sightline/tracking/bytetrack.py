"""ByteTrack (Zhang et al. 2022, arXiv 2110.06864): boxes of low score are used, not thrown away.

Tracks are joined first to the sure detections, by overlap times score. Those left over, often
half hidden, are then looked for among the doubtful detections, by overlap alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.errors import ConfigError
from sightline.other_names import attribute_error, takes_our_names
from sightline.tracking import kalman
from sightline.tracking.kalman import Motion
from sightline.tracking.matching import Pairs, assign, overlaps
from sightline.types import Detections, Floats, Ints, Mask

Boxes: TypeAlias = NDArray[np.float64]
"""Boxes in rows x1 y1 x2 y2, (4, N), pixels."""

LOW_THRESHOLD = 0.1
"""Detections below this are noise; a detector for ByteTrack should hand on those above it."""

PREDICTED_S = 1.0
"""An object is predicted for so long after the last update: nothing moves evenly for longer."""


@dataclass(slots=True, eq=False)
class _Tracks:
    """All tracks as parallel arrays. ``ids`` are 0 until a track is confirmed."""

    motion: Motion
    ids: Ints
    hits: Ints  # updates with a detection
    seen: NDArray[np.float64]  # clock of the last detection, seconds
    scores: Floats  # of the last detection
    class_ids: Ints  # of the last detection

    @classmethod
    def begin(cls, boxes: Boxes, clock: float, scores: Floats, class_ids: Ints) -> _Tracks:
        """Tracks of objects that are seen for the first time; the arrays become their own."""
        n = len(scores)
        return cls(
            motion=kalman.begin(boxes),
            ids=np.zeros(n, np.int64),
            hits=np.ones(n, np.int64),
            seen=np.full(n, clock),
            scores=scores,
            class_ids=class_ids,
        )

    def meet(self, rows: Ints, boxes: Boxes, clock: float, scores: Floats, class_ids: Ints) -> None:
        """Take the detections of these tracks."""
        kalman.correct(self.motion, rows, boxes)
        self.hits[rows] += 1
        self.seen[rows] = clock
        self.scores[rows] = scores
        self.class_ids[rows] = class_ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, keep: Mask) -> _Tracks:
        return _Tracks(
            self.motion[:, keep],
            self.ids[keep],
            self.hits[keep],
            self.seen[keep],
            self.scores[keep],
            self.class_ids[keep],
        )

    def __add__(self, other: _Tracks) -> _Tracks:
        return _Tracks(
            np.concatenate((self.motion, other.motion), axis=1),
            np.concatenate((self.ids, other.ids)),
            np.concatenate((self.hits, other.hits)),
            np.concatenate((self.seen, other.seen)),
            np.concatenate((self.scores, other.scores)),
            np.concatenate((self.class_ids, other.class_ids)),
        )


class ByteTrack:
    """Gives objects lasting ids. A ``Tracker``: one instance per stream.

    Args:
        high_threshold: detections of at least this score are sure; they are matched first.
        low_threshold: detections below this score are ignored.
        new_track_threshold: a detection that matches nothing starts a track from this score on.
        match_threshold: smallest overlap (IoU) between a track and a sure detection. Among such
            pairs, overlap times score decides.
        low_match_threshold: smallest overlap between a track and a doubtful detection.
        new_match_threshold: like ``match_threshold``, for tracks that are not confirmed yet.
        minimum_hits: detections in a row that confirm a track; until then it has no id and is
            not returned. Objects of the very first update are confirmed at once.
        lost_buffer_s: how long an object may be out of sight and keep its id, in seconds. Objects
            of the last update get their chance in the next one however much later that comes, so
            that frame skipping and slow streams keep their ids.
        frame_rate: frames per second, for updates without ``time``, and the rate at which the
            noise of the motion model is meant.
        class_aware: join only what has the same class id.

    Raises:
        ConfigError: an option is out of its range.

    A box that is not finite, or whose corners are the wrong way round, is never tracked.
    """

    @takes_our_names()
    def __init__(
        self,
        *,
        high_threshold: float = 0.25,
        low_threshold: float = LOW_THRESHOLD,
        new_track_threshold: float = 0.25,
        match_threshold: float = 0.2,
        low_match_threshold: float = 0.5,
        new_match_threshold: float = 0.3,
        minimum_hits: int = 2,
        lost_buffer_s: float = 1.0,
        frame_rate: float = 30.0,
        class_aware: bool = False,
    ) -> None:
        self.high_threshold = _fraction("high_threshold", high_threshold)
        self.low_threshold = _fraction("low_threshold", low_threshold)
        self.new_track_threshold = _fraction("new_track_threshold", new_track_threshold)
        self.match_threshold = _fraction("match_threshold", match_threshold)
        self.low_match_threshold = _fraction("low_match_threshold", low_match_threshold)
        self.new_match_threshold = _fraction("new_match_threshold", new_match_threshold)
        if low_threshold > high_threshold:
            raise ConfigError(
                f"low_threshold is {low_threshold}: it must not exceed high_threshold, {high_threshold}"
            )
        if minimum_hits < 1:
            raise ConfigError(f"minimum_hits is {minimum_hits}: it must be 1 or more")
        if not 0 <= lost_buffer_s < math.inf:
            raise ConfigError(f"lost_buffer_s is {lost_buffer_s}: it must be 0 seconds or more")
        if not 0 < frame_rate < math.inf:
            raise ConfigError(f"frame_rate is {frame_rate}: it must be more than 0 per second")
        self.minimum_hits = minimum_hits
        self.lost_buffer_s = lost_buffer_s
        self.frame_rate = frame_rate
        self.class_aware = class_aware
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget all objects. Ids go on: one instance never gives an id twice."""
        none = Detections.empty()
        self._tracks = _Tracks.begin(np.empty((4, 0)), 0.0, none.scores, none.class_ids)
        self._class_names: tuple[str, ...] = ()
        self._clock = 0.0  # seconds that have passed, of whatever frames were shown
        self._updated: float | None = None  # the clock at the last update
        self._time: float | None = None  # stream time of the last frame that had one

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise attribute_error(self, "ByteTrack", name)

    def update(self, detections: Detections, time: float | None = None) -> Detections:
        """The tracked objects of the next frame.

        Args:
            detections: what was found, N objects, of any score.
            time: stream seconds; None stands for one frame interval after the last call, and so
                does a time that is not later than the last one.

        Returns:
            The detections that belong to a confirmed track, in the order given, untouched (boxes
            are the detector's, not the filter's) but for ``track_ids``.
        """
        first = self._updated is None
        previous = self._clock if self._updated is None else self._updated
        self._advance(time)
        self._updated = self._clock
        self._class_names = detections.class_names
        tracks = self._tracks
        if not len(detections) and not len(tracks):  # an empty street costs nothing
            return replace(detections, track_ids=np.empty(0, np.int64))
        boxes, scores = _usable(detections)
        class_ids = detections.class_ids
        kalman.predict(tracks.motion, (self._clock - previous) * self.frame_rate)
        active = tracks.seen >= previous
        alive = active | (self._clock - tracks.seen <= self.lost_buffer_s)
        rows, columns = self._match(boxes, scores, class_ids, active, alive)

        tracks.meet(rows, boxes[:, columns], self._clock, scores[columns], class_ids[columns])
        self._confirm(tracks.ids, (tracks.ids == 0) & (tracks.hits >= self.minimum_hits))
        track_ids = np.zeros(len(detections), np.int64)
        track_ids[columns] = tracks.ids[rows]
        alive &= tracks.ids > 0
        alive[rows] = True
        active[rows] = False
        if active.any():
            kalman.hold_size(tracks.motion, active.nonzero()[0])

        fresh = scores >= self.new_track_threshold
        fresh[columns] = False
        if fresh.any() or not alive.all():
            born = _Tracks.begin(boxes[:, fresh], self._clock, scores[fresh], class_ids[fresh])
            if first or self.minimum_hits == 1:
                self._confirm(born.ids, born.ids == 0)
                track_ids[fresh] = born.ids
            self._tracks = tracks[alive] + born
        return replace(detections, track_ids=track_ids)[track_ids > 0]

    def predict(self, time: float | None = None) -> Detections:
        """Where the tracked objects are by now, for a frame on which nothing was detected.

        The objects of the last update, in boxes of the motion model, with the scores and class
        ids of their last detection and no masks; none once that is longer ago than
        ``PREDICTED_S``. Boxes may reach beyond the picture, whose size is not known here. Later
        updates are as if this frame had not been shown, but for the time that has passed.
        """
        self._advance(time)
        if self._updated is None or self._clock - self._updated > PREDICTED_S:
            return replace(Detections.empty(), track_ids=np.empty(0, np.int64))
        tracks = self._tracks
        now = (tracks.seen >= self._updated) & (tracks.ids > 0)
        tracks = tracks[now]
        boxes = kalman.predicted_boxes(
            tracks.motion, (self._clock - self._updated) * self.frame_rate
        )
        return Detections(
            boxes.T.astype(np.float32),
            tracks.scores,
            tracks.class_ids,
            tracks.ids,
            class_names=self._class_names,
        )

    def _advance(self, time: float | None) -> None:
        """Move the clock to the next frame."""
        elapsed = 0.0 if time is None or self._time is None else time - self._time
        self._clock += elapsed if 0 < elapsed < math.inf else 1 / self.frame_rate
        self._time = time

    def _match(
        self, boxes: Boxes, scores: Floats, class_ids: Ints, active: Mask, alive: Mask
    ) -> tuple[Ints, Ints]:
        """The three associations of the paper: indices of tracks and of their detections."""
        tracks = self._tracks
        pairs = overlaps(tracks.motion[:4], boxes)
        if self.class_aware:
            pairs = pairs[tracks.class_ids[pairs.rows] == class_ids[pairs.columns]]
        fused = Pairs(pairs.rows, pairs.columns, pairs.weights * scores[pairs.columns])
        sure = scores >= self.high_threshold
        doubtful = (scores >= self.low_threshold) & ~sure
        confirmed = tracks.ids > 0
        tentative = ~confirmed
        confirmed &= alive
        first = _associate(fused, confirmed, sure, pairs.weights >= self.match_threshold)
        # What was lost before is not revived by a doubtful detection.
        confirmed &= active
        second = _associate(pairs, confirmed, doubtful, pairs.weights >= self.low_match_threshold)
        third = _associate(fused, tentative, sure, pairs.weights >= self.new_match_threshold)
        return (
            np.concatenate((first.rows, second.rows, third.rows)),
            np.concatenate((first.columns, second.columns, third.columns)),
        )

    def _confirm(self, ids: Ints, which: Mask) -> None:
        """Give new ids to these tracks, in place."""
        new = which.nonzero()[0]
        ids[new] = np.arange(self._next_id, self._next_id + len(new))
        self._next_id += len(new)


def _associate(pairs: Pairs, rows: Mask, columns: Mask, close: Mask) -> Pairs:
    """The best ``close`` pairs of free rows and columns; these are then no longer free."""
    if not (rows.any() and columns.any()):
        return pairs[:0]
    fit = rows[pairs.rows] & columns[pairs.columns]
    fit &= close
    best = assign(pairs[fit])
    rows[best.rows] = False
    columns[best.columns] = False
    return best


def _usable(detections: Detections) -> tuple[Boxes, Floats]:
    """Boxes in rows, (4, N), and scores; what is no box has no size and a score below any."""
    boxes = np.array(detections.boxes.T, np.float64, order="C")
    scores = detections.scores
    proper = np.isfinite(boxes)
    proper[:2] &= boxes[:2] <= boxes[2:]
    if proper.all():
        return boxes, scores
    is_box = np.logical_and.reduce(proper)
    return np.where(is_box, boxes, 0.0), np.where(is_box, scores, np.float32(-1))


def _fraction(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value}: it must lie between 0 and 1")
    return value

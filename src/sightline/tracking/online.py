"""What all trackers do alike: time, ids, confirmation, and objects out of sight.

Which detection belongs to which track is each tracker's own affair.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sightline.errors import ConfigError
from sightline.tables import CAMERA_MOTIONS
from sightline.tracking import kalman
from sightline.tracking.class_votes import ClassVotes
from sightline.tracking.matching import Pairs, assign
from sightline.tracking.tracks import DetectionArrays, Tracks
from sightline.types import Detections, Floats, Frame, Ints, Mask
from sightline.vocabulary.other_names import attribute_error

if TYPE_CHECKING:
    from sightline.tracking.camera_motion import CameraMotion

LOW_THRESHOLD = 0.1
"""Detections below this are noise; a detector for a tracker should hand on those above it."""

PREDICTED_S = 1.0
"""An object is predicted for so long after the last update: nothing moves evenly for longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Which tracks may be matched in an update: masks over all tracks, not to be changed.

    ``active`` were found in the update before. ``alive`` are those that may be found again:
    confirmed ones that are not out of sight for too long.
    """

    active: Mask
    alive: Mask


class OnlineTracker(ABC):
    """Gives objects lasting ids, frame by frame. The frame of all trackers here.

    Options that all have in common are told of in ``ByteTrack``. Raises ConfigError: one is out of its range.
    """

    takes_frames: ClassVar[bool] = True
    """``update`` and ``predict`` take the frame itself, where others take its time."""

    def __init__(
        self,
        *,
        high_threshold: float,
        low_threshold: float,
        new_track_threshold: float,
        minimum_hits: int,
        confirm_within: int | None,
        lost_buffer_s: float,
        frame_rate: float,
        class_aware: bool,
        class_votes: int | None,
        camera_motion: str,
    ) -> None:
        self.high_threshold = fraction("high_threshold", high_threshold)
        self.low_threshold = fraction("low_threshold", low_threshold)
        self.new_track_threshold = fraction("new_track_threshold", new_track_threshold)
        if low_threshold > high_threshold:
            raise ConfigError(
                f"low_threshold is {low_threshold}: it must not exceed high_threshold, {high_threshold}"
            )
        _check_counts(minimum_hits, confirm_within, class_votes)
        _check_times(lost_buffer_s, frame_rate)
        if camera_motion not in CAMERA_MOTIONS:
            known = ", ".join(CAMERA_MOTIONS)
            raise ConfigError(f"camera_motion is {camera_motion!r}: it must be one of {known}")
        self.camera_motion = camera_motion
        self._camera = _camera(camera_motion)
        self.minimum_hits = minimum_hits
        self.confirm_within = minimum_hits if confirm_within is None else confirm_within
        self.lost_buffer_s = lost_buffer_s
        self.frame_rate = frame_rate
        self.class_aware = class_aware
        self.class_votes = class_votes
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget all objects. Ids go on: one instance never gives an id twice."""
        self._clock = 0.0  # seconds that have passed, of whatever frames were shown
        self._tracks = self._begin(DetectionArrays.of(Detections.empty()))
        self._class_names: tuple[str, ...] = ()
        self._votes = None if self.class_votes is None else ClassVotes(self.class_votes)
        self._updated: float | None = None  # the clock at the last update
        self._time: float | None = None  # stream time of the last frame that had one
        if self._camera is not None:
            self._camera.reset()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise attribute_error(self, "Tracker", name)

    def update(self, detections: Detections, time: float | Frame | None = None) -> Detections:
        """The tracked objects of the next frame.

        Args:
            detections: what was found, N objects, of any score.
            time: stream seconds, or the frame itself, whose time then counts. None stands for one
                frame interval after the last call, and so does a time that is not later than the
                last one.

        Returns:
            The detections that belong to a confirmed track, in the order given, untouched (boxes are the
            detector's, not the filter's) but for ``track_ids``, and ``class_ids`` with ``class_votes``.

        Raises:
            ConfigError: ``camera_motion`` is on, and no frame is known; or an argument is of another library.
        """
        frame = frame_of(time, detections)
        first = self._updated is None
        previous = self._clock if self._updated is None else self._updated
        self._advance(time)
        self._updated = self._clock
        self._class_names = detections.class_names
        tracks = self._tracks
        if self._camera is not None:
            _follow(self._camera, tracks, self._needed(frame), detections.boxes)
        if not len(detections) and not len(tracks):  # an empty street costs nothing
            return replace(detections, track_ids=np.empty(0, np.int64))
        found = DetectionArrays.of(detections)
        tracks.predict((self._clock - previous) * self.frame_rate)
        active = tracks.seen >= previous
        alive = active | (self._clock - tracks.seen <= self.lost_buffer_s)
        rows, columns = self._match(found, Candidates(active, alive))
        self._meet(rows, columns, found)
        self._confirm(tracks.ids, (tracks.ids == 0) & (tracks.hits >= self.minimum_hits))
        track_ids = np.zeros(len(detections), np.int64)
        track_ids[columns] = tracks.ids[rows]
        alive &= self._may_go_on(rows)
        alive[rows] = True
        active[rows] = False
        if active.any():
            kalman.hold_size(tracks.motion, active.nonzero()[0])
        fresh = found.scores >= self.new_track_threshold
        fresh[columns] = False
        if fresh.any() or not alive.all():
            born = self._begin(found.taken(fresh.nonzero()[0]))
            if first or self.minimum_hits == 1:
                self._confirm(born.ids, born.ids == 0)
                track_ids[fresh] = born.ids
            self._tracks = tracks[alive] + born
        return self._of_decided_classes(replace(detections, track_ids=track_ids)[track_ids > 0])

    def predict(self, time: float | Frame | None = None) -> Detections:
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
        tracks, votes = tracks[now], self._votes
        boxes = kalman.predicted_boxes(
            tracks.motion, (self._clock - self._updated) * self.frame_rate
        )
        return Detections(
            boxes.T.astype(np.float32),
            tracks.scores,
            tracks.class_ids if votes is None else votes.decided(tracks.ids, tracks.class_ids),
            tracks.ids,
            class_names=self._class_names,
        )

    def _of_decided_classes(self, tracked: Detections) -> Detections:
        """Tracked objects with the classes that their detections have voted for."""
        votes, ids = self._votes, tracked.track_ids
        if votes is None or ids is None:
            return tracked
        votes.keep(self._tracks.ids)
        votes.add(ids, tracked.class_ids, tracked.scores)
        return replace(tracked, class_ids=votes.decided(ids, tracked.class_ids))

    @abstractmethod
    def _match(self, found: DetectionArrays, candidates: Candidates) -> tuple[Ints, Ints]:
        """Indices of tracks and of their detections."""

    def _begin(self, found: DetectionArrays) -> Tracks:
        """Tracks of objects that are seen for the first time."""
        return Tracks.begin(found, self._clock)

    def _meet(self, rows: Ints, columns: Ints, found: DetectionArrays) -> None:
        """Let tracks take the detections that they were matched with."""
        self._tracks.meet(rows, found.taken(columns), self._clock)

    def _may_go_on(self, met: Ints) -> Mask:
        """Which tracks live on without a detection: what is confirmed, or may be by later ones.

        The misses of all tracks but those in ``met`` are counted.
        """
        tracks, spare = self._tracks, self.confirm_within - self.minimum_hits
        confirmed: Mask = tracks.ids > 0
        if not spare:
            return confirmed
        tracks.misses += 1
        tracks.misses[met] -= 1
        return confirmed | (tracks.misses <= spare)

    def _of_one_class(self, pairs: Pairs, found: DetectionArrays) -> Pairs:
        """The pairs that may be joined by their classes."""
        if not self.class_aware:
            return pairs
        return pairs[self._tracks.class_ids[pairs.rows] == found.class_ids[pairs.columns]]

    def _needed(self, frame: Frame | None) -> Frame:
        """The frame. Raises ConfigError: there is none."""
        if frame is None:
            raise ConfigError(
                f"camera_motion is {self.camera_motion}: the tracker must see the frames: "
                "update(detections, frame)"
            )
        return frame

    def _advance(self, time: float | Frame | None) -> None:
        """Move the clock to the next frame."""
        _check_time(time)
        time = time.time if isinstance(time, Frame) else time
        elapsed = 0.0 if time is None or self._time is None else time - self._time
        self._clock += elapsed if 0 < elapsed < math.inf else 1 / self.frame_rate
        self._time = time

    def _confirm(self, ids: Ints, which: Mask) -> None:
        """Give new ids to these tracks, in place."""
        new = which.nonzero()[0]
        ids[new] = np.arange(self._next_id, self._next_id + len(new))
        self._next_id += len(new)


def frame_of(time: object, detections: Detections) -> Frame | None:
    """The frame that a tracker is given, or that its detections know.

    Raises ConfigError: they are what another library found; it says how that becomes ours.
    """
    if not isinstance(detections, Detections):
        raise ConfigError(
            f"detections: Detections are needed, not {type(detections).__name__}: those of supervision become such with "
            "sl.Detections.from_supervision(...), arrays with sl.Detections(boxes, scores, class_ids)"
        )
    return time if isinstance(time, Frame) else detections.frame


def _check_time(time: object) -> None:
    """Raise ConfigError for what trackers of other libraries take here: pixels would spoil the clock for good."""
    if time is not None and not isinstance(time, (Real, Frame)):
        raise ConfigError(
            f"time: the seconds of the frame in its stream, or the Frame itself, is needed, not {type(time).__name__}: a "
            "picture is not looked at, so leave it out"
        )


def _check_counts(minimum_hits: int, confirm_within: int | None, class_votes: int | None) -> None:
    """Raises ConfigError: one of them is out of its range."""
    counts: dict[str, object] = {"minimum_hits": minimum_hits}
    counts |= {} if confirm_within is None else {"confirm_within": confirm_within}
    counts |= {} if class_votes is None else {"class_votes": class_votes}
    for name, count in counts.items():
        if not isinstance(count, Integral) or int(count) < 1:
            raise ConfigError(f"{name} is {count!r}: it must be a whole number, 1 or more")
    if confirm_within is not None and confirm_within < minimum_hits:
        raise ConfigError(
            f"confirm_within is {confirm_within}: it must be minimum_hits, {minimum_hits}, or more"
        )


def _check_times(lost_buffer_s: float, frame_rate: float) -> None:
    """Raises ConfigError: one of them is out of its range."""
    if not 0 <= lost_buffer_s < math.inf:
        raise ConfigError(f"lost_buffer_s is {lost_buffer_s}: it must be 0 seconds or more")
    if not 0 < frame_rate < math.inf:
        raise ConfigError(f"frame_rate is {frame_rate}: it must be more than 0 per second")


def _follow(camera: CameraMotion, tracks: Tracks, frame: Frame, boxes: Floats) -> None:
    """Move the tracks as the picture has moved."""
    transform = camera.update(frame, boxes)
    if transform is not None and len(tracks):
        tracks.move(transform)


def _camera(model: str) -> CameraMotion | None:
    if model == "off":
        return None
    from sightline.tracking.camera_motion import CameraMotion  # OpenCV is heavy

    return CameraMotion(model)


def associate(pairs: Pairs, rows: Mask, columns: Mask, close: Mask) -> Pairs:
    """The best ``close`` pairs of free rows and columns; these are then no longer free."""
    if not (rows.any() and columns.any()):
        return pairs[:0]
    fit = rows[pairs.rows] & columns[pairs.columns]
    fit &= close
    best = assign(pairs[fit])
    rows[best.rows] = False
    columns[best.columns] = False
    return best


def joined(*parts: Pairs) -> tuple[Ints, Ints]:
    """The rows and columns of several associations."""
    return (
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.columns for part in parts]),
    )


def fraction(name: str, value: float) -> float:
    """The value of an option. Raises ConfigError where it is not between 0 and 1."""
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value}: it must lie between 0 and 1")
    return value

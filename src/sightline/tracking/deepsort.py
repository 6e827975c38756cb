"""DeepSORT (Wojke et al. 2017, arXiv 1703.07402): objects are known again by what they look like.

Of each track a gallery of vectors is kept, made by an embedder of the crops of its detections. A
detection may be of a track where it is near its gallery (cosine) and within the gate that the filter's
uncertainty draws (Mahalanobis). What is left is matched by overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.errors import ConfigError
from sightline.protocols import Embedder
from sightline.tracking import appearance, kalman
from sightline.tracking.gallery import Gallery
from sightline.tracking.matching import Pairs, overlaps
from sightline.tracking.online import (
    LOW_THRESHOLD,
    Candidates,
    OnlineTracker,
    associate,
    fraction,
    frame_of,
    joined,
)
from sightline.tracking.tracks import DetectionArrays, Tracks
from sightline.types import Detections, Frame, Ints, Mask
from sightline.vocabulary.other_names import takes_our_names

GATE = 9.4877
"""Squared Mahalanobis distance in which 95 % of an object's detections are: chi-square, four numbers."""
ALIKE = 0.97
"""A vector this near to one of its gallery (cosine) tells nothing new."""
OVERLAP = 0.3
"""What full overlap weighs beside looks: a cosine distance that is so much smaller."""
_LEAST = 1e-6  # least weight of a pair: an assignment ignores those of no weight
UNLIKE = 1.5
"""What overlaps a track of the last frame is another object where it is so many times farther from its
gallery than ``appearance_threshold``."""


@dataclass(eq=False)
class KnownTracks(Tracks):
    """Tracks that have a slot each in the gallery."""

    slots: Ints


class DeepSORTTracker(OnlineTracker):
    """Gives objects lasting ids, also after they were hidden. A ``Tracker``: one instance per stream.

    Args:
        embedder: makes the vectors where detections have no ``embeddings`` yet, from the frame that
            ``update`` is handed, or that the detections know. Its owner closes it.
        high_threshold, low_threshold, new_track_threshold: as for ``ByteTrack``. Doubtful detections
            are matched last, by overlap alone.
        match_threshold: smallest overlap (IoU) between a track that was seen in the last frame, or is not
            confirmed, and a sure detection that looks like no other.
        low_match_threshold: smallest overlap between a track and a doubtful detection.
        appearance_threshold: largest cosine distance between a detection's vector and the nearest one
            in the gallery of a track. It depends on the embedder.
        gallery: vectors that are kept of each track.
        cascade: tracks that were seen last are matched first, as in the paper. Else all at once, and
            overlap counts beside looks.
        minimum_hits, confirm_within, lost_buffer_s, frame_rate, class_aware, class_votes, camera_motion:
            as for ``ByteTrack``.

    Raises:
        ConfigError: an option is out of its range.

    Detections without a vector are matched by overlap: of a frame whose vectors are missing, ids go on.
    """

    _tracks: KnownTracks

    @takes_our_names()
    def __init__(
        self,
        embedder: Embedder | None = None,
        *,
        high_threshold: float = 0.25,
        low_threshold: float = LOW_THRESHOLD,
        new_track_threshold: float = 0.25,
        match_threshold: float = 0.3,
        low_match_threshold: float = 0.5,
        appearance_threshold: float = 0.25,
        gallery: int = 30,
        cascade: bool = False,
        minimum_hits: int = 3,
        confirm_within: int | None = None,
        lost_buffer_s: float = 3.0,
        frame_rate: float = 30.0,
        class_aware: bool = False,
        class_votes: int | None = None,
        camera_motion: str = "off",
    ) -> None:
        self.embedder = embedder
        self.match_threshold = fraction("match_threshold", match_threshold)
        self.low_match_threshold = fraction("low_match_threshold", low_match_threshold)
        self.appearance_threshold = fraction("appearance_threshold", appearance_threshold)
        self.cascade = cascade
        if gallery < 1:
            raise ConfigError(f"gallery is {gallery}: it must be 1 vector or more")
        self._gallery = Gallery(gallery, ALIKE)
        self._cosines = np.empty((0, 0), np.float32)
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

    def update(self, detections: Detections, time: float | Frame | None = None) -> Detections:
        """The tracked objects of the next frame, as ``OnlineTracker.update`` has it.

        Raises:
            InferenceError: the embedder failed.
            ConfigError: an argument is something else.
        """
        frame = frame_of(time, detections)
        if self.embedder is not None and detections.embeddings is None and frame is not None:
            rows = appearance.wanted(detections, self.embeds_from)
            vectors = appearance.submit(self.embedder, frame, detections, rows).result()
            detections = appearance.carrying(detections, rows, vectors)
        return super().update(detections, time)

    @property
    def embeds_from(self) -> float:
        """The lowest score of a detection that is looked at."""
        return self.high_threshold

    def reset(self) -> None:
        """Forget all objects and what they looked like. Ids go on."""
        self._gallery.clear()
        super().reset()

    def _begin(self, found: DetectionArrays) -> KnownTracks:
        plain = Tracks.begin(found, self._clock)
        if len(plain):
            self._gallery.keep(self._tracks.slots)  # those of tracks that have ended are free
        slots = self._gallery.take(len(plain))
        if found.embeddings is not None:
            self._gallery.add(slots, found.embeddings, np.zeros(len(plain), np.float32))
        return KnownTracks(**vars(plain), slots=slots)

    def _meet(self, rows: Ints, columns: Ints, found: DetectionArrays) -> None:
        super()._meet(rows, columns, found)
        if found.embeddings is None:
            return
        slots = self._tracks.slots[rows]
        clear = ~_hidden(found)[columns] | ~self._gallery.known(slots)
        self._gallery.add(
            slots[clear], found.embeddings[columns[clear]], self._cosines[slots, columns][clear]
        )

    def _match(self, found: DetectionArrays, candidates: Candidates) -> tuple[Ints, Ints]:
        """By looks; then by overlap; the doubtful ones by overlap."""
        tracks, scores = self._tracks, found.scores
        sure = scores >= self.high_threshold
        doubtful = (scores >= self.low_threshold) & ~sure
        confirmed = (tracks.ids > 0) & candidates.alive
        pairs = self._of_one_class(overlaps(tracks.motion[:4], found.boxes), found)
        near = (confirmed & candidates.active) | (tracks.ids == 0)
        first: list[Pairs] = []
        if found.embeddings is None:  # nothing is known of looks: as without them
            near |= confirmed
        else:
            like = self._alike(found, pairs, candidates.active)
            ages = tracks.seen[like.rows] if self.cascade else np.zeros(len(like))
            first = [
                associate(like, confirmed, sure, ages == age)
                for age in np.unique(ages)[::-1].tolist()
            ]
            near &= confirmed | (tracks.ids == 0)
        second = associate(pairs, near, sure, pairs.weights >= self.match_threshold)
        near &= candidates.active & (tracks.ids > 0)
        third = associate(pairs, near, doubtful, pairs.weights >= self.low_match_threshold)
        return joined(*first, second, third)

    def _alike(self, found: DetectionArrays, pairs: Pairs, active: Mask) -> Pairs:
        """Tracks and detections that may be the same by their looks; overlap adds to the weights.

        ``pairs`` are those that overlap.
        """
        assert found.embeddings is not None
        tracks, most = self._tracks, self.appearance_threshold
        self._cosines = self._gallery.cosines(found.embeddings)
        distances = 1 - self._cosines[tracks.slots]
        weights = most - distances
        close = weights >= 0
        close &= kalman.distances(tracks.motion, found.boxes) <= GATE
        if self.class_aware:
            close &= tracks.class_ids[:, None] == found.class_ids
        if not self.cascade:
            at = pairs.rows, pairs.columns
            weights[at] += OVERLAP * pairs.weights
            close[at] |= (
                active[pairs.rows]
                & (pairs.weights >= self.match_threshold)
                & (distances[at] <= UNLIKE * most)
            )
        rows, columns = close.nonzero()
        return Pairs(rows, columns, np.maximum(weights[rows, columns], _LEAST).astype(np.float64))


def _hidden(found: DetectionArrays) -> Mask:
    """The objects of which much is behind another one: their crops would show that one.

    Of two that overlap, the one whose lower edge is lower in the picture is nearer.
    """
    x1, y1, x2, y2 = found.boxes
    wide = np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1)
    tall = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    shared = np.maximum(wide, 0) * np.maximum(tall, 0)
    shared[y2[:, None] >= y2] = 0  # behind nobody, and not behind itself
    shared[:, found.scores < 0.1] = 0
    hidden: Mask = shared.max(axis=1, initial=0) > 0.4 * (x2 - x1) * (y2 - y1)
    return hidden

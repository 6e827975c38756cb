"""ByteTrack (Zhang et al. 2022, arXiv 2110.06864): boxes of low score are used, not thrown away.

Tracks are joined first to the sure detections, by overlap times score. Those left over, often
half hidden, are then looked for among the doubtful detections, by overlap alone.
"""

from __future__ import annotations

from sightline.tracking.matching import Pairs, overlaps
from sightline.tracking.online import (
    LOW_THRESHOLD,
    Candidates,
    OnlineTracker,
    associate,
    fraction,
    joined,
)
from sightline.tracking.tracks import DetectionArrays
from sightline.types import Ints
from sightline.vocabulary.other_names import takes_our_names


class ByteTrack(OnlineTracker):
    """Gives objects lasting ids. A ``Tracker``: one instance per stream.

    Args:
        high_threshold: detections of at least this score are sure; they are matched first.
        low_threshold: detections below this score are ignored.
        new_track_threshold: a detection that matches nothing starts a track from this score on.
        match_threshold: smallest overlap (IoU) between a track and a sure detection. Among such
            pairs, overlap times score decides.
        low_match_threshold: smallest overlap between a track and a doubtful detection.
        new_match_threshold: like ``match_threshold``, for tracks that are not confirmed yet.
        minimum_hits: detections that confirm a track; until then it has no id and is not
            returned. Objects of the very first update are confirmed at once.
        confirm_within: the detections that confirm a track must be among its first so many
            updates. None: they follow one another.
        lost_buffer_s: how long an object may be out of sight and keep its id, in seconds. Objects
            of the last update get their chance in the next one however much later that comes, so
            that frame skipping and slow streams keep their ids.
        frame_rate: frames per second, for updates without ``time``, and the rate at which the
            noise of the motion model is meant.
        class_aware: join only what has the same class id.
        class_votes: after so many detections an object keeps the class that most of them have voted for,
            each with its score. None: the class is that of each detection.
        camera_motion: ``affine`` or ``homography``: the motion of the camera is seen in the frames,
            which ``update`` is then handed, and made good. ``off``: it stands still.

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
        confirm_within: int | None = None,
        lost_buffer_s: float = 1.0,
        frame_rate: float = 30.0,
        class_aware: bool = False,
        class_votes: int | None = None,
        camera_motion: str = "off",
    ) -> None:
        self.match_threshold = fraction("match_threshold", match_threshold)
        self.low_match_threshold = fraction("low_match_threshold", low_match_threshold)
        self.new_match_threshold = fraction("new_match_threshold", new_match_threshold)
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

    def _match(self, found: DetectionArrays, candidates: Candidates) -> tuple[Ints, Ints]:
        """The three associations of the paper."""
        tracks, scores = self._tracks, found.scores
        pairs = self._of_one_class(overlaps(tracks.motion[:4], found.boxes), found)
        fused = Pairs(pairs.rows, pairs.columns, pairs.weights * scores[pairs.columns])
        sure = scores >= self.high_threshold
        doubtful = (scores >= self.low_threshold) & ~sure
        confirmed = tracks.ids > 0
        tentative = ~confirmed
        confirmed &= candidates.alive
        first = associate(fused, confirmed, sure, pairs.weights >= self.match_threshold)
        # What was lost before is not revived by a doubtful detection.
        confirmed &= candidates.active
        second = associate(pairs, confirmed, doubtful, pairs.weights >= self.low_match_threshold)
        third = associate(fused, tentative, sure, pairs.weights >= self.new_match_threshold)
        return joined(first, second, third)

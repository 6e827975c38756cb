"""The class of a tracked object, as its detections have voted."""

from __future__ import annotations

import numpy as np

from sightline.types import Floats, Ints


class ClassVotes:
    """Gives each object one class for good, once enough detections have voted.

    A small model calls the same van a car in one frame and a truck in the next. Each detection votes for its
    class with its score.

    Args:
        needed: detections after which the class with the most votes is kept; until then it is the detection's own.
    """

    def __init__(self, needed: int) -> None:
        self.needed = needed
        self._ids: Ints = np.empty(0, np.int64)  # in order
        self._counts: Ints = np.empty(0, np.int64)
        self._votes: Floats = np.empty((0, 0), np.float32)

    def add(self, ids: Ints, class_ids: Ints, scores: Floats) -> None:
        """Count the votes of a frame's detections, all (N,): the objects' ids, none twice, and what was found."""
        self._make_room(ids, int(class_ids.max(initial=-1)) + 1)
        rows = np.searchsorted(self._ids, ids)
        undecided = self._counts[rows] < self.needed
        rows = rows[undecided]
        self._votes[rows, class_ids[undecided]] += scores[undecided]
        self._counts[rows] += 1

    def decided(self, ids: Ints, class_ids: Ints) -> Ints:
        """The classes (N,) of objects: as was decided, or as they are given."""
        if not len(self._ids):
            return class_ids
        rows = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        decided = (self._ids[rows] == ids) & (self._counts[rows] >= self.needed)
        classes: Ints = np.where(decided, self._votes[rows].argmax(axis=1), class_ids)
        return classes

    def keep(self, ids: Ints) -> None:
        """Forget all objects but these."""
        kept = np.isin(self._ids, ids)
        if not kept.all():
            self._ids, self._counts = self._ids[kept], self._counts[kept]
            self._votes = self._votes[kept]

    def _make_room(self, ids: Ints, classes: int) -> None:
        wider = classes - self._votes.shape[1]
        if wider > 0:
            self._votes = np.pad(self._votes, ((0, 0), (0, wider)))
        new = ids[~np.isin(ids, self._ids)]
        if not len(new):
            return
        every = np.concatenate((self._ids, new))
        order = np.argsort(every)
        self._ids = every[order]
        self._counts = np.pad(self._counts, (0, len(new)))[order]
        self._votes = np.pad(self._votes, ((0, len(new)), (0, 0)))[order]

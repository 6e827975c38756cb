"""The stage that classifies tracked objects: few looks at each, and labels that last."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np

from sightline.config import ClassifyOptions
from sightline.protocols import Classifier
from sightline.runtime.streams.crop_choice import CropChoice, weight
from sightline.types import Floats, Frame, Ints, Label, Observation

GROWN = 2.0
"""An object is looked at again when its box has so many times the area of the largest that was seen."""
FORGET_S = 30.0
"""The labels of an object that was not seen for so long are forgotten."""
_LEAST = 1e-4
"""Probabilities count as no less, so that one wrong look can be made good."""


@dataclass(slots=True)
class _Known:
    """What is known of one object. ``logs`` are sums of weighted log-probabilities, by attribute."""

    logs: list[Floats] = field(default_factory=list)
    weight: float = 0.0
    looks: int = 0
    area: float = 0.0
    looked_at: float = float("-inf")
    seen_at: float = 0.0
    waits: bool = False
    sure: bool = False
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """Crops of one frame that the classifier is looking at."""

    index: int
    tracks: list[int]
    weights: list[float]
    scores: Future[list[Floats]]


class ClassifyTracks:
    """Gives tracked objects the labels of a classifier.

    An object is shown at first sight, and again after a while until two looks agree and the classifier
    is sure; and whenever it has become much larger. Its labels are those of the mean of the log-probabilities of all looks (a
    logarithmic opinion pool), in which large and sharp crops count more. They stay with the object
    on every frame.

    Args:
        classifier: shared by streams; its owner closes it.
        options: which objects it is shown, and how often.
        class_ids: of the objects that it is shown; None: all.
        name: of this stage among those of its stream.
    """

    def __init__(
        self,
        classifier: Classifier,
        options: ClassifyOptions,
        class_ids: Ints | None = None,
        name: str = "classify",
    ) -> None:
        self.name = name
        self._classifier = classifier
        self._options = options
        self._choice = CropChoice(options, class_ids)
        self._known: dict[int, _Known] = {}
        self._looks: deque[_Look] = deque()
        self._swept_at = 0.0

    def submit(self, seen: Observation) -> Future[list[Floats]] | None:
        """Show the classifier what is to be looked at in this frame; see ``Stage.submit``."""
        rows = self._wanted(seen)
        if not rows:
            return None
        frame, found = seen.frame, seen.detections
        boxes = found.extents[rows]
        assert found.track_ids is not None
        tracks = found.track_ids[rows].tolist()
        scores = self._classifier.scores(frame, boxes)  # first: a refusal changes nothing
        for track, box in zip(tracks, boxes, strict=True):
            known = self._known[track]
            known.waits, known.looked_at = True, frame.time
            known.looks += 1
            known.area = max(known.area, _area(box))
        weights = [weight(frame, box) for box in boxes]
        self._looks.append(_Look(frame.index, tracks, weights, scores))
        return scores

    def settle(self, seen: Observation, found: list[Floats] | None) -> Observation:  # noqa: ARG002 - see _learn
        """Give the objects the labels that are known of them by now; see ``Stage.settle``."""
        self._learn(seen.frame)
        self._forget(seen.frame.time)
        ids = seen.detections.track_ids
        if ids is None or not self._known:
            return seen
        labels = {
            track: known.labels
            for track in ids.tolist()
            if (known := self._known.get(track)) is not None and known.labels
        }
        if not labels:
            return seen
        return replace(seen, labels=_joined(seen.labels, labels))

    def _wanted(self, seen: Observation) -> list[int]:
        """The rows of the objects to look at in this frame."""
        found, now = seen.detections, seen.frame.time
        if found.track_ids is None:
            return []
        turn = self._choice.is_turn(seen)
        shown = self._choice.of(seen) & (found.track_ids >= 0)
        rows = []
        columns = (found.track_ids.tolist(), shown.tolist(), found.area.tolist())
        for row, (track, shows, area) in enumerate(zip(*columns, strict=True)):
            known = self._known.get(track)
            if known is not None:
                known.seen_at = now
            if not (shows and turn):
                continue
            if known is None:
                known = self._known[track] = _Known(seen_at=now)
            if self._looks_again(known, area, now):
                rows.append(row)
        return rows

    def _looks_again(self, known: _Known, area: float, now: float) -> bool:
        if known.waits:
            return False
        if area >= GROWN * known.area:  # a first look from far off may be sure, and wrong
            return True
        options = self._options
        return (
            not known.sure
            and known.looks < options.max_looks
            and now - known.looked_at >= options.again_s
        )

    def _learn(self, frame: Frame) -> None:
        """Take what the classifier has said of this frame and of those before it, late ones too."""
        while self._looks and self._looks[0].index <= frame.index and self._looks[0].scores.done():
            look = self._looks.popleft()
            failed = look.scores.cancelled() or look.scores.exception() is not None
            scores = None if failed else look.scores.result()
            for row, track in enumerate(look.tracks):
                known = self._known.get(track)
                if known is None:
                    continue
                known.waits = False
                if scores is None:  # the runner of this stage has counted why
                    known.looks, known.looked_at = known.looks - 1, float("-inf")
                else:
                    self._add(known, [of_all[row] for of_all in scores], look.weights[row])

    def _add(self, known: _Known, scores: Sequence[Floats], weight: float) -> None:
        """One more look at an object: ``scores`` (values,) of each attribute."""
        known.logs = known.logs or [np.zeros_like(values) for values in scores]
        for total, values in zip(known.logs, scores, strict=True):
            np.add(total, weight * np.log(np.maximum(values, _LEAST)), out=total)
        known.weight += weight
        means = [np.exp(total / known.weight) for total in known.logs]
        shares = [(mean / mean.sum())[None].astype(np.float32) for mean in means]
        (known.labels,) = self._classifier.labels(shares)
        known.sure = known.looks > 1 and all(
            float(share.max()) >= self._options.sure for share in shares
        )

    def _forget(self, now: float) -> None:
        if now - self._swept_at < FORGET_S:
            return
        self._swept_at = now
        for track in [t for t, known in self._known.items() if now - known.seen_at > FORGET_S]:
            del self._known[track]


def _area(box: Floats) -> float:
    x0, y0, x1, y1 = box.tolist()
    return float((x1 - x0) * (y1 - y0))


def _joined(
    before: Mapping[int, tuple[Label, ...]], labels: Mapping[int, tuple[Label, ...]]
) -> Mapping[int, tuple[Label, ...]]:
    """Labels of another classifier beside those of the stages before."""
    both = {track: (*before[track], *told) for track, told in labels.items() if track in before}
    return {**before, **labels, **both}

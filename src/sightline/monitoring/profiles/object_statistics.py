"""Statistics of what is found in a frame, and of how steadily it is found. One instance per stream."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sightline.geometry import iou_matrix
from sightline.monitoring.profiles.colour_names import colour_names
from sightline.monitoring.profiles.picture_statistics import PictureSample
from sightline.monitoring.profiles.statistic import GRID
from sightline.types import Detections, Floats, Ints, Mask, Observation

_REMEMBERED = 30
"""Samples after which a track that was not seen is forgotten."""
_STANDING = 3
"""An object that overlaps one of its class in one of so many samples before stands there still."""
_OVERLAP = 0.5
_MOST_VECTORS = 256
"""Most vectors of one embedder between two samples: a camera that is off for a while collects no more."""
_BORDER = 0.03
"""Share of the picture's side: an object that begins nearer to the edge has come from outside."""
_COLOURED = 0.04
"""Share of the picture's width and height: smaller objects show more of their background than of themselves."""
_INSIDE = 0.9999
"""The last place within the picture, as a share of its sides."""
_HALF_GRID = (np.array(GRID) / 2).astype(np.float32)
_CELLS = tuple(f"{column},{row}" for row in range(GRID[1]) for column in range(GRID[0]))
"""Names of the cells, row by row."""
_ACROSS = np.array((0.5, 0.35, 0.65, 0.35, 0.65), np.float32)
_DOWN = np.array((0.5, 0.4, 0.4, 0.6, 0.6), np.float32)
"""Where the colour of an object is sampled, as shares of its box."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectSample:
    """What was found in one frame: ``numbers`` of each object, and ``categories`` with their counts.

    Objects that have stood where they are since the samples before are not counted again by class and
    colour: a queue at a traffic light would be most of what there is. ``vectors`` (N, D) say what objects look
    like that came since the sample before, by the digest of their embedder.
    """

    numbers: Mapping[str, Floats]
    categories: Mapping[str, Counter[str]]
    vectors: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(slots=True)
class _Track:
    first: float
    last: int


class ObjectStatistics:
    """Remembers which objects were there in the samples before."""

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}
        self._number = 0
        self._before: deque[Floats] = deque(maxlen=_STANDING)
        self._vectors: dict[str, list[Floats]] = {}

    def see(self, seen: Observation) -> None:
        """Keep what a stage says of objects' looks, until the next sample. Called with each frame."""
        for one in seen.embeddings:
            vectors = self._vectors.setdefault(one.embedder.digest, [])
            if len(vectors) < _MOST_VECTORS:
                vectors.append(one.vector)

    def sample(self, seen: Observation, picture: PictureSample) -> ObjectSample:
        """The statistics of an observation, whose frame looks as ``picture`` says."""
        found = seen.detections
        width, height = seen.frame.width, seen.frame.height
        scale = np.array((1 / width, 1 / height, 1 / width, 1 / height), np.float32)
        boxes = np.minimum(np.maximum(found.boxes * scale, 0), np.float32(_INSIDE))
        sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-4)
        arrived = self._arrived(boxes, found.class_ids)
        numbers: dict[str, Floats] = {
            "objects": np.array([len(found)], np.float32),
            "confidence": found.scores,
            "size": np.log2(sides[:, 0] * sides[:, 1]) / 2,
            **self._tracked(found, boxes, seen.frame.time),
        }
        labels = [label for every in seen.labels.values() for label in every]
        numbers["label_score"] = np.array([label.score for label in labels], np.float32)
        ids = Counter(found.class_ids[arrived].tolist())
        large = (sides[:, 0] >= _COLOURED) & (sides[:, 1] >= _COLOURED)
        categories = {
            "classes": Counter({found.class_name(number): ids[number] for number in ids}),
            "places": _places(boxes),
            "object_colours": _colours(boxes[large & arrived], picture),
            "labels": Counter(f"{label.attribute} {label.value}" for label in labels),
        }
        vectors = {digest: np.stack(some) for digest, some in self._vectors.items()}
        self._vectors = {}
        return ObjectSample(numbers, categories, vectors)

    def _arrived(self, boxes: Floats, class_ids: Ints) -> Mask:
        """Which objects were not there in the samples before."""
        # Boxes of other classes lie elsewhere, so they do not overlap.
        apart = boxes.copy()
        apart[:, ::2] += 2 * class_ids[:, None]
        arrived = np.ones(len(boxes), np.bool_)
        if len(boxes) and self._before:
            shares = iou_matrix(apart, np.concatenate(self._before))
            arrived = ~np.any(shares > _OVERLAP, axis=1)
        self._before.append(apart)
        return arrived

    def _tracked(self, found: Detections, boxes: Floats, time: float) -> dict[str, Floats]:
        self._number += 1
        if found.track_ids is None:
            return {}
        births, gaps, ages = [], [], []
        left, top, right, bottom = boxes.T
        inside = np.minimum(left, top) > _BORDER
        inside &= np.maximum(right, bottom) < 1 - _BORDER
        for track_id, within in zip(found.track_ids.tolist(), inside.tolist(), strict=True):
            track = self._tracks.get(track_id)
            if track is None:
                track = self._tracks[track_id] = _Track(time, self._number)
                births.append(float(within))
            else:
                gaps.append(float(track.last < self._number - 1))
                track.last = self._number
            ages.append(time - track.first)
        if self._number % _REMEMBERED == 0:
            oldest = self._number - _REMEMBERED
            self._tracks = {key: one for key, one in self._tracks.items() if one.last >= oldest}
        return {
            "track_births": np.array(births if self._number > 1 else [], np.float32),
            "track_gaps": np.array(gaps, np.float32),
            "track_age": np.log2(1 + np.array(ages, np.float32)),
        }


def _places(boxes: Floats) -> Counter[str]:
    """How many objects have their middle in each cell of the picture."""
    columns, rows = ((boxes[:, :2] + boxes[:, 2:]) * _HALF_GRID).astype(np.int64).T
    return Counter([_CELLS[cell] for cell in (rows * GRID[0] + columns).tolist()])


def _colours(boxes: Floats, picture: PictureSample) -> Counter[str]:
    """How many objects have each colour: the mean one of five samples of their own pixels."""
    if not len(boxes):
        return Counter()
    height, width = picture.chroma.shape[:2]
    left, top, right, bottom = boxes.T[..., None]
    columns = ((left + (right - left) * _ACROSS) * width).astype(np.intp)
    rows = ((top + (bottom - top) * _DOWN) * height).astype(np.intp)
    total = np.add.reduce(picture.chroma[rows, columns], axis=1, dtype=np.int64)
    return Counter(colour_names(total / len(_ACROSS)))

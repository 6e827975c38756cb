"""Objects that several models found, each once: weighted boxes fusion, NMS, Soft-NMS."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, product

import numpy as np

from sightline.models.composites.overlaps import iou_of_pairs, overlapping_pairs
from sightline.models.postprocess.nms import FARTHEST, best, suppress
from sightline.types import Detections, Floats, Ints

SIGMA = 0.5
"""Sigma of Soft-NMS: how gently it lowers the scores of boxes that overlap a better one."""

LEAST_SCORE = 0.001
"""Soft-NMS drops boxes whose score it has lowered below this."""

_HALF = 0.5

_MOST_CELLS = 64
"""A box that covers more cells of a grid is kept apart."""

_Box = Sequence[float]
_Cells = tuple[int, int, int, int]


def weighted_boxes(
    parts: Sequence[Detections], weights: Sequence[float], *, iou: float = 0.55, votes: int = 1
) -> Detections:
    """Weighted Boxes Fusion (Solovyev, Wang and Gabruseva 2021): boxes of one object are averaged.

    Boxes of a class, best first, join the fused box that they overlap most. A fused box is the mean of its
    members, weighted by score and model. Its score is their mean, less where not all models found it:
    by the paper's equation 6, as the authors' program has it.

    Args:
        parts: what each model found, with the same class names.
        weights: how much each model counts.
        iou: boxes that overlap by more are of one object.
        votes: so many models must have found an object.

    Returns the fused objects, best first. Masks, keypoints and angles are those of the best member; a
    turned box is that member's too. What only some models know (masks, say) is left out.
    """
    found, model = _together(parts)
    counted = found.scores * np.array(weights, np.float32)[model]
    clusters = _clustered(found.boxes, counted, found.class_ids, model, iou)
    clusters = [cluster for cluster in clusters if cluster.models.bit_count() >= votes]
    total = float(sum(weights))
    scores = [c.score / c.count * min(len(parts), c.count) / total for c in clusters]
    fused = found[np.array([cluster.first for cluster in clusters], np.int64)]
    boxes = np.array([cluster.box for cluster in clusters], np.float32).reshape(-1, 4)
    fused = replace(
        fused,
        scores=np.array(scores, np.float32),
        boxes=boxes if fused.angles is None else fused.boxes,
    )
    return best(fused, len(fused))


def suppressed(
    parts: Sequence[Detections], weights: Sequence[float], *, iou: float = 0.5, votes: int = 1
) -> Detections:
    """NMS over what several models found; best first. Weights lower the scores of models that count less.

    Arguments as of ``weighted_boxes``.
    """
    found, model = _weighted(parts, weights)
    if votes > 1:
        found = found[_votes(found, iou, model) >= votes]
    return suppress(found, iou, agnostic=False, limit=len(found))


def softly_suppressed(
    parts: Sequence[Detections],
    weights: Sequence[float],
    *,
    iou: float = 0.5,
    votes: int = 1,
    linear: bool = False,
    sigma: float = SIGMA,
) -> Detections:
    """Soft-NMS (Bodla et al. 2017): a box that overlaps a better one is doubted, not dropped.

    Its score is multiplied by exp(-overlap² / ``sigma``); with ``linear``, by 1 - overlap where that is more
    than ``iou``. Arguments else as of ``weighted_boxes``; best first.
    """
    found, model = _weighted(parts, weights)
    a, b = overlapping_pairs(found.boxes, found.class_ids)
    shared = iou_of_pairs(found.boxes[a], found.boxes[b]).astype(np.float64)
    keeps = np.where(shared > iou, 1 - shared, 1.0) if linear else np.exp(-(shared**2) / sigma)
    scores = _doubted(found.scores, a, b, keeps)
    found = replace(found, scores=scores.astype(np.float32))
    keep = scores >= LEAST_SCORE
    if votes > 1:
        keep &= _votes(found, iou, model) >= votes
    found = found[keep]
    return best(found, len(found))


def _together(parts: Sequence[Detections]) -> tuple[Detections, Ints]:
    """All objects, and the number of the part (N,) that each is from."""
    full = [part for part in parts if len(part)]
    if any(part.masks is None for part in full):
        full = [replace(part, masks=None) for part in full]
    if any(part.keypoints is None for part in full):
        full = [replace(part, keypoints=None) for part in full]
    if any(part.angles is None for part in full):
        full = [replace(part, angles=None) for part in full]
    model = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return (Detections.concatenate(full) if full else parts[0]), model


def _weighted(parts: Sequence[Detections], weights: Sequence[float]) -> tuple[Detections, Ints]:
    """As ``_together``; scores count less the less their model does."""
    found, model = _together(parts)
    shares = np.array(weights, np.float32) / np.float32(max(weights))
    return replace(found, scores=found.scores * shares[model]), model


class _Cluster:
    """Boxes of one object, and their mean, weighted by their scores."""

    __slots__ = ("_sums", "box", "cells", "count", "first", "models", "score")

    def __init__(self, row: int, box: _Box, score: float, model: int) -> None:
        x0, y0, x1, y1 = box
        self.first, self.count, self.score, self.models = row, 1, score, 1 << model
        self.box = box
        self._sums = (score * x0, score * y0, score * x1, score * y1)
        self.cells: _Cells | None = None

    def add(self, box: _Box, score: float, model: int) -> None:
        """One more box of the object."""
        x0, y0, x1, y1 = box
        a, b, c, d = self._sums
        self._sums = a, b, c, d = a + score * x0, b + score * y0, c + score * x1, d + score * y1
        self.count += 1
        self.models |= 1 << model
        self.score = total = self.score + score
        if total > 0:
            self.box = (a / total, b / total, c / total, d / total)


class _Grid:
    """Clusters of one class by the cells of a grid that their boxes cover.

    Args:
        side: of a cell, pixels.
    """

    def __init__(self, side: float) -> None:
        self._side = side
        self._cells: dict[tuple[int, int], list[_Cluster]] = {}
        self._large: list[_Cluster] = []

    def near(self, box: _Box, iou: float) -> Iterable[_Cluster]:
        """Clusters that may overlap a box by more than ``iou``, and some that do not."""
        cells, side = self._cells, self._side
        x0, y0, x1, y1 = box
        if iou >= _HALF:  # more than half of the box is common, so its centre is
            centre = (int((x0 + x1) / 2 // side), int((y0 + y1) / 2 // side))
            found = cells.get(centre, ())
            return chain(found, self._large) if self._large else found
        left, top, right, bottom = self._range(box)
        if (right - left) * (bottom - top) > _MOST_CELLS:
            return dict.fromkeys(chain(*cells.values(), self._large))
        keys = product(range(left, right), range(top, bottom))
        return dict.fromkeys(chain(*(cells.get(key, ()) for key in keys), self._large))

    def put(self, cluster: _Cluster) -> None:
        """Keep a cluster, or note that its box has moved."""
        now = self._range(cluster.box)
        if cluster.cells == now:
            return
        if cluster.cells is not None:
            for cell in self._covered(cluster.cells):
                cell.remove(cluster)
        cluster.cells = now
        for cell in self._covered(now):
            cell.append(cluster)

    def _range(self, box: _Box) -> _Cells:
        side = self._side
        x0, y0, x1, y1 = box
        return int(x0 // side), int(y0 // side), int(x1 // side) + 1, int(y1 // side) + 1

    def _covered(self, cells: _Cells) -> Iterator[list[_Cluster]]:
        left, top, right, bottom = cells
        if (right - left) * (bottom - top) > _MOST_CELLS:
            yield self._large
            return
        for x in range(left, right):
            for y in range(top, bottom):
                yield self._cells.setdefault((x, y), [])


def _clustered(
    boxes: Floats, scores: Floats, class_ids: Ints, model: Ints, iou: float
) -> list[_Cluster]:
    """The clusters that boxes form, which come best first. Plain numbers: arrays are slow one by one."""
    if not len(boxes):
        return []
    boxes = np.clip(boxes, -FARTHEST, FARTHEST)
    side = max(1.0, float(np.median(boxes[:, 2:] - boxes[:, :2])))
    grids = {class_id: _Grid(side) for class_id in set(class_ids.tolist())}
    clusters: list[_Cluster] = []
    order = np.argsort(-scores, kind="stable")
    ranked = zip(
        order.tolist(), boxes[order].tolist(), scores[order].tolist(), class_ids[order].tolist(),
        model[order].tolist(), strict=True,
    )  # fmt: skip
    for row, box, score, class_id, number in ranked:
        grid = grids[class_id]
        cluster = _closest(box, grid.near(box, iou), iou)
        if cluster is None:
            cluster = _Cluster(row, box, score, number)
            clusters.append(cluster)
        else:
            cluster.add(box, score, number)
        grid.put(cluster)
    return clusters


def _closest(box: _Box, clusters: Iterable[_Cluster], iou: float) -> _Cluster | None:
    """The cluster that a box overlaps most, and by more than ``iou``."""
    x0, y0, x1, y1 = box
    area = (x1 - x0) * (y1 - y0)
    closest, most = None, iou
    for cluster in clusters:
        a, b, c, d = cluster.box
        # Not min() and max(): calls take most of the time here.
        width = (x1 if x1 < c else c) - (x0 if x0 > a else a)  # noqa: FURB136
        height = (y1 if y1 < d else d) - (y0 if y0 > b else b)  # noqa: FURB136
        if width > 0 and height > 0:
            common = width * height
            share = common / (area + (c - a) * (d - b) - common)
            if share > most or (share == most and closest and cluster.first < closest.first):
                closest, most = cluster, share
    return closest


def _doubted(scores: Floats, a: Ints, b: Ints, keeps: Floats) -> Floats:
    """Scores of boxes, each multiplied by what the better ones that it overlaps leave of it.

    Args:
        scores: (N,) of the boxes.
        a, b: (M,) pairs of them that overlap.
        keeps: (M,) what is left of the worse one's score.
    """
    others: dict[int, list[tuple[int, float]]] = {}
    for one, other, keep in zip(a.tolist(), b.tolist(), keeps.tolist(), strict=True):
        others.setdefault(one, []).append((other, keep))
        others.setdefault(other, []).append((one, keep))
    left: list[float] = scores.tolist()
    waiting = [(-left[row], row) for row in others]
    heapq.heapify(waiting)
    while waiting:
        score, row = heapq.heappop(waiting)
        if -score != left[row]:  # it was doubted since, and stands further behind
            heapq.heappush(waiting, (-left[row], row))
            continue
        for other, keep in others.pop(row):
            if other in others:
                left[other] *= keep
    return np.array(left, np.float64)


def _votes(found: Detections, iou: float, model: Ints) -> Ints:
    """How many models (N,) found each object, a box being their witness that overlaps it by ``iou``."""
    a, b = overlapping_pairs(found.boxes, found.class_ids)
    near = iou_of_pairs(found.boxes[a], found.boxes[b]) >= iou
    bits = [1 << number for number in model.tolist()]
    seen = list(bits)
    for one, other in zip(a[near].tolist(), b[near].tolist(), strict=True):
        seen[one] |= bits[other]
        seen[other] |= bits[one]
    return np.array([each.bit_count() for each in seen], np.int64)

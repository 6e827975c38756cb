"""Boxes of one object, gathered one by one: which boxes weighted boxes fusion averages.

A box joins the cluster whose mean it overlaps most, and so each step depends on those before it. But most objects
stand apart: which boxes are theirs is seen at once, for all of them together, and proven. Only what is
left, where objects stand close to others, is gone through box by box.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, product

import numpy as np

from sightline.models.composites.overlaps import Reals, areas, iou_of_pairs, overlapping_pairs
from sightline.models.postprocess.nms import FARTHEST
from sightline.types import Ints

_HALF = 0.5

_TINY = np.finfo(np.float64).tiny

_ROUNDING = 1 - 1e-9
"""What may be lost of an area by rounding."""

_FEW = 24
"""Among so many boxes all clusters are looked at; among more, those nearby."""

_MOST_CELLS = 64
"""A box that covers more cells of a grid is kept apart."""

_Box = Sequence[float]
_Cells = tuple[int, int, int, int]


def clusters(boxes: Reals, scores: Reals, class_ids: Ints, iou: float) -> Ints:
    """The cluster (N,) of each box, which is the row of its first box.

    Each box joins the cluster of its class whose mean, weighted by score, it overlaps most and by more than
    ``iou``; where there is none, it begins one.

    Args:
        boxes: (N, 4) xyxy, best first.
        scores: (N,), not negative.
        class_ids: (N,).
        iou: from 0 to 1.
    """
    if not len(boxes):
        return np.zeros(0, np.int64)
    boxes = np.clip(boxes, -FARTHEST, FARTHEST)
    pairs = overlapping_pairs(boxes, class_ids)
    near = pairs.shares(areas(boxes)) > iou
    cluster = _joined(np.arange(len(boxes)), pairs.a[near], pairs.b[near])
    group = cluster  # clusters found one after another, whose boxes may mix
    order = np.argsort(cluster, kind="stable")
    unclear = _unlike_their_mean(boxes[order], scores[order], cluster[order], iou)
    while True:
        a, b = _that_may_mix(boxes[order], class_ids, cluster[order], iou)
        mixed = group[a] != group[b]
        unclear = np.concatenate((unclear, group[a[mixed]], group[b[mixed]]))
        if not len(unclear):
            return cluster
        group = _joined(np.arange(len(boxes)), group[a[mixed]], group[b[mixed]])[group]
        again = np.zeros(len(boxes), np.bool_)
        again[group[unclear]] = True
        rows = np.flatnonzero(again[group])
        cluster = cluster.copy()
        cluster[rows] = rows[_one_by_one(boxes[rows], scores[rows], group[rows], iou)]
        order, unclear = np.argsort(cluster, kind="stable"), unclear[:0]


def _joined(group: Ints, a: Ints, b: Ints) -> Ints:
    """The smallest row that each is joined to by pairs of rows, directly or through others."""
    while True:
        least = np.minimum(group[a], group[b])
        if (group[a] == group[b]).all():
            return group
        np.minimum.at(group, a, least)
        np.minimum.at(group, b, least)
        group = group[group]


def _unlike_their_mean(boxes: Reals, scores: Reals, cluster: Ints, iou: float) -> Ints:
    """Clusters, boxes of each one after another, of which some box would not join the mean of those before it."""
    first = np.searchsorted(cluster, cluster)
    weighted = np.concatenate((boxes, np.ones((len(boxes), 1))), axis=1) * scores[:, None]
    before = np.cumsum(weighted, axis=0) - weighted
    later = np.flatnonzero(first < np.arange(len(first)))
    before = before[later] - before[first[later]]
    means = before[:, :4] / np.maximum(before[:, 4:], _TINY)  # without any score it is like nothing
    unlike: Ints = cluster[later[iou_of_pairs(boxes[later], means) <= iou]]
    return unlike


def _that_may_mix(boxes: Reals, class_ids: Ints, cluster: Ints, iou: float) -> tuple[Ints, Ints]:
    """Pairs of clusters, boxes of each one after another, of which a box of one might join the other.

    The mean of some boxes of a cluster lies between what they have all in common and what they cover together.
    """
    starts = np.flatnonzero(np.concatenate(([True], cluster[1:] != cluster[:-1])))
    firsts = cluster[starts]
    low, high = np.minimum.reduceat(boxes, starts), np.maximum.reduceat(boxes, starts)
    outer = np.concatenate((low[:, :2], high[:, 2:]), axis=1)
    least = areas(np.concatenate((high[:, :2], low[:, 2:]), axis=1))
    a, b, common = overlapping_pairs(outer, class_ids[firsts])
    mix = common * (1 + iou) >= iou * (least[a] + least[b]) * _ROUNDING
    return firsts[a[mix]], firsts[b[mix]]


class _Cluster:
    """Boxes of one object, and their mean, weighted by their scores."""

    __slots__ = ("_score", "_sums", "box", "cells", "first")

    def __init__(self, row: int, box: _Box, score: float) -> None:
        x0, y0, x1, y1 = box
        self.first, self._score = row, score
        self.box = box
        self._sums = (score * x0, score * y0, score * x1, score * y1)
        self.cells: _Cells | None = None

    def add(self, box: _Box, score: float) -> None:
        """One more box of the object."""
        x0, y0, x1, y1 = box
        a, b, c, d = self._sums
        self._sums = a, b, c, d = a + score * x0, b + score * y0, c + score * x1, d + score * y1
        self._score = total = self._score + score
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


def _one_by_one(boxes: Reals, scores: Reals, group: Ints, iou: float) -> list[int]:
    """The first row of each box's cluster; groups do not mix. Plain numbers: arrays are slow one by one."""
    counts = Counter(group.tolist())
    side = max(1.0, float(np.median(boxes[:, 2:] - boxes[:, :2])))
    few: dict[int, list[_Cluster]] = {number: [] for number in counts}
    grids = {number: _Grid(side) for number, count in counts.items() if count > _FEW}
    firsts: list[int] = []
    rows = zip(boxes.tolist(), scores.tolist(), group.tolist(), strict=True)
    for row, (box, score, number) in enumerate(rows):
        grid = grids.get(number)
        cluster = _closest(box, few[number] if grid is None else grid.near(box, iou), iou)
        if cluster is None:
            cluster = _Cluster(row, box, score)
            few[number].append(cluster)
        else:
            cluster.add(box, score)
        if grid is not None:
            grid.put(cluster)
        firsts.append(cluster.first)
    return firsts


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

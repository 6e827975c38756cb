"""Scores of detections against ground truth: COCO's average precision (Lin et al. 2014).

Works on objects in memory and knows no files. Computed by faster-coco-eval, which gives
pycocotools' numbers.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals, real_boxes
from sightline.evaluation.shapes import TrueShapes, add_keypoints, add_outlines
from sightline.types import Array, Detections, Mask

MAX_DETECTIONS = 100
"""Only so many objects of a class in a picture count, those with the highest scores."""

_ALL, _SMALL, _MEDIUM, _LARGE = range(4)
_IOU_50, _IOU_75 = 0, 5  # places in COCO's thresholds 0.50, 0.55 … 0.95


@dataclass(frozen=True)
class ClassScores:
    """How well objects of one class were found; NaN where there are none.

    ``recall`` is the share that was found at an overlap of 0.5 whatever the score, ``count`` the
    number of true objects. ``mask_ap`` and ``keypoint_ap`` are as ``ap``, of masks (or turned boxes) and of
    keypoints; NaN where the model or the labels do not tell them.
    """

    ap: float
    ap50: float
    recall: float
    count: int
    mask_ap: float = math.nan
    keypoint_ap: float = math.nan


@dataclass(frozen=True)
class DetectionScores:
    """How well objects were found, from 0 to 1; NaN where there is no true object.

    ``map`` is the mean over classes and the overlaps 0.50, 0.55 … 0.95; ``map50`` and ``map75``
    are at one overlap; ``small`` (area up to 32² pixels), ``medium`` and ``large`` (from 96²) are
    ``map`` over objects of that size. ``notes`` say what was left out of the files that were read,
    or taken otherwise than it stands there. ``mask_map`` and its two fellows score masks, or turned
    boxes, by the overlap of their pixels, ``keypoint_map`` keypoints by OKS; NaN where the model or the
    labels do not tell them.
    """

    map: float
    map50: float
    map75: float
    small: float
    medium: float
    large: float
    per_class: Mapping[str, ClassScores]
    notes: tuple[str, ...] = ()
    mask_map: float = math.nan
    mask_map50: float = math.nan
    mask_map75: float = math.nan
    keypoint_map: float = math.nan
    keypoint_map50: float = math.nan
    keypoint_map75: float = math.nan


def score_detections(
    truth: Sequence[Detections],
    found: Sequence[Detections],
    class_names: Sequence[str],
    *,
    crowd: Sequence[Mask] | None = None,
    areas: Sequence[Reals] | None = None,
    shapes: Sequence[TrueShapes] | None = None,
) -> DetectionScores:
    """Score what was found in some pictures.

    Args:
        truth, found: the objects of each picture, equally many pictures. Class ids are places in
            ``class_names`` on both sides (see ``with_classes``). Scores of the truth are ignored.
        class_names: of all classes that are scored. Classes without a true object are not in the
            means.
        crowd: for each picture, which true objects are regions: what is found in them counts
            neither for nor against. None: none of them.
        areas: for each picture, (N,) square pixels of the true objects, for the sizes. None: of
            their boxes. COCO's own annotations have the area of the outline.
        shapes: for each picture, what the labels tell of the true objects beside their boxes. None:
            nothing, and boxes are scored alone.

    Raises:
        ConfigError: faster-coco-eval is not installed.
        ValueError: the numbers of pictures differ, or a class id has no name.
    """
    for what, side in (
        ("found", found),
        ("crowd", crowd),
        ("areas", areas),
        ("shapes", shapes),
    ):
        if side is not None and len(side) != len(truth):
            raise ValueError(f"truth has {len(truth)} pictures, {what} has {len(side)}")
    if crowd is None:
        crowd = [np.zeros(len(t), np.bool_) for t in truth]
    if areas is None:
        areas = [_areas(real_boxes(t)) for t in truth]
    pairs = list(zip(crowd, areas, strict=True))
    both = _dataset(truth, class_names, pairs), _dataset(found, class_names, None)
    tables = _evaluate(*both, class_names)
    counts = np.zeros(len(class_names), np.int64)
    for objects, is_crowd in zip(truth, crowd, strict=True):
        np.add.at(counts, objects.class_ids[~is_crowd], 1)
    scores = _scores(tables, class_names, counts)
    return scores if shapes is None else _with_shapes(scores, *both, shapes, found, class_names)


def _with_shapes(
    scores: DetectionScores,
    truth: dict[str, object],
    found: dict[str, object],
    shapes: Sequence[TrueShapes],
    pictures: Sequence[Detections],
    class_names: Sequence[str],
) -> DetectionScores:
    """The scores with those of masks and keypoints, where the labels and the model tell them."""
    if add_outlines(truth, found, shapes, pictures):
        scores = _with_kind(scores, "mask", _evaluate(truth, found, class_names, "segm"))
    sigmas = add_keypoints(truth, found, shapes, pictures)
    if sigmas is not None:
        tables = _evaluate(truth, found, class_names, "keypoints", sigmas)
        scores = _with_kind(scores, "keypoint", tables)
    return scores


def _with_kind(scores: DetectionScores, name: str, tables: Tables) -> DetectionScores:
    """The scores with those of ``mask`` or ``keypoint``, whose tables these are."""
    precision, _ = tables
    per_class = {
        class_name: replace(own, **{f"{name}_ap": _mean(precision[:, :, k, _ALL])})  # type: ignore[arg-type]
        for k, (class_name, own) in enumerate(scores.per_class.items())
    }
    of_all = {
        f"{name}_map": _mean(precision[:, :, :, _ALL]),
        f"{name}_map50": _mean(precision[_IOU_50, :, :, _ALL]),
        f"{name}_map75": _mean(precision[_IOU_75, :, :, _ALL]),
    }
    return replace(scores, per_class=per_class, **of_all)  # type: ignore[arg-type]


def with_classes(
    pictures: Sequence[Detections], names: Sequence[str], wanted: Sequence[str]
) -> list[Detections]:
    """The objects whose class is ``wanted``, numbered as places in ``wanted``.

    Args:
        pictures: the objects of each picture.
        names: of their class ids. A class id without a name is left out too.
        wanted: the classes to keep, by name.

    Raises:
        ConfigError: not one name is wanted.
    """
    places = {name: i for i, name in enumerate(wanted)}
    numbers = np.array([places.get(name, -1) for name in names], np.int64)
    if not (numbers >= 0).any():
        raise ConfigError(
            f"none of the classes {_listed(names)} is among {_listed(wanted)}: the names of the "
            "model and of the ground truth must agree"
        )
    return [_renumbered(objects, numbers, tuple(wanted)) for objects in pictures]


def pick_classes(wanted: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """``wanted``, all of which must be ``known``. Raises ConfigError naming the nearest."""
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {_listed(known)}"
            raise ConfigError(f"the ground truth has no class {name}: {hint}")
    return tuple(wanted)


def _renumbered(objects: Detections, numbers: Array, names: tuple[str, ...]) -> Detections:
    named = (objects.class_ids >= 0) & (objects.class_ids < len(numbers))
    ids = np.where(named, numbers[np.where(named, objects.class_ids, 0)], -1)
    keep = ids >= 0
    return replace(objects[keep], class_ids=ids[keep], class_names=names)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown}, … ({len(names)})" if len(names) > 6 else shown or "(no names)"


def _areas(boxes: Reals) -> Reals:
    sides = _sides(boxes)
    areas: Reals = sides[:, 0] * sides[:, 1]
    return areas


def _sides(boxes: Reals) -> Reals:
    """Widths and heights, rounded: they are what they were before corners were made of them."""
    sides: Reals = (boxes[:, 2:] - boxes[:, :2]).round(9)
    return sides


Regions: TypeAlias = Sequence[tuple[Mask, Reals]]
"""For each picture, which true objects are crowds, and the area of each."""


def _dataset(
    pictures: Sequence[Detections], class_names: Sequence[str], regions: Regions | None
) -> dict[str, object]:
    """Objects as COCO's JSON has them. ``regions`` are there for the truth only.

    Ids start at 1, since COCO's matching takes the id 0 for no match.
    """
    annotations: list[dict[str, object]] = []
    for picture, objects in enumerate(pictures, 1):
        ids = objects.class_ids
        if len(ids) and (ids.min() < 0 or ids.max() >= len(class_names)):
            raise ValueError(f"class ids of picture {picture - 1} have no name: {np.unique(ids)}")
        boxes = real_boxes(objects)
        crowd, area = (
            regions[picture - 1] if regions else (np.zeros(len(ids), np.bool_), _areas(boxes))
        )
        boxes[:, 2:] = _sides(boxes)
        columns = (boxes.tolist(), objects.scores.tolist(), ids.tolist(), crowd, area.tolist())
        for box, score, class_id, is_crowd, size in zip(*columns, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": picture,
                    "category_id": class_id + 1,
                    "bbox": box,
                    "score": score,
                    "area": size,
                    "iscrowd": int(is_crowd),
                }
            )
    return {
        "images": [{"id": i + 1} for i in range(len(pictures))],
        "categories": [{"id": i, "name": name} for i, name in enumerate(class_names, 1)],
        "annotations": annotations,
    }


Tables: TypeAlias = tuple[Reals, Reals]
"""Precision by overlap, recall, class and size; recall by overlap, class and size. -1: unknown."""


def _evaluate(
    truth: dict[str, object],
    found: dict[str, object],
    class_names: Sequence[str],
    what: Literal["bbox", "segm", "keypoints"] = "bbox",
    sigmas: list[float] | None = None,
) -> Tables:
    """COCO's tables of these two, at 100 detections; of keypoints at 20."""
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as exc:
        raise ConfigError(
            "faster-coco-eval is not installed: pip install 'sightline[evaluation]'"
        ) from exc
    if not (truth["images"] and class_names):
        return np.full((10, 1, len(class_names), 4), -1.0), np.full((10, len(class_names), 4), -1.0)
    evaluation = COCOeval_faster(COCO(truth), COCO(found), what, kpt_oks_sigmas=sigmas)
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["precision"][..., -1], evaluation.eval["recall"][..., -1]


def _scores(
    tables: Tables, class_names: Sequence[str], counts: NDArray[np.int64]
) -> DetectionScores:
    precision, recall = tables

    def sized(size: int) -> float:
        return _mean(precision[:, :, :, size])

    return DetectionScores(
        map=sized(_ALL),
        map50=_mean(precision[_IOU_50, :, :, _ALL]),
        map75=_mean(precision[_IOU_75, :, :, _ALL]),
        small=sized(_SMALL),
        medium=sized(_MEDIUM),
        large=sized(_LARGE),
        per_class={
            name: ClassScores(
                ap=_mean(precision[:, :, k, _ALL]),
                ap50=_mean(precision[_IOU_50, :, k, _ALL]),
                recall=_mean(recall[_IOU_50, k, _ALL]),
                count=int(counts[k]),
            )
            for k, name in enumerate(class_names)
        },
    )


def _mean(table: Reals) -> float:
    """The mean of what is known: COCO marks with -1 where no true object was."""
    known = table[table > -1]
    return float(known.mean()) if known.size else float("nan")

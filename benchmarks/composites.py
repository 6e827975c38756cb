"""Ensembles and tiles beside the packages that people use for them.

    python benchmarks/composites.py [--seeds 10007 10008 ...]

Needs `ensemble-boxes` and `sahi` in the environment; what is absent is left out. Tiles look at streets of
3840×2160 that the bundled detector was not trained on; objects count that are seen by half and are under
32 pixels. SAHI gets the same detector, the same tiles and the same engine; its time and ours hold
everything, from the picture to the objects.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import sightline as sl
from sightline.geometry import iou_matrix
from sightline.models.composites import fusion
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import Detections, Frame

WIDTH, HEIGHT = 3840, 2160
SMALL_PX = 32
WEIGHTS = [2.0, 1.0, 1.5]


def crowd(rng: np.random.Generator, objects: int) -> list[Detections]:
    """What three models find of the same objects: each misses some, and is off by some pixels."""
    corners = rng.uniform((0, 0), (WIDTH / 2, HEIGHT / 2), (objects, 2))
    sides = rng.uniform(20, 180, (objects, 2))
    classes = rng.integers(0, 3, objects)
    parts = []
    for _ in WEIGHTS:
        seen = rng.random(objects) < 0.85
        boxes = np.concatenate((corners, corners + sides), axis=1) + rng.normal(0, 4, (objects, 4))
        boxes = np.clip(boxes, 0, WIDTH)[seen]
        scores = rng.uniform(0.05, 0.99, len(boxes)).astype(np.float32)
        parts.append(Detections(boxes.astype(np.float32), scores, classes[seen].astype(np.int64)))
    return parts


def compare_fusion() -> None:
    """Time and results of weighted boxes fusion and Soft-NMS, ours and theirs."""
    from ensemble_boxes import soft_nms, weighted_boxes_fusion

    for objects in (50, 100, 300):
        ratios: dict[str, list[float]] = {"wbf": [], "soft-nms": []}
        worst = 0.0
        for seed in range(15):
            parts = crowd(np.random.default_rng(seed), objects)
            boxes = [part.boxes / WIDTH for part in parts]
            told = [part.scores for part in parts], [part.class_ids for part in parts]
            wbf = partial(
                weighted_boxes_fusion, boxes, *told, weights=WEIGHTS, iou_thr=0.55, skip_box_thr=0
            )
            theirs, took = timed(wbf)
            ours, own = timed(partial(fusion.weighted_boxes, parts, WEIGHTS))
            ratios["wbf"].append(took / own)
            worst = max(worst, difference(ours, theirs))
            theirs, took = timed(partial(soft_nms, boxes, *told))
            ours, own = timed(partial(fusion.softly_suppressed, parts, [1, 1, 1]))
            ratios["soft-nms"].append(took / own)
            assert len(ours) == len(theirs[0])
        for name, values in ratios.items():
            print(f"{name} {objects} objects x 3: {statistics.median(values):.1f} times faster")
        print(f"wbf {objects} objects: largest difference of boxes and scores {worst:.1e}")


def difference(ours: Detections, theirs: tuple[Any, Any, Any]) -> float:
    """The largest difference of the nearest boxes (as shares of the picture) and scores."""
    assert len(ours) == len(theirs[0])
    boxes = ours.boxes / WIDTH
    found = [
        np.maximum(np.abs(boxes - box).max(axis=1), np.abs(ours.scores - score)).min()
        for box, score in zip(theirs[0], theirs[1], strict=True)
    ]
    return float(max(found))


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """A result, and the shortest of ten times, in seconds of this thread: other programs count little."""
    times = []
    for _ in range(10):
        began = time.thread_time()
        result = call()
        times.append(time.thread_time() - began)
    return result, min(times)


def compare_tiles(seeds: Sequence[int]) -> None:
    """Recall of small objects and time a picture: the whole picture, tiles, and SAHI's tiles."""
    model = sl.load("street")
    frames = [frame for seed in seeds for frame in street(seed)]
    ways: dict[str, Callable[[Frame], Detections]] = {
        "whole picture": model.detect,
        "tiles of the input": sl.Tiled(model).detect,
        "tiles for 32 px": sl.Tiled(model, smallest=SMALL_PX).detect,
    }
    if importlib.util.find_spec("sahi") is not None:
        ways["sahi, tiles of the input"] = sahi_way(model, (640, 384))
        ways["sahi, tiles for 32 px"] = sahi_way(model, (1280, 768))
    results: dict[str, list[Detections]] = {}
    for name, detect in ways.items():
        detect(frames[0])
        began = time.perf_counter()
        results[name] = [detect(frame) for frame in frames]
        took = (time.perf_counter() - began) / len(frames)
        hit, there, more = scored(frames, results[name])
        print(
            f"{name}: recall under {SMALL_PX} px {hit / there:.3f} of {there}, {more} of nothing, {took * 1e3:.0f} ms"
        )
    for kind in ("tiles of the input", "tiles for 32 px"):
        if f"sahi, {kind}" in results:
            shared = [
                agreement(a, b)
                for a, b in zip(results[kind], results[f"sahi, {kind}"], strict=True)
            ]
            print(f"{kind}: {statistics.mean(shared):.3f} of SAHI's sure objects are ours")


def street(seed: int) -> list[Frame]:
    """Frames of one street, a second apart."""
    options = StreetOptions(seed=seed, width=WIDTH, height=HEIGHT, duration=3, fps=1)
    source = StreetSource(options)
    source.open()
    return list(source)


def scored(frames: Sequence[Frame], found: Sequence[Detections]) -> tuple[int, int, int]:
    """Small objects found, small objects there, and boxes that are of nothing."""
    hit = there = more = 0
    for frame, objects in zip(frames, found, strict=True):
        truth = truth_of(frame).visible(0.5).boxes
        small = (truth[:, 2:] - truth[:, :2]).min(axis=1) < SMALL_PX
        shared = iou_matrix(objects.boxes, truth)
        best = shared.max(axis=0, initial=0)
        hit += int((best[small] > 0.5).sum())
        there += int(small.sum())
        more += int((shared.max(axis=1, initial=0) < 0.3).sum())
    return hit, there, more


def agreement(ours: Detections, theirs: Detections) -> float:
    """The share of their objects, of a score of a half and more, that we have as well."""
    sure = theirs[theirs.scores >= 0.5]
    shared = iou_matrix(ours.boxes, sure.boxes)
    shared[ours.class_ids[:, None] != sure.class_ids[None]] = 0
    return float((shared.max(axis=0, initial=0) > 0.5).mean()) if len(sure) else 1.0


def sahi_way(model: sl.Model, tile: tuple[int, int]) -> Callable[[Frame], Detections]:
    """SAHI around the same model."""
    from sahi.models.base import DetectionModel
    from sahi.predict import get_sliced_prediction
    from sahi.prediction import ObjectPrediction

    class Ours(DetectionModel):  # type: ignore[misc]
        def load_model(self) -> None:
            self.set_model(model)

        def set_model(self, model: Any, **_: Any) -> None:
            self.model = model
            self.category_mapping = dict(enumerate(map(str, model.class_names)))

        def perform_inference(self, image: np.ndarray) -> None:
            self._original_predictions = [self.model.detect(np.ascontiguousarray(image[..., ::-1]))]

        def _create_object_prediction_list_from_original_predictions(
            self, shift_amount_list: Any = None, full_shape_list: Any = None
        ) -> None:
            shift, shape = (first_of(one) for one in (shift_amount_list or [0, 0], full_shape_list))
            (found,) = self._original_predictions
            self._object_prediction_list_per_image = [
                [
                    ObjectPrediction(
                        bbox=box, category_id=int(class_id), score=float(score),
                        category_name=found.class_name(int(class_id)), shift_amount=list(shift),
                        full_shape=shape,
                    )
                    for box, score, class_id in zip(
                        found.boxes.tolist(), found.scores, found.class_ids, strict=True
                    )
                ]
            ]  # fmt: skip

    theirs = Ours(model_path="", device="cpu", confidence_threshold=0.25, load_at_init=True)

    def detect(frame: Frame) -> Detections:
        told = get_sliced_prediction(
            np.ascontiguousarray(frame.image[..., ::-1]), theirs, slice_width=tile[0],
            slice_height=tile[1], verbose=0,
        ).object_prediction_list  # fmt: skip
        return Detections(
            np.array([one.bbox.to_xyxy() for one in told], np.float32).reshape(-1, 4),
            np.array([one.score.value for one in told], np.float32),
            np.array([one.category.id for one in told], np.int64),
            class_names=model.class_names,
        )

    return detect


def first_of(value: Any) -> Any:
    """SAHI hands over one pair, or a list of pairs with one for each picture."""
    return value[0] if value and isinstance(value[0], list | tuple) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[10007, 10008, 10009, 10010])
    arguments = parser.parse_args()
    if importlib.util.find_spec("ensemble_boxes") is not None:
        compare_fusion()
    compare_tiles(arguments.seeds)


if __name__ == "__main__":
    main()

"""How long a segmentation model's answer takes to become masks: decoding, NMS, and masks in the picture.

    python benchmarks/masks.py

A head of YOLOv8-seg with 80 classes at 640 × 640 shows 50 objects, each by ten candidates. Printed is the
median in milliseconds, with the time of the same without masks beside it, and of a 4K picture.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from sightline.geometry import place
from sightline.models.decoders.prototypes import YoloV8Segment
from sightline.models.decoders.yolov8 import YoloV8
from sightline.models.postprocess.nms import suppress
from sightline.models.postprocess.placed import to_source
from sightline.protocols import Decoder
from sightline.types import Detections, Floats

CANVAS = (640, 640)
CLASSES, PROTOTYPES, CELLS = 80, 32, 8400
CANDIDATES = 10


def head(objects: int, largest: float) -> tuple[Floats, Floats]:
    """Both outputs, (4 + C + M, A) and (M, 160, 160), with so many objects of up to ``largest`` pixels."""
    rng = np.random.default_rng(0)
    rows = np.zeros((4 + CLASSES + PROTOTYPES, CELLS), np.float32)
    at = rng.choice(CELLS, objects * CANDIDATES, replace=False)
    sides = rng.uniform(30, largest, (2, objects)).repeat(CANDIDATES, axis=1)
    rows[:2, at] = rng.uniform(60, 580, (2, objects)).repeat(CANDIDATES, axis=1)
    rows[:2, at] += rng.uniform(-1, 1, (2, len(at)))
    rows[2:4, at] = sides
    rows[4 + rng.integers(0, CLASSES, objects).repeat(CANDIDATES), at] = rng.uniform(
        0.3, 0.9, len(at)
    )
    rows[4 + CLASSES :, at] = rng.normal(0, 1, (PROTOTYPES, len(at)))
    return rows, rng.normal(0, 1, (PROTOTYPES, 160, 160)).astype(np.float32)


def milliseconds(
    decoder: Decoder, outputs: list[Floats], source: tuple[int, int], rounds: int
) -> tuple[float, Detections]:
    """The median time of one picture, and what was found in it."""
    spot = place(source, CANVAS, "letterbox")
    taken = []
    for _ in range(rounds + 3):
        begin = time.perf_counter()
        (candidates,) = decoder.decode(outputs, CANVAS, 0.25)
        found = to_source(suppress(candidates, 0.45, agnostic=False, limit=300), spot, ())
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[3:]) * 1e3, found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    print("objects  sides up to  picture      with masks  boxes alone  MB of masks")
    for objects, largest, source in (
        (50, 120, (640, 640)),
        (50, 320, (640, 640)),
        (50, 120, (1920, 1080)),
        (100, 120, (3840, 2160)),
    ):
        rows, prototypes = head(objects, largest)
        masked, found = milliseconds(
            YoloV8Segment(), [rows[None], prototypes[None]], source, rounds
        )
        plain, _ = milliseconds(YoloV8(), [rows[None, : 4 + CLASSES]], source, rounds)
        size = f"{source[0]}×{source[1]}"
        assert found.masks is not None
        megabytes = found.masks.nbytes / 1e6
        print(
            f"{len(found):7} {largest:12} {size:>12} {masked:11.2f} {plain:12.2f} {megabytes:12.1f}"
        )


if __name__ == "__main__":
    main()

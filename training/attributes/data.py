"""Crops of people and vehicles: rendered once, kept in one file, cut anew for every batch.

    python -m training.attributes.data FOLDER [--seeds 0:400]

Only ``street://`` is trained on, and only seeds below ``HELD_OUT_SEED``. Frames of one street are a
second apart, so that identities come back. Each crop is kept with some of what is around it, so
that a batch can be cut as if a detector's boxes had been a little wrong.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from training.data import refuse_held_out, scene

from sightline.models.model_card import ModelCard
from sightline.sources.street import StreetOptions, StreetSource, StreetTruth, truth_of

SIDE = 48
"""Width and height of what the networks see, in pixels."""
CARD = ModelCard(name="street", size=(SIDE, SIDE), fixed_size=True, margin=0.08)
"""How crops are cut and fed, in training as in use."""
TYPES = ("car", "van", "bus", "truck", "motorcycle", "bicycle")
COLOURS = ("white", "grey", "black", "red", "blue", "green", "yellow", "orange", "beige")
ATTRIBUTES = {"type": TYPES, "colour": COLOURS}
"""What the classifier says of a vehicle, and the names that it may give."""
PERSON = 0
"""COCO's number of people; everything else on the street is a vehicle."""

SECONDS = 24
SIZES = ((640, 384), (960, 576), (1280, 768))
"""Of the pictures: a third of the streets each."""
LEAST_HEIGHT, LEAST_VISIBLE = 18, 0.4
"""Crops that are taught are a little worse than those that are scored."""
MOST = {True: 4, False: 8}
"""Crops that are kept of one person, and of one vehicle."""
_KEPT_MARGIN = 0.2
_LONGEST = 64
"""Pixels to which the longer side of a kept box is reduced."""


def street(seed: int) -> StreetOptions:
    """The street of a training seed. Raises ValueError where the seed is held out."""
    refuse_held_out([seed])
    width, height = SIZES[int(np.random.default_rng([seed, 5]).integers(len(SIZES)))]
    update = {"width": width, "height": height, "duration": SECONDS}
    return scene(seed).model_copy(update=update)


def good(truth: StreetTruth, height: float, visible: float) -> NDArray[np.int64]:
    """Rows of the objects that are at least ``height`` pixels high and ``visible`` (a share)."""
    tall = truth.boxes[:, 3] - truth.boxes[:, 1] >= height
    return np.flatnonzero(tall & (truth.visibility >= visible))


def names(truth: StreetTruth, row: int) -> tuple[int, int]:
    """Places of an object's type and colour in TYPES and COLOURS; -1 where it has none."""
    said = {label.attribute: label.value for label in truth.labels[row]}
    of, colour = said.get("type"), said.get("colour")
    return (-1 if of is None else TYPES.index(of)), (
        -1 if colour is None else COLOURS.index(colour)
    )


def _kept(
    image: NDArray[np.uint8], box: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """What is kept of a box: pixels of it and around it, and where in them it lies."""
    around = _KEPT_MARGIN * np.tile(box[2:] - box[:2], 2) * (-1, -1, 1, 1)
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (box + around).round().astype(int)
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
    pixels, place = image[y0:y1, x0:x1], box - (x0, y0, x0, y0)
    scale = _LONGEST / (box[2:] - box[:2]).max()
    if scale < 1:
        w, h = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
        pixels = cv2.resize(pixels, (w, h), interpolation=cv2.INTER_AREA)
        place = place * np.tile((w / (x1 - x0), h / (y1 - y0)), 2)
    # Frames are freed before the street ends, so no views of them are kept.
    return pixels.copy(), place.astype(np.float32)


Crop = tuple[NDArray[np.uint8], NDArray[np.float32], tuple[int, ...]]
"""Pixels, place of the box in them, and seed, track, second, person (0 or 1), type and colour."""


def crops_of(seed: int) -> Iterator[Crop]:
    """Some good crops of everybody in a street, of seconds drawn at random."""
    found: dict[int, list[Crop]] = defaultdict(list)
    for frame in StreetSource(street(seed)):
        truth = truth_of(frame)
        for row in good(truth, LEAST_HEIGHT, LEAST_VISIBLE).tolist():
            track, person = int(truth.track_ids[row]), int(truth.class_ids[row]) == PERSON
            fact = (seed, track, frame.index, int(person), *names(truth, row))
            found[track].append((*_kept(frame.image, truth.boxes[row]), fact))
    rng = np.random.default_rng([seed, 6])
    for crops in found.values():
        most = MOST[bool(crops[0][2][3])]
        for at in sorted(rng.permutation(len(crops))[:most].tolist()):
            yield crops[at]


def build(folder: Path, seeds: Sequence[int]) -> None:
    """Write the crops of ``seeds`` to ``folder``. Raises ValueError, OSError."""
    refuse_held_out(seeds)
    folder.mkdir(parents=True, exist_ok=True)
    places, shapes, facts = [], [], []
    started = time.monotonic()
    with (folder / "pixels.bin").open("wb") as file:
        for number, seed in enumerate(seeds):
            for pixels, place, fact in crops_of(seed):
                file.write(np.ascontiguousarray(pixels).data)
                places.append(place)
                shapes.append(pixels.shape[:2])
                facts.append(fact)
            if number % 20 == 19:
                print(f"{number + 1} streets, {time.monotonic() - started:.0f} s", flush=True)
    # Written last: a folder with an index is a whole one.
    index = {"places": np.stack(places), "shapes": np.array(shapes), "facts": np.array(facts)}
    np.savez(folder / "index.npz", **index)
    print(json.dumps(summary(index["facts"])))


def summary(facts: NDArray[np.int64]) -> dict[str, object]:
    """How many crops there are, in all and of each name."""
    kinds = np.bincount(facts[facts[:, 4] >= 0, 4], minlength=len(TYPES)).tolist()
    colours = np.bincount(facts[facts[:, 5] >= 0, 5], minlength=len(COLOURS)).tolist()
    return {
        "crops": len(facts),
        "people": int(facts[:, 3].sum()),
        "identities": len(np.unique(facts[:, :2], axis=0)),
        "type": dict(zip(TYPES, kinds, strict=True)),
        "colour": dict(zip(COLOURS, colours, strict=True)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0:400", help="FIRST:END")
    arguments = parser.parse_args()
    first, end = map(int, arguments.seeds.split(":"))
    cv2.setNumThreads(1)
    build(arguments.folder, range(first, end))


if __name__ == "__main__":
    main()

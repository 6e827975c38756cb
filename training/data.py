"""Training pictures: frames of many streets, kept on disk, and random crops of them.

    python training/data.py FOLDER [--seeds 0:1000] [--keep 6] [--masks]

Only ``street://`` is trained on, and only seeds below ``HELD_OUT_SEED``. Frames of one street are a
second apart; those with rare classes are kept first, since most of what a street shows is people.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.sources.street import HELD_OUT_SEED, StreetOptions, StreetSource, truth_of
from sightline.sources.street.truth import StreetTruth

CLASSES = {0: "person", 1: "bicycle", 2: "car", 3: "motorcycle", 5: "bus", 7: "truck"}
"""COCO's numbers and names of what the detector finds; its own class ids are places in here."""

WIDTH, HEIGHT = 640, 384
SECONDS = 14
"""Frames that are drawn of each street, one a second."""


@dataclass(frozen=True)
class Rule:
    """Which objects count; others count neither for nor against a detector.

    Args:
        height: of a box, pixels, at least.
        longer, shorter: the longer and the shorter side, pixels, at least.
        visibility: the share that is seen, at least.
    """

    height: float = 0.0
    longer: float = 0.0
    shorter: float = 4.0
    visibility: float = 0.25

    def ignored(
        self, boxes: NDArray[np.float32], visibility: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Which of N objects do not count: boxes (N, 4) xyxy, visibility (N,) from 0 to 1."""
        sides = boxes[:, 2:] - boxes[:, :2]
        small = (sides[:, 1] < self.height) | (sides.max(axis=1, initial=0) < self.longer)
        small |= sides.min(axis=1, initial=9e9) < self.shorter
        return small | (visibility < self.visibility)


HEADLINE = Rule(height=25.0)
"""As KITTI's "hard" cases, whose pictures are 375 high: at least 25 pixels high; a quarter seen."""
STRICT = Rule(longer=8.0)
"""Everything that the eye can still tell, in boxes from 8 × 4 pixels."""
TAUGHT = Rule(height=16.0, visibility=0.2)
"""Wider than the headline, so that what counts is never at the edge of what was taught."""

PLACES = np.full(80, -1, np.int64)
"""By COCO's number, the detector's own class id; -1 of what it does not find."""
PLACES[list(CLASSES)] = range(len(CLASSES))
_RARITY = np.array([0.0, 2.0, 0.1, 2.5, 3.0, 1.5])


def refuse_held_out(seeds: Sequence[int]) -> None:
    """Raises ValueError where a seed is kept for evaluation."""
    wrong = [seed for seed in seeds if not 0 <= seed < HELD_OUT_SEED]
    if wrong:
        raise ValueError(
            f"seed {wrong[0]} is held out: train on seeds from 0 to {HELD_OUT_SEED - 1} only"
        )


def scene(seed: int, seconds: int = SECONDS) -> StreetOptions:
    """The street of a training seed: all weathers, lights and cameras, a camera of any quality.

    Raises:
        ValueError: the seed is held out for evaluation.
    """
    refuse_held_out([seed])
    rng = np.random.default_rng([seed, 1])
    return StreetOptions(
        seed=seed, width=WIDTH, height=HEIGHT, fps=1, duration=seconds, density="random",
        weather="random", light="random", camera="random",
        noise=round(float(rng.uniform(0, 2)), 2), blur=round(float(rng.uniform(0, 1.8)), 2),
        shake=round(float(rng.uniform(0, 2)), 2),
        jpeg=int(rng.integers(40, 96)) if rng.random() < 0.3 else 0,
    )  # fmt: skip


def _worth(truth: StreetTruth) -> float:
    """How much a frame teaches about rare classes."""
    kept = ~TAUGHT.ignored(truth.boxes, truth.visibility)
    return float(_RARITY[PLACES[truth.class_ids[kept]]].sum())


def render(
    seed: int, keep: int, seconds: int = SECONDS
) -> list[tuple[NDArray[np.uint8], StreetTruth]]:
    """The ``keep`` most instructive of ``seconds`` frames of a training street, in order."""
    frames = [(frame.image, truth_of(frame)) for frame in StreetSource(scene(seed, seconds))]
    # Half by what is in them, half spread out evenly, so that plain scenes are there too.
    first = list(range(0, len(frames), max(1, 2 * len(frames) // keep)))[: keep // 2]
    rest = sorted(set(range(len(frames))) - set(first), key=lambda i: -_worth(frames[i][1]))
    return [frames[i] for i in sorted(first + rest[: keep - len(first)])]


def build(
    folder: Path, seeds: Sequence[int], keep: int, *, seconds: int = SECONDS, masks: bool = False
) -> None:
    """Write the ``keep`` best of ``seconds`` frames of each of ``seeds`` and their truth to ``folder``.

    With ``masks`` it is also written whose each pixel is.

    Raises ValueError, OSError.
    """
    refuse_held_out(seeds)
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(seeds) * keep, HEIGHT, WIDTH, 3)
    pixels = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.uint8, shape)
    maps = (
        np.lib.format.open_memmap(folder / "maps.npy", "w+", np.uint8, shape[:3]) if masks else None
    )
    boxes, classes, visibility, counts = [], [], [], []
    started = time.monotonic()
    for number, seed in enumerate(seeds):
        for at, (image, truth) in enumerate(render(seed, keep, seconds)):
            pixels[number * keep + at] = image
            if maps is not None:
                maps[number * keep + at] = truth.id_map
            boxes.append(truth.boxes)
            classes.append(PLACES[truth.class_ids])
            visibility.append(truth.visibility)
            counts.append(len(truth))
        if number % 50 == 49:
            print(f"{number + 1} streets, {time.monotonic() - started:.0f} s", flush=True)
    pixels.flush()
    if maps is not None:
        maps.flush()
    # Written last: a folder with truth is a whole one.
    truth = {"boxes": boxes, "classes": classes, "visibility": visibility}
    whole = {name: np.concatenate(parts) for name, parts in truth.items()}
    np.savez(folder / "truth.npz", **whole, counts=np.array(counts), seeds=np.array(seeds))
    taught = ~TAUGHT.ignored(whole["boxes"], whole["visibility"])
    found = np.bincount(whole["classes"][taught], minlength=len(CLASSES))
    summary = {
        "frames": len(counts),
        "objects": dict(zip(CLASSES.values(), found.tolist(), strict=True)),
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    print(json.dumps(summary))


def from_labels(dataset: Path, folder: Path) -> int:
    """Write the pictures of a YOLO dataset to ``folder``, as ``build`` writes frames; how many there are.

    Its classes are those of the detector, in order, and its pictures have the size of the frames. What a label
    names is there to be seen, so it counts where it is large enough.

    Raises ValueError, OSError: there is no such dataset.
    """
    pictures = sorted((dataset / "images").glob("*.jpg"))
    if not pictures:
        raise ValueError(f"{dataset / 'images'}: there are no pictures (*.jpg)")
    images, rows = [], []
    for path in pictures:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None or image.shape != (HEIGHT, WIDTH, 3):
            raise ValueError(f"{path}: it is no picture of {WIDTH}×{HEIGHT}")
        images.append(image)
        text = (dataset / "labels" / f"{path.stem}.txt").read_text(encoding="utf-8")
        rows.append(
            np.array([line.split()[:5] for line in text.splitlines()], np.float32).reshape(-1, 5)
        )
    labels = np.concatenate(rows)
    middles, sides = labels[:, 1:3], labels[:, 3:] / 2
    boxes = np.hstack([middles - sides, middles + sides]) * np.float32([WIDTH, HEIGHT] * 2)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "frames.npy", np.stack(images))
    np.savez(
        folder / "truth.npz", boxes=boxes, classes=labels[:, 0].astype(np.int64),
        visibility=np.ones(len(labels), np.float32), counts=[len(one) for one in rows],
        seeds=np.zeros(0, np.int64),
    )  # fmt: skip
    return len(images)


@dataclass(frozen=True)
class Batch:
    """Pictures (B, 3, H, W) uint8 RGB; objects of all pictures one after another.

    ``owner`` (N,) int64 is the picture of an object, ``boxes`` (N, 4) float32 xyxy in pixels,
    ``classes`` (N,) int64, ``ignored`` (N,) bool. ``maps`` (B, H, W) uint8 tells which object is seen at
    each pixel, where that is wanted: its place among the picture's objects + 1, or 0 for none.
    """

    pictures: NDArray[np.uint8]
    owner: NDArray[np.int64]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    maps: NDArray[np.uint8] | None = None


class Crops:
    """Random crops of a folder's frames. A batch depends on the seed and the step only.

    Args:
        folder: what ``build`` wrote.
        size: width and height of the crops; objects keep about their own size.
        seed: of everything random.
        masks: whether batches have ``maps``, which ``build`` wrote.

    Raises:
        ValueError: the folder holds frames of held-out seeds.
        OSError: the folder is not there or not whole.
    """

    def __init__(
        self, folder: Path, size: tuple[int, int], seed: int, *, masks: bool = False
    ) -> None:
        with np.load(folder / "truth.npz") as truth:
            refuse_held_out(truth["seeds"].tolist())
            self._boxes, self._classes = truth["boxes"], truth["classes"]
            self._visibility, counts = truth["visibility"], truth["counts"]
        self._frames = np.load(folder / "frames.npy", mmap_mode="r")
        self._maps = np.load(folder / "maps.npy", mmap_mode="r") if masks else None
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._size, self._seed = size, seed
        self._objects = np.flatnonzero(~TAUGHT.ignored(self._boxes, self._visibility))
        # Crops are cut around objects, of rare classes more often than they occur.
        kinds = self._classes[self._objects]
        weights = np.bincount(kinds, minlength=len(CLASSES)).clip(1) ** -0.75
        self._chances = np.cumsum(weights[kinds]) / weights[kinds].sum()

    def __len__(self) -> int:
        return len(self._frames)

    def batch(self, step: int, count: int) -> Batch:
        """The crops of one step of training."""
        rng = np.random.default_rng([self._seed, 2, step])
        crops = [self._crop(rng) for _ in range(count)]
        pictures = np.stack([c[0][..., ::-1] for c in crops]).transpose(0, 3, 1, 2)
        return Batch(
            pictures,
            np.repeat(np.arange(count), [len(c[1]) for c in crops]),
            *(np.concatenate([c[i] for c in crops]) for i in (1, 2, 3)),
            None if self._maps is None else np.stack([c[4] for c in crops]),
        )

    def _crop(self, rng: np.random.Generator) -> tuple[NDArray[Any] | None, ...]:
        width, height = self._size
        least = max(width / WIDTH, height / HEIGHT, 0.67)
        scale = max(least, min(1.6, float(np.exp(rng.normal(0, 0.2)))))
        w, h = min(WIDTH, round(width / scale)), min(HEIGHT, round(height / scale))
        x, y = rng.random(2) * (WIDTH, HEIGHT)
        if rng.random() < 0.85 and len(self._objects):
            drawn = int(np.searchsorted(self._chances, rng.random()))
            chosen = self._objects[min(drawn, len(self._objects) - 1)]
            number = int(np.searchsorted(self._starts, chosen, "right")) - 1
            box = self._boxes[chosen]
            x, y = (box[:2] + box[2:]) / 2 + rng.uniform(-0.4, 0.4, 2) * (w, h)
        else:
            number = int(rng.integers(len(self._frames)))
        left = int(np.clip(x - w / 2, 0, WIDTH - w))
        top = int(np.clip(y - h / 2, 0, HEIGHT - h))
        picture = self._frames[number, top : top + h, left : left + w]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        picture = cv2.resize(picture, (width, height), interpolation=how)
        mine = slice(self._starts[number], self._starts[number + 1])
        boxes, classes, skip, there = self._placed(mine, (left, top, w, h))
        seen = None if self._maps is None else self._seen(number, (left, top, w, h), there)
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
            boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
            seen = None if seen is None else seen[:, ::-1]
        boxes = boxes.clip(0, np.float32([width, height] * 2))  # scaling has rounded them
        return disturb(picture, rng), boxes, classes, skip, seen

    def _seen(
        self, number: int, cut: tuple[int, int, int, int], there: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Which of the objects that are ``there`` in a cut is seen at each pixel of the crop."""
        assert self._maps is not None
        left, top, w, h = cut
        seen = self._maps[number, top : top + h, left : left + w]
        places = np.zeros(256, np.uint8)  # a map has numbers up to 255
        places[1 : len(there) + 1] = np.cumsum(there) * there
        return places[cv2.resize(seen, self._size, interpolation=cv2.INTER_NEAREST)]

    def _placed(
        self, mine: slice, cut: tuple[int, int, int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """The objects of a frame that a cut (x, y, width, height) shows, in crop pixels.

        The last array tells which of the frame's objects they are.
        """
        left, top, w, h = cut
        whole = self._boxes[mine]
        boxes = whole - np.float32([left, top, left, top])
        boxes[:, [0, 2]] = boxes[:, [0, 2]].clip(0, w)
        boxes[:, [1, 3]] = boxes[:, [1, 3]].clip(0, h)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        share = areas / (whole[:, 2:] - whole[:, :2]).prod(axis=1)
        boxes *= np.float32([self._size[0] / w, self._size[1] / h] * 2)
        # What is too small in the frame is not told from its surroundings by being enlarged.
        seen = self._visibility[mine]
        skip = TAUGHT.ignored(whole, seen) | TAUGHT.ignored(boxes, seen * share)
        there = areas > 0
        return boxes[there], self._classes[mine][there], skip[there], there


def disturb(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Another camera and another light: tone, colour, sharpness, noise and JPEG at random."""
    picture = np.ascontiguousarray(picture)
    if rng.random() < 0.6:
        steps = np.arange(256, dtype=np.float32)[:, None] / 255
        gain = rng.uniform(0.7, 1.3) * rng.uniform(0.88, 1.12, 3)
        tone = steps ** rng.uniform(0.75, 1.33) * gain + rng.uniform(-0.08, 0.08)
        table = (tone.clip(0, 1) * 255).astype(np.uint8)[None]
        picture = cv2.LUT(picture, table)
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        share = rng.uniform(0.0, 1.5)
        picture = cv2.addWeighted(picture, share, grey, 1 - share, 0)
    if rng.random() < 0.1:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.1:
        noise = rng.standard_normal(picture.shape, np.float32) * rng.uniform(2, 10)
        picture = (picture + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0:1000", help="FIRST:END")
    parser.add_argument("--keep", type=int, default=6, help="frames of each street")
    parser.add_argument("--masks", action="store_true", help="keep whose each pixel is, too")
    arguments = parser.parse_args()
    first, end = map(int, arguments.seeds.split(":"))
    cv2.setNumThreads(1)
    build(arguments.folder, range(first, end), arguments.keep, masks=arguments.masks)


if __name__ == "__main__":
    main()

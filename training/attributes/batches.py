"""What is taught in one step: crops drawn from a folder, cut, and disturbed.

Everything depends on the seed and the step only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from training.attributes.data import CARD, SIDE
from training.data import refuse_held_out

from sightline.models.crops import regions, write_crop

JITTER = 0.04
"""How far a detector's box is off, as a share of its size (standard deviation)."""


@dataclass(frozen=True)
class Batch:
    """``pictures`` (B, 3, SIDE, SIDE) uint8 RGB; ``identities``, ``types``, ``colours`` (B,)."""

    pictures: NDArray[np.uint8]
    identities: NDArray[np.int64]
    types: NDArray[np.int64]
    colours: NDArray[np.int64]


class Crops:
    """The crops of folders that ``data.build`` wrote.

    Raises:
        ValueError: they hold crops of held-out seeds.
        OSError: a folder is not there or not whole.
    """

    def __init__(self, folders: Sequence[Path], seed: int = 0) -> None:
        parts = [dict(np.load(folder / "index.npz")) for folder in folders]
        self.facts, self._places, self._shapes = (
            np.concatenate([part[key] for part in parts]) for key in ("facts", "places", "shapes")
        )
        refuse_held_out(np.unique(self.facts[:, 0]).tolist())
        pixels = [np.fromfile(folder / "pixels.bin", np.uint8) for folder in folders]
        self._pixels = np.concatenate(pixels)
        self._starts = np.concatenate([[0], np.cumsum(self._shapes.prod(axis=1) * 3)])
        if self._starts[-1] != len(self._pixels):
            raise OSError(f"{', '.join(map(str, folders))}: not whole: make them again")
        self._seed = seed
        _, self.identities = np.unique(self.facts[:, :2], axis=0, return_inverse=True)
        self.identities = self.identities.reshape(-1)
        self._vehicles = np.flatnonzero(self.facts[:, 3] == 0)
        self._chances = self._balance()
        self._members = self._by_street()

    def _balance(self) -> NDArray[np.float64]:
        """Running sum of the chances of all vehicles: rare names are drawn more often."""
        weights = np.ones(len(self._vehicles))
        for column in (4, 5):
            names = self.facts[self._vehicles, column] + 1
            weights *= np.bincount(names).clip(1)[names] ** -0.5
        return np.cumsum(weights) / weights.sum()

    def _by_street(self) -> dict[int, list[list[NDArray[np.int64]]]]:
        """Rows of each identity that has several, by street, of vehicles (0) and people (1)."""
        found: dict[int, list[list[NDArray[np.int64]]]] = {0: [], 1: []}
        for person in (0, 1):
            rows = np.flatnonzero(self.facts[:, 3] == person)
            for seed in np.unique(self.facts[rows, 0]).tolist():
                mine = rows[self.facts[rows, 0] == seed]
                groups = [
                    mine[self.identities[mine] == i] for i in np.unique(self.identities[mine])
                ]
                found[person].append([g for g in groups if len(g) > 1])
        return found

    def vehicles(self, step: int, count: int) -> Batch:
        """Any vehicles, for the classifier."""
        rng = np.random.default_rng([self._seed, 7, step])
        drawn = np.searchsorted(self._chances, rng.random(count)).clip(max=len(self._vehicles) - 1)
        return self._batch(self._vehicles[drawn], rng)

    def pairs(self, step: int, count: int) -> Batch:
        """Two crops each of ``count / 2`` vehicles or people, in turn, street by street.

        Those of one street share its light, so that they are told apart by what they are.
        """
        rng = np.random.default_rng([self._seed, 8, step])
        streets = self._members[step % 2]
        rows: list[int] = []
        while len(rows) < count:
            for group in streets[int(rng.integers(len(streets)))]:
                rows += rng.choice(group, 2, replace=False).tolist()
        return self._batch(np.array(rows[:count]), rng)

    def _batch(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Batch:
        pictures = np.stack([self._cut(int(row), rng) for row in rows])
        facts = self.facts[rows]
        return Batch(
            np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)),
            self.identities[rows], facts[:, 4], facts[:, 5],
        )  # fmt: skip

    def _cut(self, row: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A crop as a detector would have cut it, under another light."""
        place = self._places[row]
        size = np.tile(place[2:] - place[:2], 2)
        off = rng.normal(0, JITTER, 4).clip(-0.1, 0.1) * size
        picture = cut(self._whole(row), place + off, blurred=rng.random() < 0.15)
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        return _relit(picture, rng)

    def _whole(self, row: int) -> NDArray[np.uint8]:
        start, end = self._starts[row : row + 2]
        whole: NDArray[np.uint8] = self._pixels[start:end].reshape(*self._shapes[row], 3)
        return whole

    def plain(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Crops as they are, (N, 3, SIDE, SIDE) RGB."""
        pictures = np.stack([cut(self._whole(r), self._places[r]) for r in rows.tolist()])
        return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))


def cut(
    image: NDArray[np.uint8], box: NDArray[np.float32], *, blurred: bool = False
) -> NDArray[np.uint8]:
    """A box of a picture as the package itself cuts it: (SIDE, SIDE, 3) RGB."""
    (region,) = regions(box[None], CARD.margin, (image.shape[1], image.shape[0]))
    x0, y0, x1, y1 = region.tolist()
    part = image[y0:y1, x0:x1]
    if blurred:
        half = max(1, min(x1 - x0, SIDE) // 2), max(1, min(y1 - y0, SIDE) // 2)
        part = cv2.resize(part, half, interpolation=cv2.INTER_AREA)
    out = np.empty((SIDE, SIDE, 3), np.uint8)
    write_crop(part, CARD, out)
    return out


def _relit(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A little brighter or darker, warmer or colder, and noisier; colours keep their names."""
    gain = rng.uniform(0.85, 1.18) * rng.uniform(0.96, 1.04, 3)
    steps = (np.arange(256)[:, None] * gain + rng.uniform(-8, 8)).clip(0, 255).astype(np.uint8)
    picture = cv2.LUT(np.ascontiguousarray(picture), steps[None])
    if rng.random() < 0.15:
        noise = rng.standard_normal(picture.shape, np.float32) * rng.uniform(2, 8)
        picture = (picture + noise).clip(0, 255).astype(np.uint8)
    return picture

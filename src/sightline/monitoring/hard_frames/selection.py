"""Chooses the frames of a stream from which a model learns most: hard ones, no two of them alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from sightline.monitoring.hard_frames.appearance import DIFFERENT, distances
from sightline.monitoring.hard_frames.reasons import LEAST, Reasons, hardness
from sightline.types import Floats

T = TypeVar("T")
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class HardFrame(Generic[T]):
    """A frame that may be chosen: why it is hard, the vector (D,) of its looks, and whatever else is kept of it."""

    reasons: Reasons
    appearance: Floats
    item: T

    @property
    def hardness(self) -> float:
        """All reasons together, 0 to 1."""
        return hardness(self.reasons)


@dataclass(frozen=True, slots=True, eq=False)
class ChosenFrame(Generic[T]):
    """A frame that is to be kept, and those that make room for it."""

    frame: HardFrame[T]
    replaced: tuple[HardFrame[T], ...]


class HardFrameSelection(Generic[T]):
    """Keeps the frames of one stream that are worth most within a budget.

    A frame is worth the more, the harder it is and the less it is like any other that is kept: a hundred
    frames of one hard scene teach what one of them does. Of those that show the same the hardest is kept.

    Args:
        budget: how many frames are kept.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._frames: list[HardFrame[T]] = []
        self._looks: Floats = np.zeros((0, 0), np.float32)
        """(N, D): what the frames look like."""
        self._nearest: Floats = np.zeros(0, np.float32)
        """(N,): how far the most similar other frame is from each."""

    def fits(self, appearance: Floats) -> bool:
        """Whether an appearance can be compared with those of the frames that are kept: one embedder made them."""
        return not self._frames or appearance.shape == self._looks.shape[1:]

    def __len__(self) -> int:
        return len(self._frames)

    def choose(self, frame: HardFrame[T]) -> ChosenFrame[T] | None:
        """Whether a frame is kept, and what goes for it; None: it is not. ``take`` makes it so."""
        own = frame.hardness
        if own < LEAST:
            return None
        apart = self._distances(frame)
        alike = np.flatnonzero(apart < 1)
        if any(self._frames[row].hardness >= own for row in alike):
            return None
        if len(alike) or len(self._frames) < self._budget:
            return ChosenFrame(frame, tuple(self._frames[row] for row in alike))
        least = self._least(own, apart)
        return None if least is None else ChosenFrame(frame, (self._frames[least],))

    def take(self, choice: ChosenFrame[T]) -> None:
        """Keep what was chosen."""
        for frame in choice.replaced:
            self.remove(frame.item)
        apart = self._distances(choice.frame)
        looks = choice.frame.appearance[None]
        self._looks = np.concatenate([self._looks, looks]) if self._frames else looks
        self._frames.append(choice.frame)
        nearest = apart.min(initial=np.inf)
        self._nearest = np.append(np.minimum(self._nearest, apart), nearest).astype(np.float32)

    def remove(self, item: T) -> None:
        """Forget a frame, where it is there."""
        row = next((row for row, frame in enumerate(self._frames) if frame.item == item), None)
        if row is None:
            return
        gone = self._frames.pop(row)
        self._looks = np.delete(self._looks, row, axis=0)
        self._nearest = np.delete(self._nearest, row)
        # Those that the frame was nearest to have another neighbour now.
        for other in np.flatnonzero(self._distances(gone) <= self._nearest * (1 + _ROUNDING)):
            apart = distances(self._looks[other], self._looks)
            apart[other] = np.inf
            self._nearest[other] = apart.min()

    def frames(self) -> list[HardFrame[T]]:
        """Those that are kept, the hardest first."""
        return sorted(self._frames, key=lambda frame: -frame.hardness)

    def _distances(self, frame: HardFrame[T]) -> Floats:
        if not self._frames:
            return np.zeros(0, np.float32)
        return distances(frame.appearance, self._looks)

    def _least(self, own: float, apart: Floats) -> int | None:
        """The row of the frame that is worth least beside a new one; None: that is the new one."""
        nearest = np.minimum(self._nearest, apart)
        hard = np.array([frame.hardness for frame in self._frames])
        worth = hard * novelty(nearest)
        least = int(worth.argmin())
        return least if worth[least] < own * novelty(apart.min(initial=np.inf)) else None


def novelty(nearest: Floats | float) -> Floats:
    """What part of a frame's hardness counts, by the distance of the frame most like it: 0.5 to 1."""
    return np.asarray(0.5 + 0.5 * np.minimum(1.0, np.asarray(nearest) / DIFFERENT), np.float32)

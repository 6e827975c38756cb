"""Whether footage shows a model enough of what cameras will show it: INT8's scales hold for what they were found on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sightline.optimize.variants.pictures import NetworkPictures
from sightline.types import Floats

CELLS = 16
"""Pictures are compared as so many by so many means."""
SAME = 4.0
"""Levels of 255. Pictures none of whose means differ by more show the same: codecs and noise move them less."""
FEW = 20
"""From so many different pictures on, nothing is said of how many they are."""
GREY = 1.0
"""Levels by which the channels of pictures in colour differ at least, in the mean."""
DARK, BRIGHT = 60.0, 215.0
ENLARGED = 2.0


@dataclass(frozen=True)
class FootageLook:
    """What was seen of the pictures that a network was given.

    Args:
        different: how many of them do not show the same as an earlier one.
        doubts: why scales that are found on them may not hold for others, a sentence each.
    """

    different: int
    doubts: tuple[str, ...]


def look_at(pictures: NetworkPictures) -> FootageLook:
    """Look at all pictures; there is one at least."""
    count = len(pictures)
    small, colours, enlargements = [], [], []
    for place in range(count):
        pixels = pictures[place]
        colours.append(float(np.ptp(pixels[::2, ::2], axis=2).mean()))
        small.append(cv2.resize(pixels, (CELLS, CELLS), interpolation=cv2.INTER_AREA).mean(2))
        width, height = pictures.source(place)
        enlargements.append(min(pixels.shape[0] / height, pixels.shape[1] / width))
    means = np.array(small, np.float32)
    different = _different(means)
    levels = _levels(means)
    doubts = []
    if different < min(FEW, count / 2):
        doubts.append(
            f"only {different} of {count} pictures differ: take footage in which more happens"
        )
    if max(colours) < GREY:
        doubts.append("no picture has colours: where cameras show some, by day, footage must, too")
    if max(levels) < DARK:
        doubts.append(
            f"all pictures are dark (at most {max(levels):.0f} of 255): show the day as well, where cameras see it"
        )
    if min(levels) > BRIGHT:
        doubts.append(
            f"all pictures are bright (at least {min(levels):.0f} of 255): show the night as well, where cameras see it"
        )
    if (factor := float(np.median(enlargements))) >= ENLARGED:
        width, height = pictures.source(int(np.argsort(enlargements)[count // 2]))
        doubts.append(
            f"pictures such as those of {width}×{height} are enlarged {factor:.1f} times for the model: are "
            "those of the cameras as small?"
        )
    return FootageLook(different, tuple(doubts))


def _different(means: Floats) -> int:
    kept: list[Floats] = []
    for one in means:
        if all(np.abs(one - other).max() > SAME for other in kept):
            kept.append(one)
    return len(kept)


def _levels(means: Floats) -> list[float]:
    """How bright each picture is, without the border that is the same in all of them."""
    moving = np.ptp(means, axis=0) > 0
    inner = means[:, moving] if moving.any() else means.reshape(len(means), -1)
    return [float(level) for level in inner.mean(1)]

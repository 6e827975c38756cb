"""Networks whose numbers overflow: half precision, or weights that were damaged, give NaN and infinity."""

from __future__ import annotations

import logging
from collections.abc import Sequence, Sized

import numpy as np

from sightline.types import Detections, Floats

log = logging.getLogger(__name__)

_REMEDY = (
    "its numbers overflow in half precision, or its weights are damaged: run it in fp32 (--precision fp32, or "
    "`precision: fp32` of its engine), or export it again, without half precision"
)


class FiniteObjects:
    """Leaves out objects whose box, score or keypoints are no numbers, and says once that a network makes such.

    A NaN is above no threshold, so a network of which every score is one just finds nothing. Its outputs are looked
    at where nothing was found; ever more rarely, since that takes as long as decoding them.

    Args:
        name: of the model, for the log.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._said = False
        self._empty = 0

    def kept(self, found: Detections) -> Detections:
        """The objects that can be drawn, tracked and written."""
        if not len(found):
            return found
        finite = np.isfinite(found.boxes).all(axis=1) & np.isfinite(found.scores)
        for part in (found.keypoints, found.angles):
            if part is not None:
                finite &= np.isfinite(part).reshape(len(found), -1).all(axis=1)
        if finite.all():
            return found
        self._warn("boxes or scores that are no numbers, which are left out")
        return found[np.flatnonzero(finite)]

    def look(self, pictures: Sequence[Sized], outputs: Sequence[Floats]) -> None:
        """Outputs and what was found in them: where that is nothing, the first are looked at, the second, fourth and so on."""
        if any(map(len, pictures)):
            return
        self._empty += 1
        if self._said or self._empty & (self._empty - 1):
            return
        if any(np.isnan(output).any() for output in outputs):
            self._warn("outputs that are no numbers (NaN), in which nothing can be found")

    def _warn(self, what: str) -> None:
        if not self._said:
            self._said = True
            log.warning("model %s makes %s: %s", self._name, what, _REMEDY)

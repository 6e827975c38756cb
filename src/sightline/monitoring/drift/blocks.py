"""The samples of a recording in blocks, as many as the memory allows, however long it is."""

from __future__ import annotations

from sightline.monitoring.drift.reference import BLOCK, WINDOWS
from sightline.monitoring.profiles.profile import FrameSample, Profile, merged

MOST_BLOCKS = 480
"""Blocks that are kept one by one, some 60 KB each: two hours and a half at a sample a second."""
_STRETCH = WINDOWS[-1]
"""Blocks that stay together: what varies from one stretch of time to another must be seen."""


class BlockSeries:
    """Blocks of 20 samples in order. Of long recordings only some stretches are kept block by block.

    Attributes:
        samples: how many were added.
        blocks: those that are kept, in order; the newest may be partly filled.
        rest: the sum of all others.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.blocks = [Profile()]
        self.rest = Profile()

    def add(self, sample: FrameSample) -> None:
        """Count one more sample."""
        if self.blocks[-1].samples == BLOCK:
            if len(self.blocks) == MOST_BLOCKS:
                self._thin()
            self.blocks.append(Profile())
        self.samples += 1
        self.blocks[-1].add(sample)

    @property
    def seconds(self) -> float:
        """From the first sample to the last."""
        return self.blocks[-1].ended - self.blocks[0].began

    def _thin(self) -> None:
        """Add every second stretch to the rest, the first one never: it tells when all began."""
        kept = []
        for start in range(0, len(self.blocks), _STRETCH):
            stretch = self.blocks[start : start + _STRETCH]
            if start // _STRETCH % 2:
                self.rest = merged([self.rest, *stretch])
            else:
                kept += stretch
        self.blocks = kept

"""A detector that looks at a picture in overlapping tiles, so that small objects stay large enough to be seen."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Self

import numpy as np

from sightline.config.composites import TileOptions
from sightline.errors import ConfigError
from sightline.futures import all_begun, joined
from sightline.models.composites.joined_tiles import joined_tiles
from sightline.models.composites.parts import conf_of, engines_wrapped, shared
from sightline.models.postprocess.nms import suppress
from sightline.models.postprocess.placed import moved
from sightline.protocols import (
    AdjustableDetector,
    Detector,
    Engine,
    SizedDetector,
    TrackableDetector,
)
from sightline.types import Detections, Frame

Tile = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the picture."""

SEEN_PX = 16
"""An object whose shorter side is smaller than that on the network's input is easily missed."""

BATCH = 4
"""Tiles that are one job of the engine: more of them save nothing, and take memory."""

_SQUARE = (1000, 1000)
"""A picture whose aspect takes nothing from a network's input."""

MOST_TILES = 1024
"""Most tiles of one picture: more are a mistake in the options, and would take minutes."""


class TiledDetector:
    """A ``Detector`` that shows another one the tiles of each picture, and the whole of it.

    Slicing-aided inference (Akyon, Altinuc and Temizel 2022). Tiles at the right and lower edge are
    shifted, not shrunk. Of decoded video, only the pixels of each tile are made.

    Args:
        detector: looks at the tiles; closed with this one.
        options: which tiles, and what becomes of objects that are found in several of them.

    Raises:
        ConfigError: the detector has no input size that could be told, and the options have no ``tile``.
    """

    def __init__(self, detector: Detector, options: TileOptions | None = None) -> None:
        self.detector = detector
        self.options = options or TileOptions()
        tile = self.options.tile
        self.tile = (tile, tile) if isinstance(tile, int) else tile
        self._sized = detector if isinstance(detector, SizedDetector) else None
        if self._sized is None and (tile is None or self.options.smallest is not None):
            raise ConfigError(
                "tiles: this detector does not tell the size of its input: give `tile`, and no `smallest`"
            )

    def __str__(self) -> str:
        """The detector's line, and how it is used."""
        size = "its input's size" if self.tile is None else "{}×{}".format(*self.tile)
        return f"tiles of {size} of {self.detector}"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id, from 0."""
        return self.detector.class_names

    def tiles(self, size: tuple[int, int]) -> list[Tile]:
        """The tiles of a picture of ``size`` (width, height), from the upper left one on; none: no need.

        Raises ConfigError: there would be too many.
        """
        tile = self._tile_size(size)
        if tile is None or (tile[0] >= size[0] and tile[1] >= size[1]):
            return []
        columns, rows = (
            _starts(length, side, self.options.overlap)
            for length, side in zip(size, tile, strict=True)
        )
        if len(columns) * len(rows) > MOST_TILES:
            raise ConfigError(
                f"tiles: a picture of {size[0]}×{size[1]} has {len(columns) * len(rows):,} tiles of "
                f"{tile[0]}×{tile[1]}: at most {MOST_TILES:,} are looked at, so give larger ones"
            )
        return [
            (x, y, min(x + tile[0], size[0]), min(y + tile[1], size[1]))
            for y in rows
            for x in columns
        ]

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in frames, each in its tiles. Raises ConfigError: a frame has too many of them."""
        return joined(all_begun(partial(self._submit, frame) for frame in frames), list)

    def replaced(
        self,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Sequence[str] | None = None,
    ) -> Self:
        """The same tiles of the detector with these. Raises ConfigError, as the detector does."""
        detector = self.detector
        if not isinstance(detector, AdjustableDetector):
            raise ConfigError("tiles: the conf, iou and classes of this detector are fixed")
        return self.with_detectors(lambda _: detector.replaced(conf=conf, iou=iou, classes=classes))

    def with_detectors(self, wrap: Callable[[Detector], Detector]) -> Self:
        """The same tiles of another detector of the same input size: one behind a scheduler, say."""
        other = copy.copy(self)
        other.detector = wrap(self.detector)
        return other

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """See ``UsesEngines``. Raises ConfigError: the detector has no engines."""
        return self.with_detectors(lambda one: engines_wrapped(one, wrap))

    @property
    def engines(self) -> Sequence[Engine]:
        """The detector's. Raises ConfigError: it has none."""
        return shared(self.detector).engines

    @property
    def max_batch(self) -> int | None:
        """The detector's. Raises ConfigError: it has no engines."""
        return shared(self.detector).max_batch

    def batches(self, source: tuple[int, int]) -> Sequence[tuple[int, int, int]]:
        """What each engine runs for a tile of a source picture, or for the whole."""
        tile = self._tile_size(source)
        return shared(self.detector).batches(source if tile is None else tile)

    def with_aspects(self, aspects: Sequence[tuple[int, int]]) -> Self:
        """See ``SharedDetector``. Tiles are all of one aspect, so they are not padded."""
        tile = self.tile or (_SQUARE if self._sized is None else self._sized.canvas(_SQUARE))
        return self.with_detectors(lambda one: shared(one).with_aspects((*aspects, tile)))

    @property
    def conf(self) -> float:
        """The detector's."""
        return conf_of(self.detector)

    @property
    def tracker_options(self) -> Mapping[str, Any] | None:
        """The detector's."""
        one = self.detector
        return one.tracker_options if isinstance(one, TrackableDetector) else None

    @property
    def embedder(self) -> str | None:
        """The detector's."""
        return self.detector.embedder if isinstance(self.detector, TrackableDetector) else None

    def close(self) -> None:
        """Close the detector."""
        self.detector.close()

    def _tile_size(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """The size of a picture's tiles; None: the whole picture is enough."""
        detector, smallest = self._sized, self.options.smallest
        if detector is None:
            return self.tile
        across, down = detector.canvas(_SQUARE)
        if smallest is None:
            return self.tile or (across, down)
        width, height = detector.canvas(size)
        if smallest * min(width / size[0], height / size[1]) >= SEEN_PX:
            return None
        scale = max(1.0, smallest / SEEN_PX)
        return self.tile or (int(across * scale) // 2 * 2, int(down * scale) // 2 * 2)

    def _submit(self, frame: Frame) -> Future[Detections]:
        size = (frame.width, frame.height)
        tiles = self.tiles(size)
        if not tiles:
            return joined([self.detector.submit((frame,))], lambda found: found[0][0])
        parts = [frame.cropped(*tile) for tile in tiles]
        jobs = [parts[at : at + BATCH] for at in range(0, len(parts), BATCH)]
        if self.options.whole:
            jobs.append([frame])
            tiles.append((0, 0, *size))
        futures = all_begun(partial(self.detector.submit, job) for job in jobs)
        return joined(futures, partial(self._merged, tiles, size))

    def _merged(
        self, tiles: list[Tile], size: tuple[int, int], batches: list[list[Detections]]
    ) -> Detections:
        parts = [found for batch in batches for found in batch]
        placed = [moved(found, tile[:2], size) for found, tile in zip(parts, tiles, strict=True)]
        found, threshold = Detections.concatenate(placed), self.options.threshold
        if self.options.merge == "nms":
            return suppress(found, threshold, agnostic=False, limit=len(found))
        tile_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return joined_tiles(found, tile_of, np.array(tiles, np.float32), threshold=threshold)


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Where tiles begin along one axis; the last one is shifted so that it ends with the picture.

    All but the last begin at even pixels, as the colours of video do.
    """
    if side >= length:
        return [0]
    step = max(2, (side - int(overlap * side)) // 2 * 2)
    return [*range(0, length - side, step), length - side]

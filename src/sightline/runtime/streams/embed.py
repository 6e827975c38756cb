"""The stage that makes vectors of objects to search by: of each track the best crop so far."""

from __future__ import annotations

import math
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, replace

import cv2
import numpy as np

from sightline.config import EmbedOptions
from sightline.imaging.picture_files import encoded
from sightline.protocols import IdentifiedEmbedder
from sightline.runtime.streams.crop_choice import (
    CONTEXT,
    ENOUGH,
    LEAST,
    SHARPEST,
    CropChoice,
    rough_weights,
    weight,
)
from sightline.types import Embedding, Floats, Frame, Ints, Observation

FORGET_S = 30.0
"""A track that was not seen for so long has ended."""
_JPEG_QUALITY = 80


@dataclass(slots=True)
class _Best:
    """The best crop of a track so far, and when it was looked for."""

    quality: float = 0.0
    looked_at: float = float("-inf")
    seen_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Look:
    """Crops of one frame that the embedder is looking at, without their vectors."""

    index: int
    crops: list[Embedding]
    vectors: Future[Floats]


class EmbedTracks:
    """Makes vectors of objects, to search by.

    A tracked object is looked at as soon as it appears, and again where a later crop is much better: larger,
    sharper, surer, less covered. Each look is an ``Embedding`` in ``Observation.embeddings``, and the last one
    of a track is its best. Objects of pictures that are no film are looked at once each.

    Args:
        embedder: shared by streams; its owner closes it.
        options: which objects it is shown, and how much better a crop must be.
        class_ids: of the objects that it is shown; None: all.
        name: of this stage among those of its stream.
    """

    def __init__(
        self,
        embedder: IdentifiedEmbedder,
        options: EmbedOptions,
        class_ids: Ints | None = None,
        name: str = "embed",
    ) -> None:
        self.name = name
        self._embedder = embedder
        self._options = options
        self._choice = CropChoice(options, class_ids)
        self._tracks: dict[int, _Best] = {}
        self._looks: deque[_Look] = deque()
        self._swept_at = 0.0

    def submit(self, seen: Observation) -> Future[Floats] | None:
        """Show the embedder what is to be looked at in this frame; see ``Stage.submit``."""
        if not self._choice.is_turn(seen) or not len(seen.detections):
            return None
        crops = [self._crop(seen, row, quality) for row, quality in self._wanted(seen)]
        if not crops:
            return None
        boxes = np.array([crop.box for crop in crops], np.float32)
        vectors = self._embedder.submit(seen.frame, boxes)  # first: a refusal changes nothing
        for crop in crops:
            if crop.track_id is not None:
                known = self._tracks[crop.track_id]
                known.quality, known.looked_at = crop.quality, crop.time
        self._looks.append(_Look(seen.frame.index, crops, vectors))
        return vectors

    def settle(self, seen: Observation, found: Floats | None) -> Observation:  # noqa: ARG002 - see _ready
        """The observation with the vectors that have come, late ones too; see ``Stage.settle``."""
        self._forget(seen.frame.time)
        if seen.skipped is not None and not seen.predicted:
            return seen  # nobody is handed it
        ready = tuple(self._ready(seen.frame.index))
        return replace(seen, embeddings=(*seen.embeddings, *ready)) if ready else seen

    def _wanted(self, seen: Observation) -> list[tuple[int, float]]:
        """The rows of the objects to look at in this frame, and how good their crops are."""
        found, frame = seen.detections, seen.frame
        rough = rough_weights(found, frame)
        shown = self._choice.of(seen) & (rough > 0)
        if found.track_ids is None:
            rows = np.flatnonzero(shown).tolist()
            return [(row, _quality(frame, found.extents[row], rough[row])) for row in rows]
        rows = np.flatnonzero(shown & (found.track_ids >= 0)).tolist()
        wanted = []
        for row in rows:
            known = self._tracks.setdefault(int(found.track_ids[row]), _Best())
            known.seen_at = frame.time
            needed = known.quality * self._options.better
            if (
                frame.time - known.looked_at < self._options.again_s
                or rough[row] * SHARPEST < needed
            ):
                continue
            quality = _quality(frame, found.extents[row], rough[row])
            if quality >= needed:
                wanted.append((row, quality))
        return wanted

    def _crop(self, seen: Observation, row: int, quality: float) -> Embedding:
        """What is known of a crop before its vector has come."""
        frame, found = seen.frame, seen.detections
        x0, y0, x1, y1 = found.extents[row].tolist()
        return Embedding(
            self._embedder.info, frame.index, frame.time, frame.utc, frame.clock,
            None if found.track_ids is None else int(found.track_ids[row]),
            found.class_name(int(found.class_ids[row])), float(found.scores[row]), (x0, y0, x1, y1),
            np.empty(0, np.float32), quality, _picture(frame, found.extents[row], self._options.picture),
        )  # fmt: skip

    def _ready(self, index: int) -> list[Embedding]:
        """The embeddings of this frame and of those before it that have come."""
        ready: list[Embedding] = []
        while self._looks and self._looks[0].index <= index and self._looks[0].vectors.done():
            look = self._looks.popleft()
            if look.vectors.cancelled() or look.vectors.exception() is not None:
                for crop in look.crops:  # the runner of this stage has counted why
                    if crop.track_id in self._tracks:
                        self._tracks[crop.track_id] = _Best(seen_at=crop.time)
                continue
            ready += [
                replace(crop, vector=vector)
                for crop, vector in zip(look.crops, look.vectors.result(), strict=True)
            ]
        return ready

    def _forget(self, now: float) -> None:
        if now - self._swept_at < FORGET_S:
            return
        self._swept_at = now
        for track in [t for t, known in self._tracks.items() if now - known.seen_at > FORGET_S]:
            del self._tracks[track]


def _quality(frame: Frame, box: Floats, rough: float) -> float:
    """How good a crop is: ``rough_weights``, and how sharp it is."""
    x0, y0, x1, y1 = np.round(box).tolist()
    pixels = max(1.0, min((x1 - x0) * (y1 - y0), float(ENOUGH)))
    return float(max(LEAST, rough * weight(frame, box) / pixels))


def _picture(frame: Frame, box: Floats, longest: int) -> bytes:
    """A box and a little around it as a JPEG, no longer than ``longest`` pixels; empty where that is 0."""
    if not longest:
        return b""
    x0, y0, x1, y1 = box.tolist()
    left, top = CONTEXT * (x1 - x0), CONTEXT * (y1 - y0)
    rows = slice(max(0, math.floor(y0 - top)), max(0, math.ceil(y1 + top)))
    columns = slice(max(0, math.floor(x0 - left)), max(0, math.ceil(x1 + left)))
    crop = frame.image[rows, columns]
    height, width = crop.shape[:2]
    scale = min(1.0, longest / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    return encoded(np.ascontiguousarray(crop), ".jpg", _JPEG_QUALITY)

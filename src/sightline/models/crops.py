"""Pictures of single objects, cut out of a frame into an engine's input.

Knows frames, boxes and pixels. Knows no runtime, and not what a model says of a crop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import cv2
import numpy as np

from sightline.errors import ModelError
from sightline.futures import joined
from sightline.geometry import centre_crop, place
from sightline.models.model_card import ModelCard
from sightline.protocols import Engine
from sightline.types import Floats, Frame, Ints, Pixels

T = TypeVar("T")
R = TypeVar("R")

BATCHES = (16, 8, 4, 2, 1)
"""Engines keep memory, and some compile, for each shape of input, so any number of crops is made of
batches of these few sizes."""

_OF_A_PART = 128 * 128
"""Pixels of a whole picture that are made in the time that a part takes beside its own pixels."""


class CropRunner:
    """Shows the crops of frames to a model.

    Args:
        engine: runs the card's model.
        card: how crops are cut: size, margin, resize, pad, order, largest batch.

    Raises:
        ModelError: the model takes only batches of a size greater than one.
    """

    def __init__(self, engine: Engine, card: ModelCard) -> None:
        fixed = engine.info.input.shape[0]
        if fixed not in {None, 1}:
            raise ModelError(
                f"model {card.name} takes {fixed} crops at a time, neither more nor fewer: "
                "export it with a dynamic batch size"
            )
        most = fixed or card.max_batch or BATCHES[0]
        self._sizes = [size for size in BATCHES if size <= most]
        self._engine, self._card = engine, card

    def submit(
        self,
        frame: Frame,
        boxes: Floats,
        read: Callable[[Sequence[Floats]], T],
        join: Callable[[list[T]], R],
    ) -> Future[R]:
        """``join`` of what ``read`` made of the outputs of each batch, in the order of ``boxes``.

        Args:
            boxes: (N, 4) xyxy in pixels of the frame; what lies beyond it is cut off.

        Raises:
            ValueError: boxes have another shape.
        """
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes must be (N, 4), not {boxes.shape}")
        if not len(boxes):
            return joined([], join)
        cuts = regions(boxes, self._card.margin, (frame.width, frame.height))
        parts = parts_of(frame, cuts)  # here, and not in the engine's threads

        def write(number: int, out: Pixels) -> None:
            write_crop(parts[number], self._card, out)

        return self._in_batches(len(parts), write, read, join)

    def submit_cut(
        self,
        pictures: Sequence[Pixels],
        read: Callable[[Sequence[Floats]], T],
        join: Callable[[list[T]], R],
    ) -> Future[R]:
        """As ``submit``, of pictures (H, W, 3) uint8 that were cut before, as ``cut`` does."""

        def write(number: int, out: Pixels) -> None:
            np.copyto(out, pictures[number])

        return self._in_batches(len(pictures), write, read, join)

    def _in_batches(
        self,
        count: int,
        write: Callable[[int, Pixels], None],
        read: Callable[[Sequence[Floats]], T],
        join: Callable[[list[T]], R],
    ) -> Future[R]:
        running, at = [], 0
        while at < count:
            size = next(s for s in self._sizes if s <= count - at)
            running.append(self._run(range(at, at + size), write, read))
            at += size
        return joined(running, join)

    def _run(
        self,
        numbers: range,
        write: Callable[[int, Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        width, height = self._card.size

        def fill(batch: Pixels) -> None:
            for number, out in zip(numbers, batch, strict=True):
                write(number, out)

        return self._engine.submit((len(numbers), height, width), fill, read)


def cut(frame: Frame, boxes: Floats, card: ModelCard) -> list[Pixels]:
    """What a model is shown of boxes (N, 4) xyxy of a frame: pictures (H, W, 3) uint8 of the card's size."""
    width, height = card.size
    made = []
    for part in parts_of(frame, regions(boxes, card.margin, (frame.width, frame.height))):
        out = np.empty((height, width, 3), np.uint8)
        write_crop(part, card, out)
        made.append(out)
    return made


def parts_of(frame: Frame, cuts: Ints) -> list[Pixels]:
    """The pixels (h, w, 3) BGR of parts (N, 4) xyxy of a frame, each of which has some.

    Where they are little of the picture, no others are made, if its source can do so.
    """
    sides = cuts[:, 2:] - cuts[:, :2]
    if sides.prod(axis=1).sum() + len(cuts) * _OF_A_PART > frame.width * frame.height:
        image = frame.image
        return [image[y0:y1, x0:x1] for x0, y0, x1, y1 in cuts.tolist()]
    parts = []
    for x0, y0, x1, y1 in cuts.tolist():
        left, top = x0 - x0 % 2, y0 - y0 % 2  # colour is told of two by two pixels
        right, bottom = min(x1 + x1 % 2, frame.width), min(y1 + y1 % 2, frame.height)
        part = frame.cropped(left, top, right, bottom).image
        parts.append(part[y0 - top : y1 - top, x0 - left : x1 - left])
    return parts


def regions(boxes: Floats, margin: float, size: tuple[int, int]) -> Ints:
    """Whole pixels (N, 4) xyxy that are cut for boxes of a picture of ``size`` (width, height).

    ``margin`` is a share of the box's own sides. At least one pixel is left of every box.
    """
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    wide = np.round(boxes + margin * sides * np.array([-1, -1, 1, 1], np.float32))
    limit = np.array(size, np.float32)
    low = np.clip(wide[:, :2], 0, limit - 1)
    high = np.clip(wide[:, 2:], low + 1, limit)
    return np.concatenate((low, high), axis=1).astype(np.int64)


def write_crop(pixels: Pixels, card: ModelCard, out: Pixels) -> None:
    """Write BGR pixels (h, w, 3) of one object into ``out`` (H, W, 3), as the card says."""
    if card.resize == "centre-crop":
        _write_middle(pixels, card, out)
        return
    height, width = pixels.shape[:2]
    spot = place((width, height), (out.shape[1], out.shape[0]), card.resize)
    bottom, right = spot.top + spot.height, spot.left + spot.width
    out[: spot.top] = out[bottom:] = card.pad
    out[:, : spot.left] = out[:, right:] = card.pad
    # Averaging what is shrunk: linear interpolation would leave out most pixels of near objects.
    how = cv2.INTER_AREA if spot.height < height else cv2.INTER_LINEAR
    made = cv2.resize(pixels, (spot.width, spot.height), interpolation=how)
    out[spot.top : bottom, spot.left : right] = made[..., ::-1] if card.order == "rgb" else made


def _write_middle(pixels: Pixels, card: ModelCard, out: Pixels) -> None:
    """By Pillow, as such classifiers were trained: OpenCV's interpolations change what they say."""
    from PIL import Image

    canvas = (out.shape[1], out.shape[0])
    box = centre_crop((pixels.shape[1], pixels.shape[0]), canvas, card.crop)
    how = getattr(Image.Resampling, card.interpolation.upper())
    made = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(canvas, how, box=box))
    out[:] = made[..., ::-1] if card.order == "rgb" else made

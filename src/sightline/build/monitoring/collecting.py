"""Hard frames of sources, from options to a folder of pictures with labels to correct."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from sightline.build.model_files import model_identity
from sightline.build.models import detector as make_detector
from sightline.build.monitoring.sampling import observed
from sightline.build.sources import SourceInput, inputs
from sightline.config import ModelOptions
from sightline.models.detector import class_ids
from sightline.monitoring.drift.reference import Reference
from sightline.monitoring.hard_frames import HardFrame, HardFrameSelection
from sightline.protocols import Detector
from sightline.redaction import redact
from sightline.sinks.coco import CocoSink
from sightline.sinks.yolo_txt import YoloTxtSink
from sightline.sources.pictures import ArrayPicture
from sightline.types import Floats, JsonObject, Observation, Pixels, StreamInfo
from sightline.whole_files import safe_name, writable_folder, write_whole

_BLUR_SHARE = 3
"""The blur's width is this part of the box: nobody is known through it."""


@dataclass(frozen=True)
class CollectOptions:
    """How hard frames are chosen: ``budget`` of each source, ``every_s`` seconds between two looks, ``blur`` names
    classes whose objects are made unrecognisable, ``seconds`` of live sources are looked at."""

    output: Path
    budget: int = 50
    every_s: float = 1.0
    seconds: float | None = None
    reference: Reference | None = None
    blur: tuple[str, ...] = ()
    track: bool = True


@dataclass(frozen=True)
class CollectedFrame:
    """One picture that was written: its name, and why it was chosen."""

    name: str
    stream: str
    frame: HardFrame

    def told(self) -> JsonObject:
        """As ``hard_frames.json`` has it."""
        seen = self.frame.seen
        return {
            "picture": self.name,
            "stream": redact(self.stream),
            "time": round(seen.frame.time, 3),
            "frame": seen.frame.index,
            "hardness": round(self.frame.hardness, 3),
            "reasons": {name: round(value, 3) for name, value in self.frame.reasons.items()},
            "objects": len(seen.detections),
        }


def collect(
    specs: Sequence[str], model: ModelOptions, options: CollectOptions, tell: Callable[[str], None]
) -> list[CollectedFrame]:
    """Choose the hardest frames of each source, and write them with what was found in them.

    ``images`` and ``labels`` are a dataset of YOLO's, ``annotations.json`` says the same as COCO does, and
    ``hard_frames.json`` why each frame was chosen.

    Raises:
        ConfigError: a class has no such name, or the reference is of another model or picture size.
        SightlineError: the first failure of a source, the model or the folder.
    """
    collected = []
    with closing(make_detector(model)) as detector:
        blurred = class_ids(detector.class_names, options.blur)
        for named in inputs(specs):
            with closing(named.source) as source:
                info = source.open()
                if options.reference is not None:
                    size = (info.width, info.height)
                    options.reference.check_fits(None, model_identity(model), size)
                stem = safe_name(redact(named.name))
                for frame in _chosen(named, info, detector, options, tell):
                    name = f"{stem}-{frame.seen.frame.index:06d}.jpg"
                    seen = _shown(frame.seen, name, blurred)
                    collected.append(CollectedFrame(name, named.name, replace(frame, seen=seen)))
    _write(collected, options.output)
    return collected


def _chosen(
    named: SourceInput,
    info: StreamInfo,
    detector: Detector,
    options: CollectOptions,
    tell: Callable[[str], None],
) -> list[HardFrame]:
    selection = HardFrameSelection(options.budget, options.reference)
    interval = 0.0 if named.still else options.every_s
    found = observed(named, info, detector, interval, track=options.track, seconds=options.seconds)
    with closing(found):
        for number, (seen, sample) in enumerate(found, 1):
            if sample is not None:
                selection.add(seen, sample)
            tell(f"{redact(named.name)}: {number} frames, {len(selection.frames())} hard ones")
    return selection.frames()


def _shown(seen: Observation, name: str, blurred: Sequence[int]) -> Observation:
    """The observation as a picture of its own, in which objects of some classes cannot be recognised."""
    pixels = seen.frame.image
    found = seen.detections
    if blurred:
        pixels = pixels.copy()
        for box in found.boxes[np.isin(found.class_ids, blurred)]:
            _blur(pixels, box)
    frame = replace(seen.frame, stream=name, picture=ArrayPicture(pixels))
    return replace(seen, frame=frame)


def _blur(pixels: Pixels, box: Floats) -> None:
    height, width = pixels.shape[:2]
    left, top = np.floor(np.maximum(box[:2], 0)).astype(int).tolist()
    right, bottom = np.ceil(np.minimum(box[2:], (width, height))).astype(int).tolist()
    part = pixels[top:bottom, left:right]
    if part.size:
        sigma = max(part.shape[:2]) / _BLUR_SHARE
        part[:] = cv2.GaussianBlur(part, (0, 0), sigma)


def _write(collected: Sequence[CollectedFrame], folder: Path) -> None:
    """Write pictures, labels and reasons. Raises SinkError."""
    writable_folder(folder)
    yolo = YoloTxtSink(folder, pictures=True)
    coco = CocoSink(folder / "annotations.json")
    for sink in (yolo, coco):
        sink.open(StreamInfo("collected", 0, 0, still=True))
        for one in collected:
            sink.write(one.frame.seen)
        sink.close()
    reasons = [one.told() for one in collected]
    write_whole(folder / "hard_frames.json", json.dumps(reasons, indent=2).encode())

"""Hard frames of sources, from options to a folder of pictures with labels to correct."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sightline.build.model_files import model_identity
from sightline.build.models import detector as make_detector
from sightline.build.monitoring.sampling import observed, opened_embedder
from sightline.build.sources import SourceInput, inputs
from sightline.config import ModelOptions
from sightline.errors import ConfigError
from sightline.imaging.blurring import blurred
from sightline.models.detector import class_ids
from sightline.monitoring.drift.detector import anomaly
from sightline.monitoring.drift.reference import Reference
from sightline.monitoring.hard_frames.appearance import appearance_of
from sightline.monitoring.hard_frames.reasons import LEAST, HardnessMeter, hardness
from sightline.monitoring.hard_frames.selection import HardFrame, HardFrameSelection
from sightline.monitoring.profiles.profile import FrameSample
from sightline.protocols import Detector, Embedder
from sightline.redaction import redact
from sightline.runtime.hard_frames.folder import HardFrameFolder
from sightline.sinks.coco import CocoSink
from sightline.sources.pictures import ArrayPicture
from sightline.types import JsonObject, Observation, StreamInfo
from sightline.whole_files import safe_name, write_whole


@dataclass(frozen=True)
class CollectOptions:
    """How hard frames are chosen: ``budget`` of each source, ``every_s`` seconds between two looks, ``blur`` names
    classes whose objects are made unrecognisable, ``seconds`` of live sources are looked at, ``embedder`` (a model's
    name or file) tells which frames look the same."""

    output: Path
    budget: int = 50
    every_s: float = 1.0
    seconds: float | None = None
    reference: Reference | None = None
    blur: tuple[str, ...] = ()
    track: bool = True
    embedder: str | None = None


@dataclass(frozen=True)
class CollectedFrame:
    """One picture that was written: its name, and why it was chosen."""

    name: str
    stream: str
    frame: HardFrame[Observation]

    def told(self) -> JsonObject:
        """As ``hard_frames.json`` has it."""
        seen = self.frame.item
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
    ``hard_frames.json`` why each frame was chosen; ``details`` are for other forms, see ``pre_labelled_pictures``.

    The folder belongs to this run from the first source on, and nothing is analysed where it cannot be used.

    Raises:
        ConfigError: a class has no such name, the reference is of another model or picture size, or the folder holds
            hard frames already.
        SightlineError: the first failure of a source, the model, the embedder or the folder.
    """
    collected = []
    folder = HardFrameFolder(options.output, model_identity(model))
    with (
        closing(folder),
        closing(make_detector(model)) as detector,
        opened_embedder(options.embedder, model.models_dir) as embedder,
    ):
        hidden = class_ids(detector.class_names, options.blur)
        for named in inputs(specs):
            with closing(named.source) as source:
                info = source.open()
                if options.reference is not None:
                    size = (info.width, info.height)
                    options.reference.check_fits(None, model_identity(model), size)
                _begin(folder)
                stem = safe_name(redact(named.name))
                for frame in _chosen(named, info, detector, embedder, options, tell):
                    name = f"{stem}-{frame.item.frame.index:06d}"
                    seen = _shown(frame.item, f"{name}.jpg", hidden)
                    hard = HardFrame(frame.reasons, frame.appearance, seen)
                    collected.append(CollectedFrame(f"{name}.jpg", named.name, hard))
        _write(collected, folder)
    return collected


def _begin(folder: HardFrameFolder) -> None:
    """Open the folder, unless it is open. Raises ConfigError: frames are in it; SinkError: it cannot be used."""
    if folder.is_open:
        return
    there = len(folder.open())
    if there:
        raise ConfigError(
            f"--output {folder.folder}: {there} hard frames are in it already, and their labels may have been "
            "corrected: choose another folder"
        )


def _chosen(
    named: SourceInput,
    info: StreamInfo,
    detector: Detector,
    embedder: Embedder | None,
    options: CollectOptions,
    tell: Callable[[str], None],
) -> list[HardFrame[Observation]]:
    selection: HardFrameSelection[Observation] = HardFrameSelection(options.budget)
    meter = HardnessMeter()
    interval = 0.0 if named.still else options.every_s
    found = observed(named, info, detector, interval, track=options.track, seconds=options.seconds)
    with closing(found):
        for number, (seen, sample) in enumerate(found, 1):
            if sample is not None:
                reasons = meter.reasons(sample, _anomaly(sample, options.reference))
                if hardness(reasons) >= LEAST:
                    looks = appearance_of(seen.frame, embedder, sample.picture.view)
                    choice = selection.choose(HardFrame(reasons, looks, seen))
                    if choice is not None:
                        selection.take(choice)
            tell(f"{redact(named.name)}: {number} frames, {len(selection)} hard ones")
    return selection.frames()


def _anomaly(sample: FrameSample, reference: Reference | None) -> float | None:
    """How far a picture is from all that is usual at its time; None: nobody knows."""
    return None if reference is None else anomaly(sample, reference.usual_at(sample.utc))


def _shown(seen: Observation, name: str, hidden: Sequence[int]) -> Observation:
    """The observation as a picture of its own, in which objects of some classes cannot be recognised."""
    pixels = seen.frame.image
    if hidden:
        found = seen.detections
        pixels = blurred(pixels, found.boxes[np.isin(found.class_ids, hidden)])
    frame = replace(seen.frame, stream=name, picture=ArrayPicture(pixels))
    return replace(seen, frame=frame)


def _write(collected: Sequence[CollectedFrame], folder: HardFrameFolder) -> None:
    """Write pictures, labels and reasons. Raises SinkError."""
    _begin(folder)
    output = folder.folder
    coco = CocoSink(output / "annotations.json")
    coco.open(StreamInfo("collected", 0, 0, still=True))
    for one in collected:
        seen, now = one.frame.item, time.time()
        utc = now if seen.frame.utc is None else seen.frame.utc
        folder.write(
            Path(one.name).stem, replace(seen, frame=replace(seen.frame, stream=redact(one.stream))), utc,
            one.frame.reasons, one.frame.appearance,
        )  # fmt: skip
        coco.write(seen)
    coco.close()
    reasons = [one.told() for one in collected]
    write_whole(output / "hard_frames.json", json.dumps(reasons, indent=2).encode())

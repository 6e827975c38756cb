"""What a detector and a tracker see in footage that is to be scored, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from sightline import build
from sightline.cli.progress import progress
from sightline.coco import COCO_NAMES
from sightline.config import ModelOptions
from sightline.errors import ConfigError
from sightline.evaluation.detection import with_classes
from sightline.evaluation.labels import Dataset, LabelledPicture
from sightline.evaluation.mot import TrackTruth
from sightline.protocols import Detector, Source, Tracker
from sightline.runtime.analysis import EveryFrame
from sightline.runtime.stream import StreamResult, observe
from sightline.sources.images import ImageSource, read_image
from sightline.sources.street.source import StreetSource, truth_of
from sightline.sources.street.truth import StreetTruth
from sightline.types import Detections, Mask, Observation

SEEN_SHARE, SEEN_PIXELS = 0.25, 64
"""Of a street's objects those count of which this share is seen and whose box has these pixels.
To find others is neither right nor wrong."""


@contextmanager
def detector(options: ModelOptions) -> Iterator[Detector]:
    """The detector that options describe, closed afterwards. Raises what ``build`` does."""
    built = build.detector(options)
    try:
        yield built
    finally:
        built.close()


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is seen, after EXIF orientation. Raises SourceError."""
    height, width = read_image(path).shape[:2]
    return width, height


def see(specs: Sequence[str], model: Detector, frames: int | None) -> list[Detections]:
    """What a detector finds in the (first) frames of each source.

    Raises:
        ConfigError: a source is live.
        SightlineError: the first failure of a source or the detector.
    """
    inputs = build.inputs(specs)
    for named in inputs:
        if named.live:
            raise ConfigError(
                f"{named.name} is live, and two models cannot see the same of it one after "
                "another: record it, and give the file"
            )
    return [o.detections for i in inputs for o in _observe(i.source, model, None, frames)]


def see_pictures(dataset: Dataset, model: Detector, truth: str) -> list[Detections]:
    """What a detector finds in each picture of a dataset, numbered by the dataset's classes.

    Raises:
        ConfigError: a picture is missing; ``truth`` names the dataset.
        SightlineError: a picture cannot be decoded, or the detector failed.
    """
    paths = [picture.path for picture in dataset.pictures]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise ConfigError(
            f"{truth}: {len(missing)} of {len(paths)} pictures are not there, for example "
            f"{missing[0]}: give their folder with --images"
        )
    source = ImageSource(paths, "pictures")
    found = [o.detections for o in _observe(source, model, None)]
    return with_classes(found, model.class_names, dataset.class_names)


def see_street(url: str, model: Detector, frames: int | None) -> tuple[Dataset, list[Detections]]:
    """A street's truth as labelled pictures, and what a detector finds in them."""
    pictures, found = [], []
    for observation in _observe(_street(url, frames), model, None, frames):
        truth = truth_of(observation.frame)
        number = observation.frame.index
        pictures.append(
            LabelledPicture(
                number, str(number), Path(url), truth.detections, ~_seen(truth), _areas(truth)
            )
        )
        found.append(observation.detections)
    dataset = Dataset(COCO_NAMES, tuple(pictures), tuple(range(len(COCO_NAMES))))
    return dataset, with_classes(found, model.class_names, COCO_NAMES)


def track_street(
    url: str, model: Detector, frames: int | None, classes: Sequence[str]
) -> tuple[TrackTruth, list[Detections]]:
    """A street's true tracks, and those of a tracker, of ``classes`` (none given: of all)."""
    model, tracker = build.for_tracking(model)
    names = tuple(classes or COCO_NAMES)
    truths: list[Detections] = []
    counted: list[Mask] = []
    found: list[Detections] = []
    for observation in _observe(_street(url, frames), model, tracker(), frames):
        truth = truth_of(observation.frame)
        kept = np.isin(truth.class_ids, [COCO_NAMES.index(n) for n in names if n in COCO_NAMES])
        truths += with_classes([truth.detections], COCO_NAMES, names)
        counted.append(_seen(truth)[kept])
        found.append(observation.detections)
    left = with_classes(found, model.class_names, names)
    return TrackTruth(tuple(truths), tuple(counted), tuple(~mask for mask in counted)), left


def track_people(video: str, fps: float, model: Detector, frames: int | None) -> list[Detections]:
    """The tracks in a video, or in pictures at a frame rate, all of one class.

    Raises:
        SightlineError: the first failure of the source or the detector.
    """
    model, tracker = build.for_tracking(model)
    (named,) = build.inputs([video])
    source = ImageSource(video, fps=fps) if named.still else named.source
    found = [o.detections for o in _observe(source, model, tracker(), frames)]
    return [replace(objects, class_ids=np.zeros_like(objects.class_ids)) for objects in found]


def _street(url: str, frames: int | None) -> StreetSource:
    source = StreetSource(url)
    if source.options.frames is None and frames is None:
        raise ConfigError(f"{url} never ends: give it a duration, or give --frames")
    return source


def _seen(truth: StreetTruth) -> Mask:
    """Which objects can be asked for."""
    seen: Mask = (truth.visibility >= SEEN_SHARE) & (_areas(truth) >= SEEN_PIXELS)
    return seen


def _areas(truth: StreetTruth) -> np.ndarray:
    sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).astype(np.float64)
    areas: np.ndarray = sides[:, 0] * sides[:, 1]
    return areas


def _observe(
    source: Source, model: Detector, tracker: Tracker | None, frames: int | None = None
) -> Generator[Observation, None, None]:
    """Observations of the first frames of a source, with progress on stderr."""
    info = source.open()
    result = StreamResult(info.name, info, started_at=time.monotonic())
    observations = closing(observe(source, EveryFrame(model), tracker))
    with progress([result], quiet=False) as display, observations as seen:
        for observation in islice(seen, frames):
            yield observation
            result.frames += 1
            display.show()

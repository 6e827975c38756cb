"""What a detector and a tracker see in footage that is to be scored, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sightline import build
from sightline.cli.terminal.progress import progress
from sightline.coco import COCO_NAMES
from sightline.config import ModelOptions, TrackerKind
from sightline.errors import ConfigError, SourceError
from sightline.evaluation.detection import with_classes
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.class_names import as_written, note_unknown
from sightline.evaluation.pictures.labels import Dataset, LabelledPicture
from sightline.evaluation.shapes import TrueShapes
from sightline.evaluation.tracks.mot import TrackTruth
from sightline.evaluation.tracks.mot_pictures import frame_numbers
from sightline.protocols import Detector, Source, Tracker
from sightline.runtime.streams.pipeline import Pipeline
from sightline.runtime.streams.stream import StreamResult, observe
from sightline.sources.images import ImageSource, picture_paths, read_image
from sightline.sources.street.source import StreetSource, truth_of
from sightline.sources.street.truth import StreetTruth
from sightline.types import Detections, Mask, Masks, Observation

SEEN_SHARE, SEEN_PIXELS = 0.25, 64
"""Objects of a street count where this share of them is seen and their box has so many pixels.
To find others is neither right nor wrong."""


MakePipeline = Callable[[Detector], Pipeline]
"""The stages of a stream around a detector."""


class _Seen(NamedTuple):
    """What was found in a frame. Pixels are not kept: those of all frames would fill the memory."""

    place: int
    detections: Detections


@contextmanager
def detector(options: ModelOptions) -> Iterator[Detector]:
    """The detector that options describe, closed afterwards. Raises what ``build`` does."""
    built = build.detector(options)
    try:
        yield built
    finally:
        built.close()


@contextmanager
def tracking(options: TrackerKind, models_dir: Path | None) -> Iterator[MakePipeline]:
    """What makes the pipeline of a tracker around a detector; its further models are freed afterwards."""
    models = build.StageModels.in_folder(models_dir)
    try:
        yield partial(build.pipeline, tracker=options, get_embedder=models.embedder)
    finally:
        models.close()


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is seen, after EXIF orientation. Raises SourceError."""
    height, width = read_image(path).shape[:2]
    return width, height


def see(
    specs: Sequence[str], model: Detector, frames: int | None, notes: Notes
) -> list[Detections]:
    """What a detector finds in the (first) frames of each source.

    Pictures that cannot be read are left out and added to ``notes``.

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
    whole = (_whole(named.source, build.pipeline(model), frames, notes) for named in inputs)
    return [seen.detections for found in whole for seen in found]


def see_pictures(
    dataset: Dataset, model: Detector, truth: str, notes: Notes
) -> tuple[Dataset, list[Detections]]:
    """What a detector finds in each picture of a dataset, numbered by the dataset's classes.

    Returns the dataset of the pictures that could be read, and what was found in each of them.
    Others are added to ``notes``.

    Raises:
        ConfigError: not one picture is there; ``truth`` names the dataset.
        SightlineError: not one can be decoded, or the detector failed.
    """
    there = [picture for picture in dataset.pictures if picture.path.exists()]
    if dataset.pictures and not there:
        raise ConfigError(
            f"{truth}: {len(dataset.pictures)} of {len(dataset.pictures)} pictures are not there, "
            f"for example {dataset.pictures[0].path}: give their folder with --images"
        )
    for picture in dataset.pictures:
        if not picture.path.exists():
            notes.add(Path(truth), "left out, the picture is not there", picture.name)
    names = as_written(model.class_names, dataset.class_names, notes)
    used = {int(c) for picture in there for c in np.unique(picture.truth.class_ids)}
    note_unknown(names, [dataset.class_names[i] for i in sorted(used)], "the model", notes)
    source = ImageSource([picture.path for picture in there], "pictures")
    found = _whole(source, build.pipeline(model), None, notes)
    kept = [there[seen.place] for seen in found]
    objects = with_classes([seen.detections for seen in found], names, dataset.class_names)
    return replace(dataset, pictures=tuple(kept)), objects


def see_street(url: str, model: Detector, frames: int | None) -> tuple[Dataset, list[Detections]]:
    """A street's truth as labelled pictures, and what a detector finds in them."""
    dataset, found = _look_at_street(url, build.pipeline(model), frames)
    return dataset, with_classes(found, model.class_names, COCO_NAMES)


def track_street(
    url: str, steps: MakePipeline, model: Detector, frames: int | None, classes: Sequence[str]
) -> tuple[TrackTruth, list[Detections]]:
    """A street's true tracks, and those of a tracker, of ``classes`` (none given: of all)."""
    names = tuple(classes or COCO_NAMES)
    dataset, found = _look_at_street(url, steps(model), frames)
    return _true_tracks(dataset, names), with_classes(found, model.class_names, names)


class SeenStreet(NamedTuple):
    """What ``see_street`` and ``track_street`` give of a street, which is drawn and looked at once for both."""

    dataset: Dataset
    found: list[Detections]
    truth: TrackTruth
    tracks: list[Detections]


def see_and_track_street(url: str, model: Detector, tracker: Tracker) -> SeenStreet:
    """What a detector finds in a street, and the tracks of the detector's classes that a tracker makes of it.

    The tracker is handed all that the detector finds, and has to ignore what is too doubtful for it by itself.
    """
    dataset, found = _look_at_street(url, build.pipeline(model), None)
    fps = StreetSource(url).options.fps
    tracks = [tracker.update(objects, number / fps) for number, objects in enumerate(found)]
    names = model.class_names
    return SeenStreet(
        dataset, with_classes(found, names, COCO_NAMES), _true_tracks(dataset, names), tracks
    )


def _look_at_street(
    url: str, steps: Pipeline, frames: int | None
) -> tuple[Dataset, list[Detections]]:
    """A street's truth as labelled pictures, and what is seen in them."""
    pictures, found = [], []
    for observation in _observe(_street(url, frames), steps, frames):
        pictures.append(_labelled(url, observation))
        found.append(observation.detections)
    return Dataset(COCO_NAMES, tuple(pictures), tuple(range(len(COCO_NAMES)))), found


def _labelled(url: str, observation: Observation) -> LabelledPicture:
    """The truth of a frame of a street, with outlines where the detector finds some as well."""
    truth = truth_of(observation.frame)
    number = observation.frame.index
    shapes = TrueShapes()
    if observation.detections.masks is not None:
        masks = Masks.of(truth.masks)
        shapes = TrueShapes(tuple(masks.to_coco(i) for i in range(len(masks))), size=masks.size)
    seen = (truth.visibility >= SEEN_SHARE) & (_areas(truth) >= SEEN_PIXELS)
    return LabelledPicture(
        number, str(number), Path(url), truth.detections, ~seen, _areas(truth), shapes
    )


def _true_tracks(street: Dataset, names: Sequence[str]) -> TrackTruth:
    """The true tracks of some classes in a street's labelled pictures."""
    ids = [COCO_NAMES.index(name) for name in names if name in COCO_NAMES]
    truths: list[Detections] = []
    counted: list[Mask] = []
    for picture in street.pictures:
        truths += with_classes([picture.truth], COCO_NAMES, names)
        counted.append(~picture.crowd[np.isin(picture.truth.class_ids, ids)])
    return TrackTruth(tuple(truths), tuple(counted), tuple(~mask for mask in counted))


def track_people(
    video: str,
    fps: float,
    steps: MakePipeline,
    model: Detector,
    frames: int | None,
    truth: TrackTruth,
    notes: Notes,
) -> tuple[TrackTruth, list[Detections]]:
    """The tracks in a video, or in pictures at a frame rate, all of one class, frame by frame.

    Returns the truth of the frames that could be looked at as well. Frames that are damaged count
    as seen, and nothing was found in them; of a folder those without a picture do not count.

    Raises:
        SightlineError: the first failure of the source or the detector.
    """
    (named,) = build.inputs([video])
    if not named.still:
        seen = _whole(named.source, steps(model), frames, notes)
        return truth.first(frames), _by_frame([one.place + 1 for one in seen], seen)
    paths, _ = picture_paths(video)
    paths = paths[:frames]
    numbers = frame_numbers([path.name for path in paths], truth.annotated, notes)
    for number in sorted(set(truth.annotated) - set(numbers)) if frames is None else ():
        notes.add(video, "left out, no picture is of the frame", f"frame {number}")
    seen = _whole(ImageSource(paths, fps=fps), steps(model), None, notes)
    return truth.only(set(numbers)), _by_frame([numbers[one.place] for one in seen], seen)


def _by_frame(numbers: Sequence[int], seen: Sequence[_Seen]) -> list[Detections]:
    """The objects of each frame from 1 on, all of one class; none where nobody looked."""
    nothing = replace(Detections.empty(), track_ids=np.empty(0, np.int64))
    found = [nothing] * max(numbers, default=0)
    for number, (_, objects) in zip(numbers, seen, strict=True):
        found[number - 1] = replace(objects, class_ids=np.zeros_like(objects.class_ids))
    return found


def _whole(
    source: Source,
    steps: Pipeline,
    frames: int | None,
    notes: Notes,
) -> list[_Seen]:
    """What is seen in all frames of a source. Those that cannot be decoded are noted.

    Pictures that cannot be read are named in an error after the last good one; it is raised where
    there is no good one, and so is every other failure.
    """
    info = source.open()
    found: list[_Seen] = []
    pictures = isinstance(source, ImageSource)
    try:
        for observation in _observe(source, steps, frames):
            found.append(_Seen(observation.frame.index, observation.detections))  # noqa: PERF401 - those before an error stay
    except SourceError as exc:
        if not (found and pictures):
            raise
        notes.add("pictures", str(exc))
    for reason, count in source.status.dropped.items():
        if count and not pictures:
            notes.add(info.name, "frames could not be seen", reason, count=count)
    return found


def _street(url: str, frames: int | None) -> StreetSource:
    source = StreetSource(url)
    if source.options.frames is None and frames is None:
        raise ConfigError(f"{url} never ends: give it a duration, or give --frames")
    return source


def _areas(truth: StreetTruth) -> np.ndarray:
    sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).astype(np.float64)
    areas: np.ndarray = sides[:, 0] * sides[:, 1]
    return areas


def _observe(
    source: Source, steps: Pipeline, frames: int | None
) -> Generator[Observation, None, None]:
    """Observations of the first frames of a source, with progress on stderr."""
    info = source.open()
    result = StreamResult(info.name, info, started_at=time.monotonic())
    observations = closing(observe(source, steps))
    with progress([result], quiet=False) as display, observations as seen:
        for observation in islice(seen, frames):
            yield observation
            result.frames += 1
            display.show()

"""The Python interface: load a model, detect in pictures, track in anything that moves."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, cast, overload

from sightline import build, interpreter
from sightline.api.source import source_of
from sightline.build.source_checks import SourceLike, check_source
from sightline.config import (
    DetectionOptions,
    DetectParameters,
    EngineOptions,
    ModelOptions,
    SchedulerOptions,
    StageOptions,
    TrackerKind,
    TrackParameters,
    checked,
)
from sightline.errors import ConfigError, InvalidRequest, SourceError
from sightline.protocols import AdjustableDetector, Detector, Stage, Tracker
from sightline.runtime import service
from sightline.runtime.streams.stream import observe
from sightline.types import Detections, Observation
from sightline.vocabulary.other_names import SETTINGS, attribute_error, takes_our_names

if TYPE_CHECKING:
    from sightline.sources.stills import Image

Classes: TypeAlias = int | str | Sequence[int | str]
"""Classes by name or id: one, several in a list, or text with commas."""


class Model:
    """A detector that is ready to use. Also a context manager; ``close`` frees its engine.

    It may be pickled and inherited through a fork: each process loads the model for itself, when it is
    unpickled or first used.
    """

    def __init__(self, detector: Detector, file: Path | None = None) -> None:
        self.detector = detector
        self._file = file

    def __repr__(self) -> str:
        """Name, task, input size, classes, runtime and file."""
        file = "" if self._file is None else f", {self._file}"
        return f"<Model {self.detector}{file}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise attribute_error(self, "Model", name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in SETTINGS:  # set without a word, it would change nothing
            raise attribute_error(self, "Model", name)
        super().__setattr__(name, value)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id."""
        return self.detector.class_names

    @overload  # a str is a Sequence of str too: the first match counts
    def detect(  # type: ignore[overload-overlap]
        self,
        image: Image,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Classes | None = None,
    ) -> Detections: ...
    @overload
    def detect(
        self,
        image: Sequence[Image],
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Classes | None = None,
    ) -> list[Detections]: ...
    @takes_our_names("load", "track")
    def detect(
        self,
        image: Image | Sequence[Image],
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Classes | None = None,
    ) -> Detections | list[Detections]:
        """The objects in a picture, or in each picture of a list.

        Args:
            image: a path, an http(s) or data: address, an encoded picture as bytes or an open file,
                a uint8 array (height, width, 3) in BGR, (height, width) in grey or (height,
                width, 4) in BGRA, a picture of Pillow, or a Frame. A list may mix them; its
                pictures run in batches, and ``frame.index`` is their place in it.
            conf, iou, classes: for this call, instead of the model's own; as for ``load``.

        Raises:
            SourceError, DecodeError: it cannot be read, or is no picture.
            InvalidRequest: it is something else, or an array of which the pixels cannot be told.
            ConfigError: an argument is wrong, or the model has no such class.
            InferenceError: the engine failed.
        """
        from sightline.sources import stills

        detector = adjusted(self.detector, conf=conf, iou=iou, classes=classes)
        one = stills.is_one(image)
        given = [cast("Image", image)] if one else list(cast("Iterable[Image]", image))
        images, frames = [], []
        for number, each in enumerate(given):
            try:
                images.append(stills.plain_image(each))
                name = stills.picture_name(each)
                frames.append(stills.still_frame(images[-1], number, name))
            except (SourceError, InvalidRequest) as exc:
                if one:
                    raise
                raise type(exc)(f"picture {number} of the list: {exc}") from exc
        found = [
            replace(objects, frame_ref=stills.frame_reference(plain, frame))
            for objects, plain, frame in zip(
                detector.submit(frames).result(), images, frames, strict=True
            )
        ]
        return found[0] if one else found

    __call__ = detect

    def track(
        self,
        source: SourceLike,
        tracker: Tracker | TrackerKind | Mapping[str, object] | str | None = None,
        **options: Any,
    ) -> Iterator[Observation]:
        """``sightline.track`` with this model: its arguments, and what it raises."""
        return track(source, self, tracker, **options)

    def close(self) -> None:
        """Finish what is in flight and free the engine."""
        self.detector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Service(service.ModelService):
    """A model for many callers at once, with priorities, deadlines and batches.

        async with sl.Service(model) as service:
            found = await service.predict(frame, priority="urgent")

        with sl.Service("yolox_nano.onnx") as service:
            found = service.predict_sync("bus.jpg")

    Args:
        model: of ``load``, which stays the caller's to close; or what ``load`` takes.
        options: queue budgets and batch size.

    Raises what ``load`` raises; ConfigError for ``people``, which has no engine to share.
    """

    def __init__(self, model: Model | str | Path, options: SchedulerOptions | None = None) -> None:
        loaded = model if isinstance(model, Model) else load(model)
        super().__init__(loaded.detector, options, owned=loaded is not model)


def adjusted(
    detector: Detector,
    *,
    conf: float | None = None,
    iou: float | None = None,
    classes: Classes | None = None,
) -> Detector:
    """The detector with these thresholds and classes where they are given, else as it is.

    Raises ConfigError: one is wrong, or this detector's cannot be changed.
    """
    if conf is None and iou is None and classes is None:
        return detector
    wanted = checked(DetectParameters, conf=conf, iou=iou, classes=classes)
    if not isinstance(detector, AdjustableDetector):
        raise ConfigError(
            f"{type(detector).__name__} has no `replaced`: its conf, iou and classes are fixed"
        )
    return detector.replaced(conf=wanted.conf, iou=wanted.iou, classes=wanted.classes)


@takes_our_names("track")
def load(
    model: str | Path,
    *,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    conf: float | None = None,
    iou: float | None = None,
    size: int | tuple[int, int] | None = None,
    classes: Classes | None = None,
    max_detections: int | None = None,
    agnostic_nms: bool | None = None,
    models_dir: Path | None = None,
    engine: EngineOptions | None = None,
) -> Model:
    """Load a model.

    Args:
        model: an ``.onnx`` or OpenVINO ``.xml`` file, ``people``, or the name of a pulled model.
        backend: ``auto``, ``openvino`` or ``onnxruntime``.
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        device: ``auto``, ``cpu``, ``gpu``, ``npu``, ``cuda``, ``cuda:1``.
        conf: lowest score of an object; the card's (.25) by default.
        iou: overlap above which NMS drops a box; the card's (.45) by default.
        size: longer side of an input that fits each picture, or (width, height).
        classes: names or ids of the only classes wanted.
        max_detections: most objects in a picture; the card's (300) by default.
        agnostic_nms: boxes of different classes compete too.
        models_dir: folder of pulled models, instead of the user's cache.
        engine: all options of the runtime, instead of ``precision`` and ``device``.

    Raises:
        ConfigError, ModelError, EngineError: what is wrong, where, and what to do.
    """
    from sightline.models import zoo

    options = checked(
        ModelOptions,
        model=_path_or_name(model),
        backend=backend,
        engine=engine or checked(EngineOptions, precision=precision, device=device),
        conf=conf,
        iou=iou,
        size=size,
        classes=classes,
        max_detections=max_detections,
        agnostic_nms=agnostic_nms,
        models_dir=models_dir or zoo.default_folder(os.environ),
    )
    return Model(build.detector(options), build.located(options))


def _path_or_name(given: object) -> str:
    if not isinstance(given, (str, PathLike)):
        kind = type(given).__name__
        raise ConfigError(f"model: give the path of a file or the name of a model, not a {kind}")
    return fspath(given)


@takes_our_names("load")
def track(
    source: SourceLike,
    model: Model | str | Path,
    tracker: Tracker | TrackerKind | Mapping[str, object] | str | None = None,
    *,
    stages: Sequence[StageOptions | Stage[Any]] = (),
    conf: float | None = None,
    iou: float | None = None,
    classes: Classes | None = None,
    every: int = 1,
    regions: Literal["motion"] | None = None,
    fps: float | None = None,
    start: datetime | str | None = None,
) -> Iterator[Observation]:
    """Detect and track in a source, frame by frame, in order.

    Pictures that are no film (a folder, a list, a glob, without ``fps``) have nothing to do with one
    another: their objects get no ids.

    Args:
        source: a video file, an rtsp:// or http:// URL, a camera number, a folder, a glob, a list of
            picture files, or any Source.
        model: of ``load``, or what ``load`` takes.
        tracker: a Tracker; a kind (``ocsort``); or a dictionary of options, which else suit the model,
            and the ``kind``, which is ByteTrack where none is given.
        stages: further models that are shown the objects, in order: ``Classify``, ``Segment``, ``Detect``;
            or a ``Stage`` of your own, see ``protocols``. Labels are in ``observation.labels``, by track
            id; masks and further objects in ``observation.detections``.
        conf: score from which a detection is sure: it is matched first and may begin an id. Weaker ones,
            down to the tracker's ``low_threshold`` (0.1), only go on with one, so results may hold
            scores below ``conf``. The model's own ``conf`` by default.
        iou, classes: for this source, instead of the model's own; as for ``load``.
        every: only each ``every``-th frame is analysed, the first one among them. Of the others
            the tracker predicts where the objects are; their observations are ``predicted``.
        regions: "motion": the detector is shown only the parts of each picture in which something moves,
            side by side at the camera's own resolution; for cameras that stand still.
        fps: of pictures that are the frames of one film.
        start: when a recording was begun, with its zone: a datetime, or "2026-11-28T08:00:00Z". Its
            frames then have ``utc``.

    Raises:
        ConfigError: at once where ``source`` is none; later where ``start`` has no zone, or ``fps`` or
            ``start`` does not fit the source.
        SightlineError: the first failure, after the observations of all frames before it.

    Leaving the loop early closes the source.
    """
    check_source(source)
    how: dict[str, object] = {"conf": conf, "iou": iou, "classes": classes}
    return _observations(source, model, tracker, stages, how, every, regions, fps, start)


def _observations(
    source: SourceLike,
    model: Model | str | Path,
    tracker: Tracker | TrackerKind | Mapping[str, Any] | str | None,
    stages: Sequence[StageOptions | Stage[Any]],
    adjustments: Mapping[str, Any],
    every: int,
    regions: str | None,
    fps: float | None,
    start: datetime | str | None,
) -> Iterator[Observation]:
    from sightline.models import zoo

    with ExitStack() as stack:
        if not isinstance(model, Model):
            model = stack.enter_context(load(model))
        plain = adjusted(model.detector, **adjustments)
        if isinstance(tracker, type):
            raise ConfigError(f"tracker: give one, {tracker.__name__}(), not its class")
        own = isinstance(tracker, Tracker)
        how = checked(
            TrackParameters, every=every, tracker={} if own or tracker is None else tracker
        )
        models = build.StageModels.in_folder(zoo.default_folder(os.environ))
        stack.callback(models.close)
        following = build.stages(stages, plain, models.classifier, models.embedder, models.detector)
        opened = source_of(source, fps, start)
        still = opened.open().still
        steps = build.pipeline(
            plain,
            tracker if isinstance(tracker, Tracker) else how.tracker,
            still=still,
            every=how.every,
            detect=checked(DetectionOptions, regions=regions),
            stages=following,
            get_embedder=models.embedder,
        )
        if still:
            build.warn_untracked([opened.open().name])
        observations = observe(opened, steps)
        for seen in stack.enter_context(closing(observations)):
            # The frame is not kept alive by its objects: programs keep those of whole videos.
            yield replace(
                seen, detections=replace(seen.detections, frame_ref=weakref.ref(seen.frame))
            )
    interpreter.stop_if_ending()  # a thread that is cut off must not take that for the end

"""Further models of a stream, from options to stages: classifiers, embedders and detectors of objects."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sightline.build.crop_models import classifier, embedder
from sightline.build.model_files import located
from sightline.build.models import decoders
from sightline.build.models import detector as make_detector
from sightline.build.stage_detectors import FindOptions, suited
from sightline.config import (
    ClassifyOptions,
    Configuration,
    DetectOptions,
    EmbedOptions,
    ModelOptions,
    SegmentOptions,
    StageOptions,
    StreamOptions,
)
from sightline.config.options import Loc
from sightline.errors import ConfigError, SightlineError
from sightline.protocols import Classifier, Detector, IdentifiedEmbedder, Stage
from sightline.types import Ints

if TYPE_CHECKING:
    from sightline.models.classifier import CropClassifier
    from sightline.models.embedder import CropEmbedder

M = TypeVar("M", "CropClassifier", "CropEmbedder", Detector)

GetClassifier = Callable[[ClassifyOptions], Classifier]
"""The classifier of a stage. Raises SightlineError."""

GetEmbedder = Callable[[str], IdentifiedEmbedder]
"""The embedder of this name or file. Raises SightlineError."""

GetDetector = Callable[[FindOptions], Detector]
"""The detector of a stage, as the stage uses it. Raises SightlineError."""


class StageModels:
    """The models of stages and trackers, by what they do and by name, each loaded when it is first asked for.

    Args:
        classifier, embedder, detector: make a new model of this name. Raise SightlineError.
    """

    def __init__(
        self,
        classifier: Callable[[str], CropClassifier],
        embedder: Callable[[str], CropEmbedder],
        detector: Callable[[str], Detector],
    ) -> None:
        self._classifiers = _Loaded(classifier)
        self._embedders = _Loaded(embedder)
        self._detectors = _Loaded(detector)

    @classmethod
    def in_folder(cls, models_dir: Path | None) -> StageModels:
        """Those of files and names, with pulled models in this folder."""

        def options(name: str) -> ModelOptions:
            return ModelOptions(model=name, models_dir=models_dir)

        return cls(
            lambda name: classifier(options(name)),
            lambda name: embedder(options(name)),
            lambda name: make_detector(options(name)),
        )

    def get_classifier(self, name: str) -> CropClassifier:
        """The classifier of this name. Raises what loading it raises."""
        return self._classifiers.get(name)

    def track_classifier(self, name: str) -> CropClassifier:
        """The same, for labels of tracks. Raises ConfigError: its values may hold several at once."""
        found = self.get_classifier(name)
        if found.card.multi_label:
            raise ConfigError(
                f"classify {name}: its values may hold several at once (`multi_label`), and labels of "
                "tracks are one of several: use it with `sightline classify`"
            )
        return found

    def embedder(self, name: str) -> CropEmbedder:
        """The embedder of this name. Raises what loading it raises."""
        return self._embedders.get(name)

    def classifier(self, options: ClassifyOptions) -> Classifier:
        """The classifier of a stage, for streams that share it with nobody."""
        return self.track_classifier(options.model).replaced(conf=options.conf)

    def get_detector(self, name: str) -> Detector:
        """The detector of this name. Raises what loading it raises."""
        return self._detectors.get(name)

    def detector(self, options: FindOptions) -> Detector:
        """The detector of a stage, for streams that share it with nobody."""
        return suited(self.get_detector(options.model), options)

    def close(self) -> None:
        """Free all. Idempotent."""
        self._classifiers.close()
        self._embedders.close()
        self._detectors.close()


class _Loaded(Generic[M]):
    """Models of one kind by name, one of each."""

    def __init__(self, load: Callable[[str], M]) -> None:
        self._load: Callable[[str], M] = load
        self._loading = threading.Lock()
        self._loaded: dict[str, M] = {}
        self._closing = ExitStack()

    def get(self, name: str) -> M:
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
                self._closing.callback(self._loaded[name].close)
            return self._loaded[name]

    def close(self) -> None:
        self._closing.close()


def stages(
    wanted: Sequence[StageOptions | Stage[Any]],
    detector: Detector,
    get: GetClassifier,
    get_embedder: GetEmbedder,
    get_detector: GetDetector | None = None,
) -> list[Stage[Any]]:
    """The stages of one stream after its tracker.

    Args:
        wanted: options; or stages as they are, of this stream alone.
        detector: whose classes they name; a stage may also name those that a stage before it adds.
        get: finds the classifiers.
        get_embedder: finds the embedders.
        get_detector: finds the detectors; None: there are none here.

    Raises:
        ConfigError: a class has no such name.
        SightlineError: a model cannot be used.
    """
    given = (wanted,) if isinstance(wanted, StageOptions | Stage) else tuple(wanted)
    kinds = Counter(one.kind for one in given if isinstance(one, StageOptions))
    found: list[Stage[object]] = []
    names = tuple(detector.class_names)
    for one in given:
        if isinstance(one, type) or not isinstance(one, StageOptions | Stage):
            raise ConfigError(
                "stages: give sightline.Classify(model), Embed, Segment or Detect, or a Stage of your own, "
                f"not {one!r:.60}"
            )
        if not isinstance(one, StageOptions):
            found.append(one)
            continue
        name = _free_name(one, found, several=kinds[one.kind] > 1)
        ids = stage_class_ids(one, names)
        if isinstance(one, ClassifyOptions):
            found.append(_classify(one, get(one), ids, name))
        elif isinstance(one, EmbedOptions):
            found.append(_embed(one, get_embedder(one.model), ids, name))
        elif get_detector is None:
            raise ConfigError(f"{one.kind} {one.model}: there are no detectors of stages here")
        elif isinstance(one, SegmentOptions):
            found.append(_segment(one, get_detector(one), names, ids, name))
        else:
            stage, names = _detect(one, get_detector(one), names, ids, name)
            found.append(stage)
    return found


class NamedClasses:
    """The class names that a configuration mentions, looked up in the cards of the models that are there.

    A card is read only where a name is looked for in it. Of models that are not there yet, that run elsewhere
    or that are ensembles nothing is told.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._cards: dict[str, tuple[str, ...] | None] = {}

    def mistakes(self) -> Iterator[tuple[Loc, str]]:
        """The place of each name that no class has, and what is wrong. Raises no SightlineError."""
        for name, model in self._configuration.models.items():
            for place, options in enumerate(model.files):
                at = ("models", name, *(() if options is model else ("of", place)), "classes")
                yield from self._unknown(at, options.classes or (), options)
        for name, stream in self._configuration.streams.items():
            yield from self._of_stages(name, stream)
            first = self._options(stream.model)
            if stream.collect is not None and first is not None:
                at = ("streams", name, "collect", "blur")
                yield from self._unknown(at, stream.collect.blur, first)

    def _of_stages(self, name: str, stream: StreamOptions) -> Iterator[tuple[Loc, str]]:
        further: list[ModelOptions] = []
        first = self._options(stream.model)
        for number, stage in enumerate(stream.stages):
            at = ("streams", name, "stages", number)
            if first is not None:
                yield from self._unknown((*at, "of"), stage.of, first, *further)
            own = self._options(stage.model)
            if isinstance(stage, SegmentOptions | DetectOptions) and own is not None:
                wanted = getattr(stage, "classes", None) or ()
                yield from self._unknown((*at, "classes"), wanted, own)
            if isinstance(stage, DetectOptions):  # what it finds has names of its own
                first = None if own is None else first
                further += [] if own is None else [own]

    def _unknown(
        self, at: Loc, wanted: Sequence[str], *models: ModelOptions
    ) -> Iterator[tuple[Loc, str]]:
        from sightline.models.detector import class_ids
        from sightline.runtime.streams.further_detectors.parts import joined_names

        if not wanted:
            return
        try:
            lists = [self._names(model) for model in models]
            known: tuple[str, ...] = ()
            for names in lists:
                if names is None:
                    return
                known = joined_names(known, names)
            class_ids(known, wanted)
        except SightlineError as exc:
            yield at, str(exc)

    def _options(self, name: str) -> ModelOptions | None:
        """The options of a model of this name; None of an ensemble, or where there are none."""
        models = self._configuration.models
        if name == "default" and name not in models:
            name = next(iter(self._configuration.served_models), "")
        found = models.get(name)
        if found is None:
            pulled = next(iter(models.values())).files[0].models_dir
            return ModelOptions(model=name, models_dir=pulled)
        return found if isinstance(found, ModelOptions) else None

    def _names(self, options: ModelOptions) -> tuple[str, ...] | None:
        """The class names of a model, or None: they are not known here. Raises ModelError."""
        path = None if options.engine.url is not None else located(options)
        if path is None or not path.is_file():
            return None
        if options.model not in self._cards:
            from sightline.models.card import read_card
            from sightline.models.file import open_model

            self._cards[options.model] = read_card(open_model(path), decoders()).card.class_names
        return self._cards[options.model]


def _free_name(options: StageOptions, before: Sequence[Stage[Any]], *, several: bool) -> str:
    """What a stage is called: by its kind, and by its model where that is not clear."""
    # `detect` is the stream's own detector, `embed` its tracker's embedder.
    named = several or isinstance(options, DetectOptions | EmbedOptions)
    name = f"{options.kind} {Path(options.model).stem}" if named else options.kind
    taken, number = {stage.name for stage in before}, 2
    free = name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free


def _classify(
    options: ClassifyOptions, classifier: Classifier, ids: Ints | None, name: str
) -> Stage[Any]:
    from sightline.runtime.streams.classify import ClassifyTracks

    return ClassifyTracks(classifier, options, ids, name)


def _embed(
    options: EmbedOptions, embedder: IdentifiedEmbedder, ids: Ints | None, name: str
) -> Stage[Any]:
    from sightline.runtime.streams.embed import EmbedTracks

    return EmbedTracks(embedder, options, ids, name)


def _segment(
    options: SegmentOptions, detector: Detector, names: tuple[str, ...], ids: Ints | None, name: str
) -> Stage[Any]:
    from sightline.runtime.streams.further_detectors.segment import SegmentObjects

    return SegmentObjects(detector, options, names, ids, name)


def _detect(
    options: DetectOptions, detector: Detector, names: tuple[str, ...], ids: Ints | None, name: str
) -> tuple[Stage[Any], tuple[str, ...]]:
    """The stage, and the class names that there are after it."""
    from sightline.runtime.streams.further_detectors.detect_in_objects import DetectInObjects

    for of, known in ((f"detect {options.model}", detector.class_names), ("the detector", names)):
        if not known:
            raise ConfigError(
                f"{of}: its classes have no names, so those of two detectors cannot stand in one list: "
                "give `class_names` in its card"
            )
    stage = DetectInObjects(detector, options, names, ids, name)
    return stage, stage.class_names


def stage_class_ids(options: StageOptions, names: tuple[str, ...]) -> Ints | None:
    """The class ids of the objects that a stage is shown; None: all. Raises ConfigError: there is no such class."""
    import numpy as np

    from sightline.models.detector import class_ids

    try:
        ids = class_ids(names, options.of)
    except ConfigError as exc:
        raise ConfigError(f"{options.kind} {options.model}: of: {exc}") from exc
    return np.array(ids, np.int64) if ids else None

"""Further models of a stream, from options to stages: classifiers and embedders of objects."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sightline.build.crop_models import classifier, embedder
from sightline.config import ClassifyOptions, EmbedOptions, ModelOptions, StageOptions
from sightline.errors import ConfigError
from sightline.protocols import Classifier, Detector, IdentifiedEmbedder, Stage
from sightline.types import Ints

if TYPE_CHECKING:
    from sightline.models.classifier import CropClassifier
    from sightline.models.embedder import CropEmbedder

M = TypeVar("M", "CropClassifier", "CropEmbedder")

GetClassifier = Callable[[ClassifyOptions], Classifier]
"""The classifier of a stage. Raises SightlineError."""

GetEmbedder = Callable[[str], IdentifiedEmbedder]
"""The embedder of this name or file. Raises SightlineError."""


class StageModels:
    """The models of stages and trackers, by what they do and by name, each loaded when it is first asked for.

    Args:
        classifier, embedder: make a new model of this name. Raise SightlineError.
    """

    def __init__(
        self, classifier: Callable[[str], CropClassifier], embedder: Callable[[str], CropEmbedder]
    ) -> None:
        self._classifiers = _Loaded(classifier)
        self._embedders = _Loaded(embedder)

    @classmethod
    def in_folder(cls, models_dir: Path | None) -> StageModels:
        """Those of files and names, with pulled models in this folder."""

        def options(name: str) -> ModelOptions:
            return ModelOptions(model=name, models_dir=models_dir)

        return cls(lambda name: classifier(options(name)), lambda name: embedder(options(name)))

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

    def close(self) -> None:
        """Free all. Idempotent."""
        self._classifiers.close()
        self._embedders.close()


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
) -> list[Stage[Any]]:
    """The stages of one stream after its tracker.

    Args:
        wanted: options; or stages as they are, of this stream alone.
        detector: whose classes they name.
        get: finds the classifiers.
        get_embedder: finds the embedders.

    Raises:
        ConfigError: a class has no such name.
        SightlineError: a model cannot be used.
    """
    given = (wanted,) if isinstance(wanted, StageOptions | Stage) else tuple(wanted)
    kinds = Counter(one.kind for one in given if isinstance(one, StageOptions))
    found: list[Stage[Any]] = []
    for one in given:
        if isinstance(one, type) or not isinstance(one, StageOptions | Stage):
            raise ConfigError(
                "stages: give sightline.Classify(model), sightline.Embed(model) or a Stage of your own, "
                f"not {one!r:.60}"
            )
        if not isinstance(one, StageOptions):
            found.append(one)
            continue
        # A tracker's own embedder is called `embed`.
        several = kinds[one.kind] > 1 or isinstance(one, EmbedOptions)
        name = f"{one.kind} {Path(one.model).stem}" if several else one.kind
        if isinstance(one, EmbedOptions):
            found.append(_embed(one, detector, get_embedder(one.model), name))
        else:
            found.append(_classify(one, detector, get(one), name))
    return found


def _classify(
    options: ClassifyOptions, detector: Detector, classifier: Classifier, name: str
) -> Stage[Any]:
    from sightline.runtime.streams.classify import ClassifyTracks

    return ClassifyTracks(classifier, options, _ids(options, detector), name)


def _embed(
    options: EmbedOptions, detector: Detector, embedder: IdentifiedEmbedder, name: str
) -> Stage[Any]:
    from sightline.runtime.streams.embed import EmbedTracks

    return EmbedTracks(embedder, options, _ids(options, detector), name)


def _ids(options: StageOptions, detector: Detector) -> Ints | None:
    """The class ids of the objects that a stage is shown; None: all."""
    import numpy as np

    from sightline.models.detector import class_ids

    try:
        ids = class_ids(detector.class_names, options.of)
    except ConfigError as exc:
        raise ConfigError(f"{options.kind} {options.model}: of: {exc}") from exc
    return np.array(ids, np.int64) if ids else None

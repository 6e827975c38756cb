"""Further models of a stream, from options to stages: classifiers of tracked objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sightline.build.crop_models import classifier, embedder
from sightline.config import ClassifyOptions, ModelOptions
from sightline.errors import ConfigError
from sightline.protocols import Classifier, Detector, Stage

if TYPE_CHECKING:
    from sightline.models.classifier import CropClassifier
    from sightline.models.embedder import CropEmbedder

M = TypeVar("M", "CropClassifier", "CropEmbedder")

GetClassifier = Callable[[ClassifyOptions], Classifier]
"""The classifier of a stage. Raises SightlineError."""


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
    wanted: Sequence[ClassifyOptions | Stage[Any]], detector: Detector, get: GetClassifier
) -> list[Stage[Any]]:
    """The stages of one stream after its tracker.

    Args:
        wanted: options; or stages as they are, of this stream alone.
        detector: whose classes they name.
        get: finds the classifiers.

    Raises:
        ConfigError: a class has no such name.
        SightlineError: a model cannot be used.
    """
    found: list[Stage[Any]] = []
    given = (wanted,) if isinstance(wanted, ClassifyOptions | Stage) else tuple(wanted)
    several = sum(isinstance(one, ClassifyOptions) for one in given) > 1
    for one in given:
        if isinstance(one, type) or not isinstance(one, ClassifyOptions | Stage):
            raise ConfigError(
                f"stages: give sightline.Classify(model) or a Stage of your own, not {one!r:.60}"
            )
        if not isinstance(one, ClassifyOptions):
            found.append(one)
            continue
        name = f"classify {Path(one.model).stem}" if several else "classify"
        found.append(_classify(one, detector, get(one), name))
    return found


def _classify(
    options: ClassifyOptions, detector: Detector, classifier: Classifier, name: str
) -> Stage[Any]:
    import numpy as np

    from sightline.models.detector import class_ids
    from sightline.runtime.streams.classify import ClassifyTracks

    try:
        ids = class_ids(detector.class_names, options.of)
    except ConfigError as exc:
        raise ConfigError(f"classify {options.model}: of: {exc}") from exc
    return ClassifyTracks(classifier, options, np.array(ids, np.int64) if ids else None, name)

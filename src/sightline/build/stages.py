"""Further models of a stream, from options to stages: classifiers of tracked objects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.build.models import classifier
from sightline.config import ClassifyOptions, ModelOptions
from sightline.errors import ConfigError
from sightline.protocols import Classifier, Detector, Stage

if TYPE_CHECKING:
    from sightline.models.classifier import CropClassifier

GetClassifier = Callable[[ClassifyOptions], Classifier]
"""The classifier of a stage. Raises SightlineError."""


class StageModels:
    """The models of stages by name, each loaded when it is first asked for.

    Args:
        load: a new model of this name. Raises SightlineError.
    """

    def __init__(self, load: Callable[[str], CropClassifier]) -> None:
        self._load = load
        self._loading = threading.Lock()
        self._loaded: dict[str, CropClassifier] = {}
        self._closing = ExitStack()

    def get(self, name: str) -> CropClassifier:
        """The model of this name. Raises what loading it raises."""
        with self._loading:
            if name not in self._loaded:
                loaded = self._load(name)
                self._closing.callback(loaded.close)
                if loaded.card.multi_label:
                    raise ConfigError(
                        f"classify {name}: its values may hold several at once (`multi_label`), and labels of "
                        "tracks are one of several: use it with `sightline classify`"
                    )
                self._loaded[name] = loaded
            return self._loaded[name]

    @classmethod
    def in_folder(cls, models_dir: Path | None) -> StageModels:
        """Those of files and names, with pulled models in this folder."""
        return cls(lambda name: classifier(ModelOptions(model=name, models_dir=models_dir)))

    def classifier(self, options: ClassifyOptions) -> Classifier:
        """The classifier of a stage, for streams that share it with nobody. Raises what loading raises."""
        return self.get(options.model).replaced(conf=options.conf)

    def close(self) -> None:
        """Free all. Idempotent."""
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
